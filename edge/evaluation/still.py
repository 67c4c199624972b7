"""The daemon's analyser as an evaluation's reader: one still picture in, what the kiosk makes of it out."""

from collections.abc import Set

from edge.evaluation.reading import Reading, Role
from edge.inference.analyser import FaceAnalyser, portrayed
from edge.types.faces import BgrImage


class StillReader:
    """Reads the face that a picture is of, with the models, limits and lock of the daemon."""

    def __init__(self, analyser: FaceAnalyser) -> None:
        self._analyser = analyser

    def read(self, image: BgrImage, *, roles: Set[Role]) -> Reading:
        """Find, judge and embed the face of one (h, w, 3) uint8 BGR picture, in each role."""
        found = self._analyser.detect(image)
        if not found:
            return Reading(faces=0, coaching=None, embeddings={})
        face = self._analyser.examine(image, portrayed(found, image.shape))
        embed = {Role.TEMPLATE: self._analyser.template, Role.PROBE: self._analyser.embed}
        return Reading(len(found), face.quality.coaching, {role: embed[role](image, face) for role in roles})
