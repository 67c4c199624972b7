from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from edge.config.recognition import InferenceConfig, LivenessConfig
from edge.inference.liveness import GuardedLiveness, LivenessOff, LivenessUnavailable, open_liveness
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.ports import Liveness
from edge.types.faces import Coaching, Frame, Landmarks, TrackedFace
from edge.types.identity import PersonId, TrackId
from edge.types.verdicts import LivenessState, LivenessVerdict
from tests.edge.inference.given import face_at, landmarks_of

POLICIES = get_args(LivenessConfig.model_fields["policy"].annotation)
FRAME = Frame(np.zeros((48, 64, 3), np.uint8), 1.0, 0)
FACE = TrackedFace(TrackId(1), 0.0, face_at(30))
LANDMARKS = landmarks_of(FACE.detection)


def opened(policy: str, store: ModelStore | None = None) -> Liveness:
    config = LivenessConfig.model_validate({"policy": policy})
    return open_liveness(config, store=store or ModelStore(), inference=InferenceConfig())


@dataclass
class Scripted:
    """A liveness that answers, or raises, what it is told to."""

    answer: object
    forgotten: list[int] = field(default_factory=list)

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        return self.judge(FRAME, FACE, LANDMARKS)

    def forget(self, track_id: int) -> None:
        if isinstance(self.answer, Exception):
            raise self.answer
        self.forgotten.append(track_id)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "liveness",
    [
        LivenessOff(),
        LivenessUnavailable(),
        GuardedLiveness(Scripted(LivenessVerdict(LivenessState.UNDECIDED, "watching", 0.5))),
        GuardedLiveness(Scripted(RuntimeError("broken"))),
        *(opened(policy) for policy in POLICIES),
    ],
)
def test_every_liveness_answers_and_forgets_without_raising(liveness: Liveness) -> None:
    verdict = liveness.judge(FRAME, FACE, LANDMARKS)
    assert isinstance(verdict.state, LivenessState)
    assert verdict.reason
    assert " " not in verdict.reason
    liveness.forget(1)
    liveness.forget(1)
    liveness.close()


def test_off_by_policy_lets_matches_count() -> None:
    verdict = opened("off").judge(FRAME, FACE, LANDMARKS)
    assert (verdict.state, verdict.reason) == (LivenessState.LIVE, "off_by_policy")


@pytest.mark.parametrize("policy", [each for each in POLICIES if each != "off"])
@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_without_its_model_every_policy_but_off_is_not_live_and_says_why(
    tmp_path: Path, policy: str, damage: str
) -> None:
    (tmp_path / "manifest.toml").write_bytes((SHIPPED_MODELS / "manifest.toml").read_bytes())
    if damage == "altered":
        (tmp_path / "faceplugin-liveness.tflite").write_bytes(b"TFL3 of somebody else")
    verdict = opened(policy, ModelStore(tmp_path)).judge(FRAME, FACE, LANDMARKS)
    assert (verdict.state, verdict.reason) == (LivenessState.NOT_LIVE, "no_liveness_model")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (RuntimeError("model failed"), "liveness_failed"),
        (MemoryError(), "liveness_failed"),
        (None, "liveness_bad_answer"),
        (True, "liveness_bad_answer"),
        (LivenessVerdict("live", "spelt"), "liveness_bad_answer"),  # type: ignore[arg-type]
        (LivenessVerdict(LivenessState.LIVE, "score", float("nan")), "liveness_bad_answer"),
        (LivenessVerdict(LivenessState.LIVE, "score", 1.5), "liveness_bad_answer"),
        (LivenessVerdict(LivenessState.LIVE, "asks", asks=Coaching.TURN_LEFT), "liveness_bad_answer"),
        (LivenessVerdict(LivenessState.LIVE, "hints", hints=Coaching.TURN_LEFT), "liveness_bad_answer"),
        (LivenessVerdict(LivenessState.UNDECIDED, "asks", asks="dance"), "liveness_bad_answer"),  # type: ignore[arg-type]
    ],
)
def test_whatever_goes_wrong_is_not_live(answer: object, reason: str) -> None:
    guarded = GuardedLiveness(Scripted(answer))
    for verdict in (guarded.judge(FRAME, FACE, LANDMARKS), guarded.concerning(1, PersonId("1" * 32))):
        assert (verdict.state, verdict.reason) == (LivenessState.NOT_LIVE, reason)


def test_the_guard_hands_on_sound_verdicts_and_what_to_forget() -> None:
    inner = Scripted(LivenessVerdict(LivenessState.LIVE, "depth", 0.97))
    guarded = GuardedLiveness(inner)
    assert guarded.judge(FRAME, FACE, LANDMARKS) is inner.answer
    guarded.forget(5)
    assert inner.forgotten == [5]
