import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.attendance.days import attendance_day, calendar_day, moment_of, shift_turn
from edge.config.attendance import AttendanceConfig, ShiftConfig
from edge.errors import AttendanceError
from edge.types.punches import Direction
from tests.edge.attendance.given import MADRID, ZONES, directions, moment, offset_changes, walls, zones

NIGHT = ShiftConfig(name="night", starts=time(22), ends=time(6))
EARLY = ShiftConfig(name="early", starts=time(6), ends=time(14))
LATE = ShiftConfig(name="late", starts=time(14), ends=time(22))
THREE = AttendanceConfig(shifts=(EARLY, LATE, NIGHT))
DAYS = AttendanceConfig()
YEAR_DAYS = st.dates(date(2009, 1, 1), date(2037, 12, 31))
LOCAL_TIMES = st.times().map(lambda t: t.replace(microsecond=0))


@pytest.mark.parametrize(
    ("local", "day"),
    [
        ("2026-03-02T03:59:59", date(2026, 3, 1)),
        ("2026-03-02T04:00:00", date(2026, 3, 2)),
        ("2028-02-29T12:00:00", date(2028, 2, 29)),
        ("2028-03-01T03:00:00", date(2028, 2, 29)),
        ("2027-03-01T03:00:00", date(2027, 2, 28)),
        ("2027-01-01T01:00:00", date(2026, 12, 31)),
    ],
)
def test_a_day_begins_at_the_sites_boundary(local: str, day: date) -> None:
    assert calendar_day(moment(local), day_starts=time(4), zone=MADRID) == day


@given(at=walls, zone=zones, starts=LOCAL_TIMES)
@example(at=datetime(2010, 11, 7, 3, 0, tzinfo=UTC), zone=ZoneInfo("America/St_Johns"), starts=time(0))
def test_every_moment_lies_between_its_days_beginning_and_the_next_ones(
    at: datetime, zone: ZoneInfo, starts: time
) -> None:
    day = calendar_day(at, day_starts=starts, zone=zone)
    assert moment_of(day, starts, zone) <= at
    after = day + timedelta(days=1)
    if moment_of(after, time(0), zone).astimezone(zone).date() != after:  # Samoa's skipped date
        after += timedelta(days=1)
    assert at < moment_of(after, starts, zone)


@given(at=walls, zone=zones, starts=LOCAL_TIMES, later_s=st.integers(0, 400_000))
def test_days_never_run_backwards(at: datetime, zone: ZoneInfo, starts: time, later_s: int) -> None:
    later = at + timedelta(seconds=later_s)
    assert calendar_day(at, day_starts=starts, zone=zone) <= calendar_day(later, day_starts=starts, zone=zone)


@given(day=YEAR_DAYS, zone=zones, starts=LOCAL_TIMES)
@example(day=date(2026, 3, 29), zone=MADRID, starts=time(2, 30))
@example(day=date(2011, 12, 30), zone=ZoneInfo("Pacific/Apia"), starts=time(4))
@example(day=date(2026, 3, 8), zone=ZoneInfo("America/Havana"), starts=time(0))
def test_a_local_time_becomes_the_first_moment_at_which_the_clock_has_reached_it(
    day: date, zone: ZoneInfo, starts: time
) -> None:
    found = moment_of(day, starts, zone)
    wanted = datetime.combine(day, starts)
    assert found.astimezone(zone).replace(tzinfo=None) >= wanted
    just_before = found - timedelta(seconds=1)
    assert just_before.astimezone(zone).replace(tzinfo=None) < wanted


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("year", [2010, 2011, 2026])
def test_around_every_change_of_the_clock_a_day_begins_exactly_once(zone: ZoneInfo, year: int) -> None:
    for change in offset_changes(zone, year):
        for starts in (time(0), time(0, 30), time(1, 45), time(2), time(2, 30), time(3), time(4)):
            minutes = [change + timedelta(minutes=m) for m in range(-26 * 60, 26 * 60, 5)]
            days = [calendar_day(at, day_starts=starts, zone=zone) for at in minutes]
            assert days == sorted(days)
            assert len(set(days)) in {3, 4} or str(zone) == "Pacific/Apia"


def test_the_changes_that_the_tests_walk_through_are_really_there() -> None:
    counts = {str(zone): len(offset_changes(zone, 2026)) for zone in ZONES}
    assert counts["Europe/Madrid"] == counts["Australia/Lord_Howe"] == counts["Africa/Casablanca"] == 2
    assert counts["Asia/Kolkata"] == 0
    assert len(offset_changes(ZoneInfo("Pacific/Apia"), 2011)) == 3


def test_a_day_that_begins_in_the_hour_shown_twice_begins_at_the_first() -> None:
    first, second = moment("2026-10-25T02:10:00"), moment("2026-10-25T02:10:00", fold=1)
    assert second - first == timedelta(hours=1)
    assert calendar_day(first, day_starts=time(2, 15), zone=MADRID) == date(2026, 10, 24)
    assert calendar_day(second, day_starts=time(2, 15), zone=MADRID) == date(2026, 10, 25)


def test_a_day_that_begins_in_the_hour_left_out_begins_at_the_change() -> None:
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert moment_of(date(2026, 3, 29), time(2, 30), MADRID) == change
    before = change - timedelta(seconds=1)
    assert calendar_day(before, day_starts=time(2, 30), zone=MADRID) == date(2026, 3, 28)
    assert calendar_day(change, day_starts=time(2, 30), zone=MADRID) == date(2026, 3, 29)


