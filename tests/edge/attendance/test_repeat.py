from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.attendance.repeat import REBOOT_DOUBT_S, is_repeat
from edge.types.clock import ClockTrust, Instant
from edge.types.punches import Direction
from tests.edge.attendance.given import instant, instants, moment, punch
from tests.fakes import ManualClock

EIGHT = moment("2026-03-02T08:00:00")
REPEATS = st.sampled_from([0.0, 1.0, 60.0, 3600.0, 86_400.0])


def repeats(last: Instant, at: Instant, repeat_s: float = 60.0) -> bool:
    return is_repeat(punch(last), at, repeat_s=repeat_s, chosen=None, work_code=None)


def test_a_first_record_repeats_nothing() -> None:
    assert not is_repeat(None, instant(EIGHT), repeat_s=86_400, chosen=None, work_code=None)


@pytest.mark.parametrize(("after_s", "expected"), [(0, True), (59.9, True), (60, False), (3600, False)])
def test_a_record_repeats_until_the_set_time_has_passed(after_s: float, *, expected: bool) -> None:
    clock = ManualClock()
    last = clock.now()
    assert repeats(last, clock.advance(after_s)) is expected


@given(start=instants, passes_s=st.integers(0, 200_000), jump_s=st.integers(-(10**7), 10**7), repeat_s=REPEATS)
def test_within_a_boot_only_boot_time_counts(
    start: Instant, passes_s: int, jump_s: int, repeat_s: float
) -> None:
    start = replace(start, boottime_s=float(int(start.boottime_s)))
    clock = ManualClock(start)
    clock.advance(passes_s)
    clock.jump(jump_s)
    assert repeats(start, clock.now(), repeat_s) == (passes_s < repeat_s)


@given(
    last=instants,
    wall_shift_s=st.integers(-(10**7), 10**7),
    up_s=st.floats(min_value=REBOOT_DOUBT_S, max_value=10**6),
    repeat_s=REPEATS,
)
def test_a_clock_without_trust_keeps_nobody_from_recording_once_the_kiosk_has_been_up_for_two_minutes(
    last: Instant, wall_shift_s: int, up_s: float, repeat_s: float
) -> None:
    at = instant(
        last.wall + timedelta(seconds=wall_shift_s),
        boot="another",
        boottime_s=up_s,
        trust=ClockTrust.UNSYNCHRONISED,
    )
    assert not repeats(last, at, repeat_s)


@given(last=instants, at=instants, repeat_s=st.floats(1.0, 86_400.0))
def test_whatever_the_clocks_say_the_person_can_record_once_the_time_has_passed_in_one_boot(
    last: Instant, at: Instant, repeat_s: float
) -> None:
    clock = ManualClock(at)
    clock.advance(repeat_s + max(0.0, last.boottime_s - at.boottime_s) + 0.001)
    assert not repeats(last, clock.now(), repeat_s)


def test_a_person_who_stood_here_through_a_reboot_is_not_recorded_twice() -> None:
    clock = ManualClock()
    last = clock.now()
    at = clock.reboot(boottime_s=30)
    assert repeats(last, at)
    clock.trust(ClockTrust.UNSYNCHRONISED)
    assert repeats(last, clock.now())
    assert repeats(last, clock.jump(-86_400))


def test_a_clock_without_trust_that_shows_a_later_hour_is_believed_that_far() -> None:
    clock = ManualClock()
    last = clock.now()
    clock.reboot(boottime_s=10)
    clock.trust(ClockTrust.UNSYNCHRONISED)
    assert not repeats(last, clock.jump(9 * 3600))


def test_across_boots_a_trusted_wall_clock_decides() -> None:
    clock = ManualClock()
    last = clock.now()
    clock.reboot(boottime_s=5)
    assert repeats(last, clock.jump(40))
    assert not repeats(last, clock.jump(20))


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 90), st.integers(-100_000, 100_000), st.sampled_from(ClockTrust)), max_size=30
    )
)
def test_in_one_boot_two_records_never_lie_closer_than_the_set_time(
    steps: list[tuple[int, int, ClockTrust]],
) -> None:
    clock, last = ManualClock(), None
    recorded_s: list[float] = []
    for passes_s, jump_s, trust in steps:
        clock.advance(passes_s)
        clock.jump(jump_s)
        at = clock.trust(trust)
        if not is_repeat(last, at, repeat_s=60, chosen=None, work_code=None):
            last = punch(at)
            recorded_s.append(at.boottime_s)
    assert all(later - earlier >= 60 for earlier, later in pairwise(recorded_s))


def test_choosing_the_other_direction_is_not_a_repeat() -> None:
    last = punch(instant(EIGHT), Direction.IN)
    for chosen, expected in [
        (Direction.OUT, False),
        (Direction.IN, True),
        (Direction.UNSTATED, True),
        (None, True),
    ]:
        assert is_repeat(last, last.at, repeat_s=60, chosen=chosen, work_code=None) is expected


def test_another_work_code_is_not_a_repeat_and_the_same_one_is() -> None:
    last = punch(instant(EIGHT), work_code="paint")
    for code, expected in [("weld", False), ("paint", True), (None, True)]:
        assert is_repeat(last, last.at, repeat_s=60, chosen=None, work_code=code) is expected
