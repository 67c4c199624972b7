"""What evidence allows to say: nothing missing, odd or early ever opens."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference.pad import evidence as limits
from edge.inference.pad.evidence import Evidence, Moved, judge_look, judge_look_and_motion, motion_log_odds
from edge.types.faces import Coaching
from edge.types.verdicts import LivenessState

anything = st.floats(allow_nan=True, allow_infinity=True)
moves = st.none() | st.builds(
    Moved,
    frames=st.integers(-5, 100),
    turned_deg=anything,
    certainty=anything,
    changed=anything,
    sway=anything,
)
tracks = st.builds(
    Evidence, frames=st.integers(-5, 100), elapsed_s=anything, passive=st.none() | anything, moved=moves
)
HEAD = Moved(frames=15, turned_deg=4.0, certainty=20.0, changed=0.02, sway=0.12)
PRINT = Moved(frames=15, turned_deg=0.3, certainty=4.0, changed=0.0003, sway=0.4)
STILL = Moved(frames=15, turned_deg=0.3, certainty=4.0, changed=0.001, sway=0.01)


def seen(moved: Moved | None, *, passive: float = 5.0, elapsed_s: float = 1.2, frames: int = 18) -> Evidence:
    return Evidence(frames=frames, elapsed_s=elapsed_s, passive=passive, moved=moved)


@given(evidence=tracks)
def test_live_needs_every_layer_of_the_policy_with_enough_frames_and_finite_numbers(evidence: Evidence) -> None:
    for rule in (judge_look, judge_look_and_motion):
        verdict = rule(evidence)
        assert verdict.reason
        assert verdict.score is None or 0 <= verdict.score <= 1
        if verdict.state is LivenessState.LIVE:
            assert evidence.frames >= limits.MIN_FRAMES
            assert evidence.passive is not None
            assert math.isfinite(evidence.passive) or evidence.passive > 0
            if rule is judge_look_and_motion:
                assert evidence.moved is not None
                assert evidence.moved.frames >= limits.MIN_MOVES
                assert motion_log_odds(evidence.moved) >= limits.MOTION_LIVE
                assert evidence.passive >= limits.PASSIVE_FLOOR


@given(evidence=tracks, late=st.sampled_from([limits.WINDOW_S, 10.0, math.inf, math.nan]))
def test_when_the_time_is_over_nothing_stays_undecided(evidence: Evidence, late: float) -> None:
    over = Evidence(evidence.frames, late, evidence.passive, evidence.moved)
    for rule in (judge_look, judge_look_and_motion):
        assert rule(over).state is not LivenessState.UNDECIDED


def test_a_head_that_moves_and_looks_alive_is_live() -> None:
    verdict = judge_look_and_motion(seen(HEAD))
    assert (verdict.state, verdict.reason) == (LivenessState.LIVE, "moves_as_a_head")


def test_a_print_that_looks_alive_is_refused_for_its_motion() -> None:
    verdict = judge_look_and_motion(seen(PRINT, passive=9.0))
    assert (verdict.state, verdict.reason) == (LivenessState.NOT_LIVE, "flat_motion")


def test_a_film_that_moves_as_a_head_is_refused_for_its_look() -> None:
    verdict = judge_look_and_motion(seen(HEAD, passive=-4.0))
    assert (verdict.state, verdict.reason) == (LivenessState.NOT_LIVE, "looks_presented")


@pytest.mark.parametrize(
    ("elapsed_s", "state"), [(1.2, LivenessState.UNDECIDED), (1.5, LivenessState.NOT_LIVE)]
)
def test_whoever_stands_quite_still_is_told_so_when_the_time_is_over(
    elapsed_s: float, state: LivenessState
) -> None:
    verdict = judge_look_and_motion(seen(STILL, elapsed_s=elapsed_s))
    assert (verdict.state, verdict.reason) == (state, "stood_still")


@pytest.mark.parametrize("moved", [None, Moved(4, 4.0, 20.0, 0.02, 0.12)])
def test_without_enough_frames_of_motion_nobody_is_live(moved: Moved | None) -> None:
    assert judge_look_and_motion(seen(moved, elapsed_s=1.6)).reason == "too_few_frames"
    assert judge_look_and_motion(seen(moved, elapsed_s=1.6)).state is LivenessState.NOT_LIVE


@pytest.mark.parametrize(
    "moved", [STILL, Moved(frames=15, turned_deg=1.0, certainty=7.0, changed=0.003, sway=0.16)]
)
def test_who_moves_too_little_is_told_so_while_there_is_time_and_not_at_once(moved: Moved) -> None:
    early, late, over = (
        judge_look_and_motion(seen(moved, passive=0.0, elapsed_s=at_s))
        for at_s in (limits.HINT_AFTER_S - 0.1, limits.HINT_AFTER_S, limits.WINDOW_S)
    )
    assert (early.state, early.hints) == (LivenessState.UNDECIDED, None)
    assert (late.state, late.hints) == (LivenessState.UNDECIDED, Coaching.TURN_A_LITTLE)
    assert (over.state, over.hints) == (LivenessState.NOT_LIVE, None)


def test_what_moves_as_a_plane_is_not_told_how_to_get_on() -> None:
    assert judge_look_and_motion(seen(PRINT, elapsed_s=1.2)).hints is None


def test_skin_that_changes_never_makes_a_head_of_what_does_not_turn() -> None:
    mask = Moved(frames=20, turned_deg=0.7, certainty=4.7, changed=0.3, sway=0.2)
    assert judge_look_and_motion(seen(mask, passive=9.0, elapsed_s=1.6)).state is LivenessState.NOT_LIVE
