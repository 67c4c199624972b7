"""Only a walk-up about which there was no doubt may give a person a template of the current chain."""

import numpy as np
import pytest

from edge.config.recognition import DecisionConfig
from edge.inference.analyser import Face
from edge.inference.decision import Compared
from edge.inference.moving import ABOVE_THRESHOLD, AHEAD_OF_NEXT, Candidate, Move
from edge.types.faces import Quality
from edge.types.identity import ModelHash, TrackId
from edge.types.verdicts import Match, Outcome, Verdict
from tests.edge.inference.booth import Booth, Stand, Watcher, looks, verdicts
from tests.edge.inference.given import CHAIN, THRESHOLD, face_at, landmarks_of, person, template, unit

OLD = ModelHash("b" * 64)
MIN_FACE_PX = 90.0
SURE = THRESHOLD + ABOVE_THRESHOLD


def face(width: float = 120.0) -> Face:
    detection = face_at(300, width=width)
    return Face(detection, landmarks_of(detection), Quality(None, width, 0, 0, 0, 10, 0.5, 0.2))


def compared(score: float, *, next_score: float = 0.0, chain: ModelHash = OLD) -> Compared:
    return Compared(Match(person(7), score, next_score), THRESHOLD, chain)


def image(shade: int) -> np.ndarray:
    return np.full((4, 4, 3), shade, np.uint8)


def recognised(**changes: object) -> Verdict:
    fields = {"frames_matched": 3, "frames_agreed": 3, "model_hash": OLD, "person_id": person(7)} | changes
    return Verdict(Outcome.RECOGNISED, decided_s=1.0, track_id=TrackId(1), **fields)  # type: ignore[arg-type]


def judged(*frames: tuple[Compared, float], verdict: Verdict | None = None) -> Move | None:
    candidate = Candidate(previous=OLD, min_face_px=MIN_FACE_PX)
    for shade, (seen, width) in enumerate(frames):
        candidate.take(seen, image(shade), face(width))
    return candidate.move(verdict or recognised())


def test_the_surest_frame_of_a_walk_up_without_doubt_is_taken() -> None:
    move = judged((compared(0.7), 120), (compared(0.9), 120), (compared(0.8), 120))
    assert move is not None
    assert move.image[0, 0, 0] == 1
    assert "********" in repr(move)


@pytest.mark.parametrize(
    "doubtful",
    [
        compared(SURE - 0.001),
        compared(0.9, next_score=0.9 - AHEAD_OF_NEXT + 0.001),
        compared(0.9, chain=CHAIN),
    ],
    ids=["near the threshold", "near the next person", "matched by the current chain"],
)
@pytest.mark.parametrize("at", [0, 2])
def test_a_single_doubtful_frame_ends_it(doubtful: Compared, at: int) -> None:
    frames = [(compared(0.9), 120.0) for _ in range(2)]
    frames.insert(at, (doubtful, 120.0))
    assert judged(*frames) is None


def test_exactly_as_sure_as_asked_is_sure_enough() -> None:
    assert judged((compared(SURE, next_score=SURE - AHEAD_OF_NEXT - 1e-9), 120)) is not None


def test_a_face_too_small_to_enrol_is_not_taken() -> None:
    assert judged((compared(0.9), MIN_FACE_PX - 1)) is None
    move = judged((compared(0.9), MIN_FACE_PX - 1), (compared(0.8), MIN_FACE_PX))
    assert move is not None
    assert move.image[0, 0, 0] == 1


@pytest.mark.parametrize(
    "verdict",
    [
        recognised(frames_matched=4),
        recognised(model_hash=CHAIN),
        Verdict(Outcome.NOT_LIVE, 1.0, TrackId(1), frames_matched=3, frames_agreed=3, model_hash=OLD),
        Verdict(Outcome.UNSURE, 1.0, TrackId(1), frames_matched=3, frames_agreed=3, model_hash=OLD),
    ],
)
def test_a_verdict_that_leaves_doubt_moves_nobody(verdict: Verdict) -> None:
    assert judged((compared(0.9), 120), verdict=verdict) is None


def booth(*, likeness: float = 1.0, liveness: Watcher | None = None) -> Booth:
    """Person 7 has a template of the previous chain only, of which a probe has this cosine."""
    made = Booth(previous=Stand(chain=OLD), enrolled=(1,), liveness=liveness, decision=DecisionConfig())
    vector = unit(likeness * looks(7) + np.sqrt(1 - likeness**2) * looks(20))
    made.recogniser.galleries[OLD].add([template(7, 7, vector, chain=OLD)])
    return made


def test_the_pipeline_gives_the_template_once_and_only_for_that_track() -> None:
    made = booth()
    (verdict,) = verdicts(made.show((7, face_at(300)), frames=3))
    assert verdict.track_id is not None
    vector = made.recogniser.take_move(verdict.track_id)
    assert vector is not None
    assert np.array_equal(vector, looks(7))
    assert made.recogniser.take_move(verdict.track_id) is None


def test_the_next_frame_forgets_what_was_not_taken() -> None:
    made = booth()
    scenes = made.show((7, face_at(300)), frames=4)
    (verdict,) = verdicts(scenes)
    assert verdict.track_id is not None
    assert made.recogniser.take_move(verdict.track_id) is None


def test_another_track_takes_nothing() -> None:
    made = booth()
    (verdict,) = verdicts(made.show((7, face_at(300)), frames=3))
    assert verdict.track_id is not None
    assert made.recogniser.take_move(TrackId(verdict.track_id + 1)) is None


def test_a_borderline_recognition_is_a_recognition_and_moves_nobody() -> None:
    made = booth(likeness=THRESHOLD + ABOVE_THRESHOLD / 2)
    (verdict,) = verdicts(made.show((7, face_at(300)), frames=3))
    assert (verdict.outcome, verdict.model_hash) == (Outcome.RECOGNISED, OLD)
    assert verdict.track_id is not None
    assert made.recogniser.take_move(verdict.track_id) is None


def test_somebody_who_has_a_template_of_the_current_chain_does_not_move() -> None:
    made = booth()
    (verdict,) = verdicts(made.show((1, face_at(300)), frames=3))
    assert (verdict.outcome, verdict.model_hash) == (Outcome.RECOGNISED, CHAIN)
    assert verdict.track_id is not None
    assert made.recogniser.take_move(verdict.track_id) is None


def test_nobody_moves_before_liveness_has_said_live() -> None:
    made = booth(liveness=Watcher(live_after=10_000))
    found = verdicts(made.show((7, face_at(300)), frames=40))
    assert [verdict.outcome for verdict in found] == [Outcome.NOT_LIVE]
    assert found[0].track_id is not None
    assert made.recogniser.take_move(found[0].track_id) is None
