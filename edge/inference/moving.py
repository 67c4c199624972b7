"""Which recognition may give a person their first template of the current chain (DESIGN section 5).

Two chains live side by side while people move over. A new template is only ever made of a walk-up about which
there was no doubt: every frame matched that person in the previous chain, each far above the threshold and far
ahead of everybody else, and the verdict stood on a liveness verdict of LIVE. Pure but for the frame it keeps:
the surest one, in memory, until it is taken or the track is dropped.
"""

from dataclasses import dataclass

from edge.inference.analyser import Face
from edge.inference.decision import Compared
from edge.types.faces import BgrImage, Landmarks
from edge.types.identity import ModelHash
from edge.types.verdicts import Outcome, Verdict

# Chosen on lfw-dev so that most single genuine probes are this sure and no stranger at hand was; not a rate.
ABOVE_THRESHOLD = 0.1
AHEAD_OF_NEXT = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """The picture that a template may be made of. Never logged.

    Args:
        image: (h, w, 3) uint8 BGR.
        landmarks: Of the one face.
    """

    image: BgrImage
    landmarks: Landmarks

    def __repr__(self) -> str:
        return "Move(********)"


class Candidate:
    """Gathers one track's evidence.

    Args:
        previous: The chain that people move over from.
        min_face_px: Least width of a face that a template is made of (`enrolment.min_face_px`).
    """

    def __init__(self, *, previous: ModelHash, min_face_px: float) -> None:
        self._previous = previous
        self._min_face_px = min_face_px
        self._sure = True
        self._best: tuple[float, Move] | None = None

    def take(self, compared: Compared, image: BgrImage, face: Face) -> None:
        """Take one matched frame into account; a single doubtful one ends it."""
        match = compared.match
        self._sure &= (
            compared.model_hash == self._previous
            and match.score >= compared.threshold + ABOVE_THRESHOLD
            and match.margin >= AHEAD_OF_NEXT
        )
        if not self._sure:
            self._best = None
        elif face.quality.face_px >= self._min_face_px and (self._best is None or match.score > self._best[0]):
            self._best = match.score, Move(image, face.landmarks)

    def move(self, verdict: Verdict) -> Move | None:
        """The surest frame, if the verdict leaves no doubt; else None."""
        certain = (
            self._sure
            and verdict.outcome is Outcome.RECOGNISED
            and verdict.model_hash == self._previous
            and verdict.frames_agreed == verdict.frames_matched
        )
        return self._best[1] if certain and self._best is not None else None
