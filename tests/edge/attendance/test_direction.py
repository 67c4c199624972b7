from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.attendance.direction import UNSTATED, DirectionProblem, direct
from edge.config.attendance import AttendanceConfig
from edge.types.clock import ClockTrust, Instant
from edge.types.punches import Direction, DirectionSource
from tests.edge.attendance.given import directions, instant, instants, moment, punch
from tests.fakes import ManualClock

EIGHT = moment("2026-03-02T08:00:00")
TODAY = EIGHT.date()
ASSUME = AttendanceConfig()
ASSUMED_IN = (Direction.IN, DirectionSource.ASSUMED)
ASSUMED_OUT = (Direction.OUT, DirectionSource.ASSUMED)
maybe_punches = st.none() | st.builds(punch, instants, directions)


@pytest.mark.parametrize("fixed", ["in", "out"])
@given(last=maybe_punches, at=instants)
def test_a_fixed_kiosk_records_its_direction_whatever_came_before(
    fixed: str, last: object, at: Instant
) -> None:
    config = AttendanceConfig.model_validate({"direction": fixed})
    expected = (Direction(fixed), DirectionSource.FIXED)
    assert direct(last, at, today=TODAY, config=config, chosen=None) == expected  # type: ignore[arg-type]
    assert direct(last, at, today=TODAY, config=config, chosen=Direction(fixed)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("set_to", "chosen"),
    [("in", Direction.OUT), ("out", Direction.IN), ("unstated", Direction.IN), ("unstated", Direction.OUT)],
)
def test_a_wish_that_the_kiosk_does_not_offer_is_refused(set_to: str, chosen: Direction) -> None:
    config = AttendanceConfig.model_validate({"direction": set_to})
    found = direct(None, instant(EIGHT), today=TODAY, config=config, chosen=chosen)
    assert found is DirectionProblem.DIRECTION_NOT_OFFERED


def test_where_people_choose_the_screen_has_to_ask() -> None:
    config = AttendanceConfig(direction="choose")
    answers = {
        None: DirectionProblem.DIRECTION_NEEDED,
        Direction.IN: (Direction.IN, DirectionSource.CHOSEN),
        Direction.OUT: (Direction.OUT, DirectionSource.CHOSEN),
        Direction.UNSTATED: UNSTATED,
    }
    for chosen, expected in answers.items():
        assert direct(None, instant(EIGHT), today=TODAY, config=config, chosen=chosen) == expected


def test_a_choice_corrects_an_assumption() -> None:
    last = punch(instant(EIGHT), Direction.OUT)
    found = direct(last, instant(EIGHT), today=TODAY, config=ASSUME, chosen=Direction.OUT)
    assert found == (Direction.OUT, DirectionSource.CHOSEN)


@given(last=maybe_punches, at=instants)
def test_a_kiosk_among_others_assumes_nothing(last: object, at: Instant) -> None:
    config = AttendanceConfig(sole_kiosk=False)
    assert direct(last, at, today=TODAY, config=config, chosen=None) == UNSTATED  # type: ignore[arg-type]


@given(last=maybe_punches, at=instants)
def test_an_unstated_kiosk_never_states(last: object, at: Instant) -> None:
    config = AttendanceConfig(direction="unstated")
    assert direct(last, at, today=TODAY, config=config, chosen=None) == UNSTATED  # type: ignore[arg-type]


def test_ins_and_outs_take_turns() -> None:
    clock = ManualClock()
    last, seen = None, []
    for _ in range(6):
        at = clock.advance(3 * 3600)
        found = direct(last, at, today=at.wall.date(), config=ASSUME, chosen=None)
        assert isinstance(found, tuple)
        seen.append(found[0])
        last = punch(at, found[0])
    assert seen == [Direction.IN, Direction.OUT] * 3


@given(passes_s=st.integers(0, 400_000), jump_s=st.integers(-(10**7), 10**7))
def test_an_in_stays_open_for_the_set_time_however_the_clock_jumps(passes_s: int, jump_s: int) -> None:
    clock = ManualClock()
    last = punch(clock.now(), Direction.IN)
    clock.advance(passes_s)
    at = clock.jump(jump_s)
    expected = ASSUMED_OUT if passes_s < ASSUME.open_for_s else ASSUMED_IN
    assert direct(last, at, today=TODAY, config=ASSUME, chosen=None) == expected


def test_after_a_reboot_without_a_trusted_clock_an_open_in_is_not_guessed_about() -> None:
    clock = ManualClock()
    last = punch(clock.now(), Direction.IN)
    clock.reboot(boottime_s=900)
    assert direct(last, clock.now(), today=TODAY, config=ASSUME, chosen=None) == ASSUMED_OUT
    at = clock.trust(ClockTrust.UNSYNCHRONISED)
    assert direct(last, at, today=TODAY, config=ASSUME, chosen=None) == UNSTATED


def test_a_kiosk_up_for_longer_than_an_in_stays_open_knows_even_without_trust() -> None:
    last = punch(instant(EIGHT, boot="boot-1"), Direction.IN)
    at = instant(EIGHT, boot="boot-2", boottime_s=57_600, trust=ClockTrust.UNSYNCHRONISED)
    assert direct(last, at, today=TODAY, config=ASSUME, chosen=None) == ASSUMED_IN


def test_an_unstated_record_leaves_the_rest_of_its_day_unstated_and_no_longer() -> None:
    at = instant(EIGHT)
    last = punch(at, Direction.UNSTATED, day=TODAY)
    assert direct(last, at, today=TODAY, config=ASSUME, chosen=None) == UNSTATED
    assert direct(last, at, today=TODAY + timedelta(days=1), config=ASSUME, chosen=None) == ASSUMED_IN


@given(last=maybe_punches, at=instants, chosen=st.none() | directions)
@pytest.mark.parametrize("set_to", ["in", "out", "assume", "choose", "unstated"])
def test_direction_and_source_always_agree(
    set_to: str, last: object, at: Instant, chosen: Direction | None
) -> None:
    config = AttendanceConfig.model_validate({"direction": set_to})
    found = direct(last, at, today=TODAY, config=config, chosen=chosen)  # type: ignore[arg-type]
    if isinstance(found, tuple):
        assert (found[0] is Direction.UNSTATED) == (found[1] is DirectionSource.NONE)
