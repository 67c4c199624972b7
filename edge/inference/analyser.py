"""One face of one still picture, through exactly the models and limits that the daemon uses.

Enrolment and evaluation look at photographs with it. Photographs are untrusted and may be large; what is asked
of them (size, pose, light) is the caller's `QualityConfig`.
"""

import math
from dataclasses import dataclass

from edge.config.recognition import QualityConfig
from edge.inference.chain import Models
from edge.inference.quality import assess
from edge.types.faces import BgrImage, Detection, Embedding, Landmarks, Quality
from edge.types.identity import ModelHash


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face of a picture, examined.

    Args:
        detection: Where it is.
        landmarks: Its parts.
        quality: What was measured, and whether it is good enough.
    """

    detection: Detection
    landmarks: Landmarks
    quality: Quality


class FaceAnalyser:
    """Finds, examines and embeds faces of still pictures. Safe from any thread: the models' lock is held.

    Args:
        models: The open models; they stay the caller's to close.
        limits: What a face must be like.
    """

    def __init__(self, models: Models, *, limits: QualityConfig) -> None:
        self._models = models
        self._limits = limits

    @property
    def model_hash(self) -> ModelHash:
        """The chain that `embed` belongs to."""
        return self._models.embedder.model_hash

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._models.embedder.dim

    def detect(self, image: BgrImage) -> tuple[Detection, ...]:
        """All faces of a (h, w, 3) uint8 BGR picture, best score first."""
        with self._models.lock:
            return self._models.detector.detect(image)

    def examine(self, image: BgrImage, detection: Detection) -> Face:
        """Locate the parts of one detected face and judge its quality."""
        with self._models.lock:
            landmarks = self._models.landmarker.locate(image, detection)
            crop = self._models.aligner.crop(image, landmarks)
            quality = assess(image.shape, detection, landmarks, crop=crop, limits=self._limits)
            return Face(detection, landmarks, quality)

    def embed(self, image: BgrImage, face: Face) -> Embedding:
        """The face as a probe, (dim,) float32, L2-normalised. Its quality is the caller's to respect."""
        with self._models.lock:
            return self._models.embedder.embed(image, face.landmarks)

    def template(self, image: BgrImage, face: Face) -> Embedding:
        """The face's embedding as it is enrolled: more careful than a probe's, of the same form."""
        with self._models.lock:
            return self._models.embedder.template(image, face.landmarks)

    def subject(self, image: BgrImage) -> Face | None:
        """Examine the face that the picture is of, or None where there is no face."""
        found = self.detect(image)
        return self.examine(image, portrayed(found, image.shape)) if found else None


def portrayed(found: tuple[Detection, ...], shape: tuple[int, ...]) -> Detection:
    """Whom a photograph is of: the face that is large and near the centre (side length minus offset, pixels).

    Args:
        found: At least one.
        shape: (h, w, 3) of the picture.
    """
    middle = (shape[1] / 2, shape[0] / 2)
    return max(found, key=lambda one: math.sqrt(one.box.area) - math.dist(one.box.centre, middle))
