import math
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge.attendance.elapsed import elapsed
from edge.types.clock import ClockTrust, Instant
from tests.edge.attendance.given import instant, instants, moment
from tests.fakes import ManualClock

EIGHT = moment("2026-03-02T08:00:00")


@given(start=instants, passes_s=st.integers(0, 1_000_000), jump_s=st.integers(-(10**8), 10**8))
def test_within_a_boot_no_jump_of_the_wall_clock_changes_the_time_that_passed(
    start: Instant, passes_s: int, jump_s: int
) -> None:
    clock = ManualClock(start)
    clock.advance(passes_s)
    clock.jump(jump_s)
    since = elapsed(start, clock.now())
    assert since.known
    assert math.isclose(since.at_least_s, passes_s, abs_tol=1e-6)


@given(earlier=instants, later=instants)
def test_bounds_are_in_order_and_never_negative(earlier: Instant, later: Instant) -> None:
    since = elapsed(earlier, later)
    assert 0 <= since.at_least_s <= since.at_most_s


@given(earlier=instants, later=instants)
def test_across_boots_time_is_known_only_from_two_trusted_clocks_that_did_not_run_back(
    earlier: Instant, later: Instant
) -> None:
    later = replace(later, boot_id="boot-9")
    trusted = ClockTrust.UNSYNCHRONISED not in (earlier.trust, later.trust)
    assert elapsed(earlier, later).known == (trusted and later.wall >= earlier.wall)


def test_across_boots_the_time_since_the_boot_has_passed_at_least() -> None:
    before = instant(EIGHT, boot="boot-1")
    after = instant(EIGHT, boot="boot-2", boottime_s=300, trust=ClockTrust.UNSYNCHRONISED)
    assert elapsed(before, after).at_least_s == 300


def test_a_boot_time_that_runs_back_in_the_same_boot_proves_nothing() -> None:
    before = instant(EIGHT, boottime_s=500)
    after = instant(EIGHT + timedelta(hours=1), boottime_s=400)
    assert elapsed(before, after).at_most_s == math.inf
