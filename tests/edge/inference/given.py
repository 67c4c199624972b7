"""Makers of the values that inference tests are about: short to write, complete, and without a real person."""

from collections.abc import Sequence

import numpy as np

from edge.inference.decision import Compared, Observation
from edge.types.faces import Box, Coaching, Detection, Embedding, Landmarks
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Template
from edge.types.verdicts import LivenessState, LivenessVerdict, Match

CHAIN = ModelHash("a" * 64)
LIVE = LivenessVerdict(LivenessState.LIVE, "off_by_policy")
UNDECIDED = LivenessVerdict(LivenessState.UNDECIDED, "watching")
NOT_LIVE = LivenessVerdict(LivenessState.NOT_LIVE, "flat_motion")
THRESHOLD = 0.5


def person(number: int) -> PersonId:
    return PersonId(f"{number:032x}")


def face_at(x: float, y: float = 200.0, *, width: float = 100.0, score: float = 0.9) -> Detection:
    """A detection whose box is centred on (x, y)."""
    box = Box(x - width / 2, y - width / 2, width, width)
    shape = [(-0.2, -0.2), (0.2, -0.2), (0.0, 0.0), (0.0, 0.2), (-0.45, -0.1), (0.45, -0.1)]
    points = np.array([(x + dx * width, y + dy * width) for dx, dy in shape], np.float32)
    return Detection(box, score, points)


def landmarks_of(detection: Detection) -> Landmarks:
    mouth = detection.keypoints[3]
    aside = np.array([15, 0], np.float32)
    five = np.stack([*detection.keypoints[:3], mouth - aside, mouth + aside]).astype(np.float32)
    return Landmarks(five=five, mesh=None, presence=1.0)


def matched(who: int | None, score: float, *, runner_up: float = 0.0, threshold: float = THRESHOLD) -> Compared:
    return Compared(
        match=Match(None if who is None else person(who), score, runner_up),
        threshold=threshold,
        model_hash=CHAIN,
    )


def seen(
    at_s: float,
    compared: Compared | None = None,
    *,
    live: LivenessVerdict | None = LIVE,
    coaching: Coaching | None = None,
) -> Observation:
    return Observation(at_s, coaching=coaching, liveness=None if coaching else live, compared=compared)


def unit(values: Sequence[float] | Embedding) -> Embedding:
    vector = np.asarray(values, np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def template(number: int, who: int, vector: Embedding, *, chain: ModelHash = CHAIN) -> Template:
    return Template(TemplateId(f"{number:032x}"), person(who), chain, vector)
