"""The daemon's analyser as an evaluation's reader: one still picture in, what the kiosk makes of it out."""

from edge.evaluation.reading import Reading
from edge.inference.analyser import FaceAnalyser, portrayed
from edge.types import BgrImage


class StillReader:
    """Reads the face that a picture is of, with the models, limits and lock of the daemon."""

    def __init__(self, analyser: FaceAnalyser) -> None:
        self._analyser = analyser

    def read(self, image: BgrImage) -> Reading:
        """Find, judge and embed the face of one (h, w, 3) uint8 BGR picture."""
        found = self._analyser.detect(image)
        if not found:
            return Reading(faces=0, coaching=None, embedding=None)
        face = self._analyser.examine(image, portrayed(found, image.shape))
        return Reading(len(found), face.quality.coaching, self._analyser.embed(image, face))
