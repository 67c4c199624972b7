"""Turns pictures into embeddings through the daemon's own analyser, once a picture.

Pictures and embeddings stay in memory and are never written. What could not be read is counted by its reason.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from edge.evaluation.samples import Progress, Sample, read_picture
from edge.types.faces import BgrImage, Coaching, Embedding


class Role(StrEnum):
    """What a picture is used as: the kiosk embeds an enrolled face with more care than a passing one."""

    TEMPLATE = "template"
    PROBE = "probe"


@dataclass(frozen=True, eq=False)
class Reading:
    """What the kiosk's own code makes of one picture.

    Args:
        faces: Faces found; the one that the kiosk would judge is taken.
        coaching: What the kiosk would ask for in front of a camera, or None.
        embeddings: (dim,) float32, L2-normalised, for each role asked for; empty where no face was found.
    """

    faces: int
    coaching: Coaching | None
    embeddings: Mapping[Role, Embedding]


class FaceReader(Protocol):
    """The daemon's analyser, for one still picture."""

    def read(self, image: BgrImage, *, roles: Set[Role]) -> Reading:
        """Find, judge and embed the face of one (h, w, 3) uint8 BGR picture, in each role."""
        ...


@dataclass
class Readings:
    """Embeddings by picture, and what happened on the way.

    Args:
        templates: Of every picture used as one in which a face was found (and accepted, with the gate).
        probes: Likewise.
        failures: How often which reason kept a picture out.
        coached: How many usable faces the kiosk would have asked to do better.
        several: In how many pictures more than one face was found.
    """

    templates: dict[Path, Embedding] = field(default_factory=dict)
    probes: dict[Path, Embedding] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    coached: Counter[str] = field(default_factory=Counter)
    several: int = 0
    pictures: int = 0

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
    *,
    enrolled: Iterable[Sample],
    probing: Iterable[Sample],
    reader: FaceReader,
    quality_gate: bool,
    progress: Progress,
) -> Readings:
    """Read every picture once, in the roles that it has.

    Args:
        enrolled: Pictures used as templates; repeated ones are read once.
        probing: Pictures used as probes.
        reader: The daemon's analyser.
        quality_gate: Refuse what the kiosk would refuse in front of a camera. Off, such pictures are matched
            all the same and only counted: a still picture cannot be asked to come closer.
        progress: Told after every picture.
    """
    roles: dict[Path, set[Role]] = {}
    for role, samples in ((Role.TEMPLATE, enrolled), (Role.PROBE, probing)):
        for sample in samples:
            roles.setdefault(sample.path, set()).add(role)
    readings = Readings(pictures=len(roles))
    for done, path in enumerate(sorted(roles), start=1):
        image = read_picture(path)
        reading = reader.read(image, roles=roles[path]) if image is not None else None
        _take(readings, path, reading, quality_gate=quality_gate)
        progress("reading faces", done, len(roles))
    return readings


def _take(readings: Readings, path: Path, reading: Reading | None, *, quality_gate: bool) -> None:
    if reading is None:
        readings.failures["not_a_picture"] += 1
        return
    readings.several += reading.faces > 1
    if not reading.embeddings:
        readings.failures["no_face"] += 1
        return
    if reading.coaching is not None:
        readings.coached[reading.coaching.value] += 1
        if quality_gate:
            readings.failures[reading.coaching.value] += 1
            return
    for role, kept in ((Role.TEMPLATE, readings.templates), (Role.PROBE, readings.probes)):
        if role in reading.embeddings:
            kept[path] = reading.embeddings[role]
