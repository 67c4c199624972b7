"""Turns pictures into embeddings through the daemon's own analyser, once a picture.

Pictures and embeddings stay in memory and are never written. What could not be read is counted by its reason.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.evaluation.samples import Progress, Sample, read_picture
from edge.types import BgrImage, Coaching, Embedding


@dataclass(frozen=True, eq=False)
class Reading:
    """What the kiosk's own code makes of one picture.

    Args:
        faces: Faces found; the one that the kiosk would judge is taken.
        coaching: What the kiosk would ask for in front of a camera, or None.
        embedding: (dim,) float32, L2-normalised; None where no face was found.
    """

    faces: int
    coaching: Coaching | None
    embedding: Embedding | None


class FaceReader(Protocol):
    """The daemon's analyser, for one still picture."""

    def read(self, image: BgrImage) -> Reading:
        """Find, judge and embed the face of one (h, w, 3) uint8 BGR picture."""
        ...


@dataclass
class Readings:
    """Embeddings by picture, and what happened on the way.

    Args:
        embeddings: Of every picture in which a face was found (and accepted, with the gate).
        failures: How often which reason kept a picture out.
        coached: How many usable faces the kiosk would have asked to do better.
        several: In how many pictures more than one face was found.
    """

    embeddings: dict[Path, Embedding] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    coached: Counter[str] = field(default_factory=Counter)
    several: int = 0
    pictures: int = 0

    def matrix(self, samples: Iterable[Sample]) -> NDArray[np.float32]:
        """(n, dim) float32 of samples that all have an embedding."""
        return np.stack([self.embeddings[sample.path] for sample in samples])

    def summary(self) -> dict[str, object]:
        """Counts for the report."""
        return {
            "pictures": self.pictures,
            "failed_to_acquire": sum(self.failures.values()),
            "failures": dict(self.failures),
            "would_be_coached": dict(self.coached),
            "with_several_faces": self.several,
        }


def read_all(
    samples: Iterable[Sample], *, reader: FaceReader, quality_gate: bool, progress: Progress
) -> Readings:
    """Read every picture once.

    Args:
        samples: Pictures, repeated ones are read once.
        reader: The daemon's analyser.
        quality_gate: Refuse what the kiosk would refuse in front of a camera. Off, such pictures are matched
            all the same and only counted: a still picture cannot be asked to come closer.
        progress: Told after every picture.
    """
    paths = sorted({sample.path for sample in samples})
    readings = Readings(pictures=len(paths))
    for done, path in enumerate(paths, start=1):
        image = read_picture(path)
        reading = reader.read(image) if image is not None else None
        _take(readings, path, reading, quality_gate=quality_gate)
        progress("reading faces", done, len(paths))
    return readings


def _take(readings: Readings, path: Path, reading: Reading | None, *, quality_gate: bool) -> None:
    if reading is None:
        readings.failures["not_a_picture"] += 1
        return
    readings.several += reading.faces > 1
    if reading.embedding is None:
        readings.failures["no_face"] += 1
        return
    if reading.coaching is not None:
        readings.coached[reading.coaching.value] += 1
        if quality_gate:
            readings.failures[reading.coaching.value] += 1
            return
    readings.embeddings[path] = reading.embedding
