"""Who keeps still is told what helps, refused with a reason, and gets on with the next try that moves."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from edge.inference.liveness import GuardedLiveness
from edge.inference.pad.evidence import HINT_AFTER_S, WINDOW_S
from edge.inference.pad.passive import PassiveNetwork
from edge.inference.pad.watch import LayeredLiveness
from edge.inference.pipeline import DOUBT_RETRY_S
from edge.types.faces import BgrImage, Box, Coaching, Detection, Frame, Landmarks
from edge.types.verdicts import Outcome, Scene
from tests.edge.inference.booth import Booth, Stand, face_at, verdicts
from tests.edge.inference.pad.test_motion import moved

FPS = 15
MOST = 0.5


class Content(PassiveNetwork):
    """A look that finds nothing against anybody, and opens for nobody who does not move."""

    def __init__(self) -> None:
        """It needs no model."""

    def log_odds(self, image: BgrImage, box: Box) -> float:
        del image, box
        return 4.0


@dataclass
class Head(Stand):
    """Landmarks where the head of the present frame has them."""

    landmarks: list[Landmarks] = field(default_factory=list)

    def locate(self, image: BgrImage, detection: Detection) -> Landmarks:
        del image, detection
        return self.landmarks[-1]


@pytest.fixture(scope="module")
def turned(astronaut: BgrImage) -> list[tuple[BgrImage, Landmarks]]:
    """One head, turned further in every frame; the first looks ahead."""
    big = cv2.resize(astronaut, None, fx=2.6, fy=2.6, interpolation=cv2.INTER_CUBIC)[70:570, 330:830]
    portrait = np.ascontiguousarray(big)
    return [moved(portrait, turn=MOST * step / 11, plane=False, seed=step) for step in range(12)]


def watched(booth: Booth, seen: list[tuple[BgrImage, Landmarks]], *, from_s: float) -> list[Scene]:
    scenes = []
    for index, (image, landmarks) in enumerate(seen):
        booth.stand.landmarks.append(landmarks)  # type: ignore[attr-defined] # a Head
        scenes.append(booth.recogniser.process(Frame(image, from_s + index / FPS, index)))
    return scenes


def test_who_stands_still_is_coached_refused_with_a_reason_and_recognised_once_they_move(
    turned: list[tuple[BgrImage, Landmarks]],
) -> None:
    inner = LayeredLiveness(
        Content(), policy="passive_and_time", people={}, mirrored=False, choose=lambda options: options[0]
    )
    booth = Booth(liveness=GuardedLiveness(inner), stand=Head())
    booth.stand.people = [(1, face_at(320, 230, width=240))]
    still = [turned[0]] * round((WINDOW_S + DOUBT_RETRY_S + 0.2) * FPS)
    before = watched(booth, still, from_s=0.0)
    (first,) = verdicts(before)
    assert (first.outcome, first.reason) == (Outcome.NOT_LIVE, "stood_still")
    coached = [s.captured_s for s in before if s.coaching is Coaching.TURN_A_LITTLE]
    assert coached[0] == pytest.approx(HINT_AFTER_S, abs=2 / FPS)
    assert any(at_s < first.decided_s for at_s in coached)
    after = watched(booth, [*turned, *turned[::-1]], from_s=len(still) / FPS)
    assert [verdict.outcome for verdict in verdicts(after)] == [Outcome.RECOGNISED]
