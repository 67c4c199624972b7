"""The challenge: the right answers in time and unbroken, and nothing else, pass."""

import itertools
import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference.pad import challenge as limits
from edge.inference.pad.challenge import Challenge, Progress, Sight, draw
from edge.types.faces import Box, Coaching

LEFT, RIGHT, CLOSER = Coaching.TURN_LEFT, Coaching.TURN_RIGHT, Coaching.COME_CLOSER
APART_S = 1 / 15


def sight(at_s: float, *, yaw: float = 0.0, width: float = 120.0, left: float = 200.0) -> Sight:
    return Sight(at_s, Box(left, 100, width, width), yaw)


BEFORE = sight(0.4)


def sweep(start: float, end: float, steps: int = 8) -> list[float]:
    return [start + (end - start) * (index + 1) / steps for index in range(steps)]


ANSWERS = {
    LEFT: [{"yaw": yaw} for yaw in (*sweep(0, 20), *sweep(20, 0))],
    RIGHT: [{"yaw": yaw} for yaw in (*sweep(0, -20), *sweep(-20, 0))],
    CLOSER: [{"width": width} for width in (*sweep(120, 150), *sweep(150, 120))],
}


def played(challenge: Challenge, frames: Iterable[dict[str, float]]) -> Progress:
    at_s = BEFORE.at_s
    for frame in frames:
        at_s += APART_S
        challenge.see(sight(at_s, **frame))
    return challenge.progress


@pytest.mark.parametrize("requests", list(itertools.permutations((LEFT, RIGHT, CLOSER), 2)))
def test_each_pair_of_requests_is_passed_by_its_answers_and_by_no_other_pair(
    requests: tuple[Coaching, ...],
) -> None:
    for answers in itertools.permutations(ANSWERS, 2):
        frames = [{}, *(frame for answer in answers for frame in ANSWERS[answer])]
        passed = played(Challenge(requests, before=BEFORE), frames) is Progress.PASSED
        assert passed == (answers == requests)


def test_it_asks_for_a_look_ahead_first_and_then_for_one_thing_at_a_time() -> None:
    challenge = Challenge((LEFT, CLOSER), before=BEFORE)
    assert challenge.asks is Coaching.LOOK_HERE
    played(challenge, [{}])
    assert challenge.asks is LEFT
    played(Challenge((LEFT, CLOSER), before=BEFORE), [{}])
    challenge.see(sight(BEFORE.at_s + 2 * APART_S, yaw=18.0))
    assert challenge.asks is Coaching.LOOK_HERE


def test_whoever_turns_the_other_way_has_failed() -> None:
    assert played(Challenge((LEFT, CLOSER), before=BEFORE), [{}, *ANSWERS[RIGHT]]) is Progress.WRONG


def test_whoever_does_nothing_is_too_slow() -> None:
    frames = [{}] * (round(limits.STEP_S / APART_S) + 3)
    assert played(Challenge((LEFT, CLOSER), before=BEFORE), frames) is Progress.TOO_SLOW


@pytest.mark.parametrize(
    "cut",
    [
        sight(BEFORE.at_s + APART_S, left=300.0),
        sight(BEFORE.at_s + APART_S, yaw=30.0),
        sight(BEFORE.at_s + 1.0),
        sight(BEFORE.at_s - 1.0),
        sight(math.nan),
        sight(BEFORE.at_s + APART_S, yaw=math.nan),
    ],
)
def test_a_face_that_jumps_is_gone_for_a_while_or_comes_from_the_past_is_a_cut(cut: Sight) -> None:
    challenge = Challenge((LEFT, CLOSER), before=BEFORE)
    assert challenge.see(cut) is Progress.CUT
    assert played(challenge, [{}, *ANSWERS[LEFT], *ANSWERS[CLOSER]]) is Progress.CUT


def test_every_draw_has_a_turn_and_two_different_requests_in_either_order() -> None:
    source = random.Random(1)  # noqa: S311 - a test that repeats itself
    drawn = [draw(source.choice) for _ in range(300)]
    assert all(len(set(each)) == limits.STEPS and {LEFT, RIGHT} & set(each) for each in drawn)
    assert {each[0] for each in drawn} == {each[1] for each in drawn} == {LEFT, RIGHT, CLOSER}


anything = st.floats(allow_nan=True, allow_infinity=True)


@given(
    sights=st.lists(
        st.builds(
            Sight,
            anything,
            st.builds(Box, anything, anything, anything, anything),
            anything,
        ),
        max_size=20,
    )
)
def test_nothing_raises_and_what_has_ended_stays_ended(sights: list[Sight]) -> None:
    challenge = Challenge((LEFT, CLOSER), before=BEFORE)
    seen = [challenge.see(each) for each in sights]
    ended = [each for each in seen if each is not Progress.ASKING]
    assert len(set(ended)) <= 1
    assert ended == seen[len(seen) - len(ended) :]
