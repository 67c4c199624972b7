"""Which attendance day, and which shift, a moment counts for.

Everything is decided on instants: local times are turned into moments first, so a night on which the clock is
put back or forward, or a date that a country skipped, has exactly one answer. Pure; the zone is given.
Zones come from the system's IANA database, or from the `tzdata` package where the system has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from edge.config.attendance import AttendanceConfig, ShiftConfig
from edge.errors import AttendanceError
from edge.types.punches import Direction

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ShiftTurn:
    """One day's turn of a shift.

    Args:
        day: The day on which it begins, and for which it counts.
        shift: Which shift.
        begins: UTC moment at which it begins.
        ends: UTC moment at which it ends.
    """

    day: date
    shift: ShiftConfig
    begins: datetime
    ends: datetime


def moment_of(day: date, local: time, zone: ZoneInfo) -> datetime:
    """Find the first moment at which the zone's clocks show `local` on `day`, or have passed it.

    Where the clock is put back and shows the time twice, it is the first of the two; where the clock is put
    forward over it, it is the moment of the change.

    Returns:
        An aware UTC time.
    """
    shown = datetime.combine(day, local.replace(tzinfo=None, fold=0))
    first = shown.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == shown:
        return first
    return _change_between(shown.replace(tzinfo=zone, fold=1).astimezone(UTC), first, zone)


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Find the moment of the change of offset in (before, after], to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def calendar_day(at: datetime, *, day_starts: time, zone: ZoneInfo) -> date:
    """Find the attendance day by the site's day boundary alone.

    Args:
        at: An aware moment.
        day_starts: Local time at which a day begins.
        zone: The site's zone.

    Raises:
        AttendanceError: `at` lies outside the years 1970 to 8999.
    """
    at = _checked(at)
    day = at.astimezone(zone).date() + _DAY
    while not _exists(day, zone) or moment_of(day, day_starts, zone) > at:
        day -= _DAY
    return day


def _exists(day: date, zone: ZoneInfo) -> bool:
    """Whether the zone's calendar has that date: Samoa's has no 30 December 2011."""
    return moment_of(day, time(0), zone).astimezone(zone).date() == day


def shift_turn(
    at: datetime, *, direction: Direction, config: AttendanceConfig, zone: ZoneInfo, day: date | None = None
) -> ShiftTurn | None:
    """Find the shift that a record belongs to, or None where it is far from any.

    Arriving belongs to the shift that begins nearest, leaving to the one that ends nearest; an unstated record
    to the one that is running, else to the one whose beginning or end is nearest. Of equals, the later one.

    Args:
        at: An aware moment.
        direction: What was recorded.
        config: Gives the shifts and their slack.
        zone: The site's zone.
        day: Only turns that count for this day, where it is known already.

    Raises:
        AttendanceError: `at` lies outside the years 1970 to 8999.
    """
    at = _checked(at)
    slack = timedelta(seconds=config.shift_slack_s)
    near = [
        turn
        for turn in _turns_around(at, config=config, zone=zone)
        if turn.begins - slack <= at <= turn.ends + slack and day in (None, turn.day)
    ]
    return min(reversed(near), key=lambda turn: _distance(turn, at, direction), default=None)


def _turns_around(at: datetime, *, config: AttendanceConfig, zone: ZoneInfo) -> Iterator[ShiftTurn]:
    """Yield the turns that can reach `at`, by their beginning; the longest began two dates ago."""
    today = at.astimezone(zone).date()
    turns = [
        _turn(day, shift, zone)
        for day in (today + offset * _DAY for offset in range(-2, 2))
        for shift in config.shifts
        if _exists(day, zone)
    ]
    yield from sorted(turns, key=lambda turn: turn.begins)


def _turn(day: date, shift: ShiftConfig, zone: ZoneInfo) -> ShiftTurn:
    last_day = day if shift.ends > shift.starts else day + _DAY
    return ShiftTurn(
        day=day,
        shift=shift,
        begins=moment_of(day, shift.starts, zone),
        ends=moment_of(last_day, shift.ends, zone),
    )


def _distance(turn: ShiftTurn, at: datetime, direction: Direction) -> tuple[bool, timedelta]:
    to_begin, to_end = abs(at - turn.begins), abs(at - turn.ends)
    if direction is Direction.IN:
        return False, to_begin
    if direction is Direction.OUT:
        return False, to_end
    return not turn.begins <= at < turn.ends, min(to_begin, to_end)


def attendance_day(at: datetime, *, direction: Direction, config: AttendanceConfig, zone: ZoneInfo) -> date:
    """Find the day that a record counts for: its shift's, else the one by the day boundary.

    Raises:
        AttendanceError: `at` lies outside the years 1970 to 8999.
    """
    turn = shift_turn(at, direction=direction, config=config, zone=zone)
    if turn is not None:
        return turn.day
    return calendar_day(at, day_starts=config.day_starts, zone=zone)


def _checked(at: datetime) -> datetime:
    if at.tzinfo is None or not _EARLIEST <= at < _LATEST:
        raise AttendanceError(
            "a time outside the years 1970 to 8999, or without a zone, has no attendance day",
            next_step="timedatectl",
        )
    return at.astimezone(UTC)