def test_a_date_that_a_country_skipped_gets_no_records() -> None:
    apia = ZoneInfo("Pacific/Apia")
    night = moment("2011-12-31T01:00:00", apia)
    assert calendar_day(night, day_starts=time(4), zone=apia) == date(2011, 12, 29)
    assert calendar_day(night + timedelta(hours=3), day_starts=time(4), zone=apia) == date(2011, 12, 31)


def test_a_half_hour_change_moves_the_boundary_by_half_an_hour() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    first_twice = moment("2026-04-05T01:45:00", lord_howe)
    assert calendar_day(first_twice, day_starts=time(1, 45), zone=lord_howe) == date(2026, 4, 5)
    again = first_twice + timedelta(minutes=20)
    assert again.astimezone(lord_howe).time() == time(1, 35)
    assert calendar_day(again, day_starts=time(1, 45), zone=lord_howe) == date(2026, 4, 5)


@pytest.mark.parametrize("local", ["2026-03-02T22:00:00", "2026-03-03T00:30:00", "2026-03-03T06:10:00"])
def test_a_night_shift_counts_for_the_day_on_which_it_began(local: str) -> None:
    config = AttendanceConfig(shifts=(NIGHT,))
    for direction in Direction:
        day = attendance_day(moment(local), direction=direction, config=config, zone=MADRID)
        assert day == date(2026, 3, 2)


def test_where_shifts_meet_arriving_is_for_the_next_and_leaving_for_the_one_before() -> None:
    at = moment("2026-03-03T05:50:00")
    arriving = shift_turn(at, direction=Direction.IN, config=THREE, zone=MADRID)
    leaving = shift_turn(at, direction=Direction.OUT, config=THREE, zone=MADRID)
    unstated = shift_turn(at, direction=Direction.UNSTATED, config=THREE, zone=MADRID)
    assert arriving is not None
    assert leaving is not None
    assert unstated is not None
    assert (arriving.shift.name, arriving.day) == ("early", date(2026, 3, 3))
    assert (leaving.shift.name, leaving.day) == ("night", date(2026, 3, 2))
    assert unstated.shift.name == "night"


def test_a_record_far_from_any_shift_counts_by_the_day_boundary() -> None:
    config = AttendanceConfig(shifts=(EARLY,))
    at = moment("2026-03-03T03:30:00")
    assert shift_turn(at, direction=Direction.IN, config=config, zone=MADRID) is None
    assert attendance_day(at, direction=Direction.IN, config=config, zone=MADRID) == date(2026, 3, 2)


def test_slack_reaches_exactly_as_far_as_it_is_set() -> None:
    config = AttendanceConfig(shifts=(EARLY,), shift_slack_s=600)
    for local, expected in [
        ("05:50:00", "early"),
        ("05:49:59", None),
        ("14:10:00", "early"),
        ("14:10:01", None),
    ]:
        turn = shift_turn(
            moment(f"2026-03-03T{local}"), direction=Direction.UNSTATED, config=config, zone=MADRID
        )
        assert (turn and turn.shift.name) == expected


def test_a_known_day_restricts_the_shifts_that_are_looked_at() -> None:
    at = moment("2026-03-03T05:50:00")
    turn = shift_turn(at, direction=Direction.IN, config=THREE, zone=MADRID, day=date(2026, 3, 2))
    assert turn is not None
    assert turn.shift.name == "night"


def test_a_shift_with_equal_ends_lasts_a_day() -> None:
    around = ShiftConfig(name="guard", starts=time(7), ends=time(7))
    config = AttendanceConfig(shifts=(around,), shift_slack_s=0)
    at = moment("2026-03-03T06:59:00")
    turn = shift_turn(at, direction=Direction.UNSTATED, config=config, zone=MADRID)
    assert turn is not None
    assert turn.day == date(2026, 3, 2)


@given(at=walls, zone=zones, direction=directions)
def test_three_shifts_around_the_clock_leave_no_moment_without_a_shift(
    at: datetime, zone: ZoneInfo, direction: Direction
) -> None:
    turn = shift_turn(at, direction=direction, config=THREE, zone=zone)
    assert turn is not None
    assert turn.begins - timedelta(hours=2) <= at <= turn.ends + timedelta(hours=2)
    assert abs((turn.day - at.astimezone(zone).date()).days) <= 1 or str(zone) == "Pacific/Apia"


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_night_shift_over_a_change_of_the_clock_is_one_shift(zone: ZoneInfo) -> None:
    config = AttendanceConfig(shifts=(NIGHT,))
    for change in offset_changes(zone, 2026):
        evening = change.astimezone(zone).date() - timedelta(days=1)
        if change.astimezone(zone).hour >= 12:
            continue
        begins, ends = moment_of(evening, time(22), zone), moment_of(evening + timedelta(days=1), time(6), zone)
        at = begins
        while at <= ends:
            assert attendance_day(at, direction=Direction.UNSTATED, config=config, zone=zone) == evening
            at += timedelta(minutes=7)


@pytest.mark.parametrize(
    "wall",
    [datetime(1969, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1)],  # noqa: DTZ001
)
def test_a_time_that_no_clock_should_show_is_an_error_and_not_a_crash(wall: datetime) -> None:
    with pytest.raises(AttendanceError, match="attendance day"):
        attendance_day(wall, direction=Direction.IN, config=DAYS, zone=MADRID)


def test_zones_come_from_the_tzdata_package_where_the_system_has_none() -> None:
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[])
    try:
        zone = ZoneInfo.no_cache("Australia/Lord_Howe")
    finally:
        zoneinfo.reset_tzpath(to=before)
    assert moment("2026-01-15T12:00:00", zone) == datetime(2026, 1, 15, 1, tzinfo=UTC)
