"""One recognition chain at work: its embedder, its gallery, and the measured threshold that holds for both.

What belongs together cannot be mixed up here: templates are compared with probes of their own chain only, at a
threshold that was measured for it and rises when the gallery outgrows the measurement.
"""

from collections.abc import Sequence

from edge.errors import ModelError
from edge.inference.analyser import Face
from edge.inference.gallery import Gallery
from edge.inference.operating_point import OperatingPoint, Threshold, choose
from edge.ports import Embedder
from edge.types.faces import Embedding, Frame
from edge.types.identity import ModelHash


class Comparator:
    """One chain's embedder with its gallery and its thresholds.

    Args:
        embedder: Makes probes.
        gallery: Templates of the same chain.
        points: All measured operating points.
        max_fpir: What is configured.

    Raises:
        ModelError: Embedder and gallery are of different chains.
        OperatingPointMissing: Nothing was measured for this chain at `max_fpir`.
    """

    def __init__(
        self, embedder: Embedder, gallery: Gallery, *, points: Sequence[OperatingPoint], max_fpir: float
    ) -> None:
        if embedder.model_hash != gallery.model_hash:
            raise ModelError("the gallery holds templates of another chain than the embedder's")
        self._embedder = embedder
        self._gallery = gallery
        self._points = tuple(points)
        self._max_fpir = max_fpir
        self._threshold = self._choose(gallery.people)

    @property
    def gallery(self) -> Gallery:
        """The templates."""
        return self._gallery

    @property
    def model_hash(self) -> ModelHash:
        """The chain."""
        return self._embedder.model_hash

    def embed(self, frame: Frame, face: Face) -> Embedding:
        """The probe of one face."""
        return self._embedder.embed(frame.image, face.landmarks)

    def threshold(self, *, people: int | None = None) -> Threshold:
        """The threshold for as many people as are searched; it rises when they outgrow the measurement."""
        people = self._gallery.people if people is None else people
        if people != self._threshold.gallery_people:
            self._threshold = self._choose(people)
        return self._threshold

    def _choose(self, people: int) -> Threshold:
        return choose(
            self._points, model_hash=self.model_hash, max_fpir=self._max_fpir, gallery_people=max(1, people)
        )
