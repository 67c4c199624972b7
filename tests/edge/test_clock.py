import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import (
    MARKER_FRESH_S,
    RELEASED,
    Sources,
    SystemClock,
    boottime_s,
    judge_trust,
    kernel_synchronised,
    marker_time,
    read_boot_id,
)
from edge.types.clock import ClockTrust

NOON = RELEASED + timedelta(days=100, hours=12)
MADRID = ZoneInfo("Europe/Madrid")


class Machine:
    """A machine's clocks, set by hand."""

    def __init__(self, wall: datetime = NOON) -> None:
        self.wall, self.up_s = wall, 50.0
        self.kernel: bool | None = True
        self.marked: datetime | None = None

    def clock(self, *, floor: datetime | None = None, zone: ZoneInfo = MADRID) -> SystemClock:
        return SystemClock(
            zone=zone,
            floor=floor,
            sources=Sources(
                wall=lambda: self.wall,
                boottime=lambda: self.up_s,
                kernel=lambda: self.kernel,
                marker=lambda: self.marked,
            ),
            boot_id="boot-1",
        )


@pytest.mark.parametrize(
    ("kernel", "marked_ago_s", "before", "expected"),
    [
        (True, None, False, ClockTrust.SYNCHRONISED),
        (True, 10, True, ClockTrust.SYNCHRONISED),
        (False, 10, False, ClockTrust.HOLDOVER),
        (False, None, True, ClockTrust.HOLDOVER),
        (False, None, False, ClockTrust.UNSYNCHRONISED),
        (None, MARKER_FRESH_S - 1, False, ClockTrust.SYNCHRONISED),
        (None, MARKER_FRESH_S + 1, False, ClockTrust.HOLDOVER),
        (None, -MARKER_FRESH_S - 1, False, ClockTrust.HOLDOVER),
        (None, None, True, ClockTrust.HOLDOVER),
        (None, None, False, ClockTrust.UNSYNCHRONISED),
    ],
)
def test_trust_follows_kernel_marker_and_history(
    kernel: bool | None,  # noqa: FBT001
    marked_ago_s: float | None,
    before: bool,  # noqa: FBT001
    expected: ClockTrust,
) -> None:
    marked = None if marked_ago_s is None else NOON - timedelta(seconds=marked_ago_s)
    assert judge_trust(kernel=kernel, marked=marked, wall=NOON, was_synchronised=before) is expected


def test_a_time_before_the_release_is_never_trusted_whoever_set_it() -> None:
    early = RELEASED - timedelta(seconds=1)
    found = judge_trust(kernel=True, marked=early, wall=early, was_synchronised=True)
    assert found is ClockTrust.UNSYNCHRONISED


def test_an_instant_carries_all_clocks_and_the_sites_offset() -> None:
    instant = Machine(datetime(2027, 7, 1, 12, tzinfo=UTC)).clock().now()
    assert instant.wall == datetime(2027, 7, 1, 12, tzinfo=UTC)
    assert instant.utc_offset_s == 7200
    assert (instant.boot_id, instant.boottime_s) == ("boot-1", 50.0)


def test_an_offset_of_half_an_hour_survives() -> None:
    assert Machine().clock(zone=ZoneInfo("Asia/Kolkata")).now().utc_offset_s == 19_800


@given(
    behind_s=st.integers(-(10**9), 10**9),
    passes_s=st.floats(0, 10**7),
    floor_days=st.none() | st.integers(-1000, 1000),
)
def test_a_clock_without_trust_never_shows_less_than_the_floor_plus_the_time_since(
    behind_s: int, passes_s: float, floor_days: int | None
) -> None:
    machine = Machine(NOON - timedelta(seconds=behind_s))
    machine.kernel = False
    floor = None if floor_days is None else NOON + timedelta(days=floor_days)
    clock = machine.clock(floor=floor)
    lowest = max(RELEASED, floor or RELEASED)
    assert clock.now().wall == max(machine.wall, lowest)
    machine.up_s += passes_s
    assert clock.now().wall == max(machine.wall, lowest + timedelta(seconds=machine.up_s - 50.0))


def test_a_floor_can_be_raised_later_and_never_lowered() -> None:
    machine = Machine()
    machine.kernel = False
    clock = machine.clock()
    machine.up_s += 100
    clock.raise_floor(NOON + timedelta(days=1))
    machine.up_s += 5
    assert clock.now().wall == NOON + timedelta(days=1, seconds=5)
    clock.raise_floor(NOON)
    assert clock.now().wall == NOON + timedelta(days=1, seconds=5)


def test_a_synchronised_clock_is_followed_below_a_last_event_of_the_future() -> None:
    machine = Machine()
    machine.kernel = False
    clock = machine.clock(floor=NOON + timedelta(days=400))
    assert clock.now().wall == NOON + timedelta(days=400)
    machine.kernel = True
    assert clock.now().wall == NOON
    machine.kernel = False
    held = clock.now()
    assert (held.wall, held.trust) == (NOON, ClockTrust.HOLDOVER)


def test_a_synchronised_clock_before_the_release_is_held_at_the_release() -> None:
    instant = Machine(datetime(1970, 1, 1, tzinfo=UTC)).clock().now()
    assert (instant.wall, instant.trust) == (RELEASED, ClockTrust.UNSYNCHRONISED)


def test_the_marker_counts_by_when_it_was_touched(tmp_path: Path) -> None:
    marker = tmp_path / "synchronized"
    assert marker_time(marker) is None
    marker.touch()
    os.utime(marker, (NOON.timestamp(), NOON.timestamp()))
    assert marker_time(marker) == NOON


def test_this_machines_own_clocks_can_be_read() -> None:
    clock = SystemClock(zone=MADRID)
    first, second = clock.now(), clock.now()
    assert first.boot_id == second.boot_id == read_boot_id()
    assert len(first.boot_id) == 36
    assert second.boottime_s >= first.boottime_s >= boottime_s() - 60
    assert kernel_synchronised() in {True, False, None}
    assert first.wall >= RELEASED
