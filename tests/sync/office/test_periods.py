"""A closed period stays as it was; what comes later is apart; both together are the live sheet."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text

from sync.office.attendance import Direction, PersonDay, Record, Rules, days_of
from sync.office.closed_sheet import read, written
from sync.office.database import Database, schema
from sync.office.database.errors import HistoryKept
from sync.office.errors import PeriodDamaged, PeriodRefused
from sync.office.periods import close, closed_days, differences, figures, late, listed
from tests.sync.office.test_timesheet import ANA, Office, local

RULES = Rules(zone=ZoneInfo("Europe/Madrid"))
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 15)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
BEN = "b" * 32
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

records = st.lists(
    st.builds(
        Record,
        key=st.integers(1, 10_000),
        person=st.sampled_from([ANA, BEN]),
        at=st.integers(0, 18 * 86_400).map(lambda seconds: BEGIN + timedelta(seconds=seconds)),
        day=st.none(),
        stated=st.sampled_from([None, Direction.IN, Direction.OUT]),
        device=st.text(max_size=5),
        trusted=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda record: record.key,
)


def within(days: list[PersonDay]) -> list[PersonDay]:
    return [day for day in days if FIRST <= day.day <= LAST]


@given(early=records)
def test_what_is_stored_is_read_back_equal(early: list[Record]) -> None:
    days = within(days_of(early, rules=RULES, now=NOW))
    assert read(written(days, site="lab", first=FIRST, last=LAST, rules=RULES)) == days


@given(early=records, more=records)
def test_a_closed_sheet_and_what_came_later_are_together_the_live_one(
    early: list[Record], more: list[Record]
) -> None:
    closed = within(days_of(early, rules=RULES, now=NOW))
    today = within(days_of([*early, *more], rules=RULES, now=NOW))
    found = differences(closed, today)
    assert sum(d.worked_s for d in closed) + sum(d.seconds for d in found) == sum(d.worked_s for d in today)
    apart = {(each.day, each.person) for each in found}
    for day in today:
        assert day in closed or (day.day, day.person) in apart
    assert not differences(today, today)


def test_late_events_change_no_closed_figure_and_are_reported_apart(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        office.punch("09 08:00")
        office.punch("16 08:00")
        office.punch("16 12:00")
        period = close(connection, site="lab", first=FIRST, last=LAST, now=NOW, by="ana", incomplete=True)
        closed = figures(connection, site="lab", first=FIRST, last=date(2026, 11, 16), now=NOW)
        office.punch("09 17:00")
        office.punch("10 08:00")
        assert figures(connection, site="lab", first=FIRST, last=date(2026, 11, 16), now=NOW) == closed
        assert [(each.closed, each.day.worked_s) for each in closed] == [(True, 0), (False, 4 * 3600)]
        [nine, ten] = late(connection, period, now=NOW)
        assert figures(connection, site="lab", first=FIRST, last=LAST, now=NOW, people={BEN}) == []
    assert (nine.seconds, ten.closed) == (9 * 3600, None)
    assert listed_periods(office_database) == [(FIRST, LAST, period.digest)]


def listed_periods(database: Database) -> list[tuple[date, date, str]]:
    with database.read() as connection:
        return [(each.first, each.last, each.digest) for each in listed(connection, "lab")]


def test_a_clock_that_is_corrected_later_changes_no_closed_figure(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        office.punch("09 08:00")
        office.punch("09 17:00")
        period = close(connection, site="lab", first=FIRST, last=LAST, now=NOW, by="ana", incomplete=True)
        said = office.punch("18 08:00", type="clockface.clock.corrected.v1", person=None, day=None)
        connection.execute(
            insert(schema.clock_corrections).values(
                event_id=said, epoch_id=office.epoch, first_seq=2, last_seq=2, correction_us=3_600_000_000
            )
        )
        [day] = figures(connection, site="lab", first=FIRST, last=LAST, now=NOW)
        [difference] = late(connection, period, now=NOW)
    assert (day.day.worked_s, difference.seconds) == (9 * 3600, 3600)


@pytest.mark.parametrize(
    ("first", "last", "now", "why"),
    [
        (LAST, FIRST, NOW, "1 to 367 days"),
        (FIRST, LAST, datetime(2026, 11, 16, 2, tzinfo=UTC), "not over"),  # 03:00 there: still the 15th
        (date(2026, 10, 20), FIRST, NOW, "closed already"),
    ],
)
def test_what_cannot_be_closed_says_why(
    office_database: Database, first: date, last: date, now: datetime, why: str
) -> None:
    with office_database.write() as connection:
        Office(connection)
        if "already" in why:
            close(connection, site="lab", first=FIRST, last=FIRST, now=NOW, by="ana", incomplete=True)
        with pytest.raises(PeriodRefused, match=why):
            close(connection, site="lab", first=first, last=last, now=now, by="ana", incomplete=True)


def test_nobody_may_still_be_in(office_database: Database) -> None:
    with office_database.write() as connection:
        Office(connection).punch("15 22:00")
        early = datetime(2026, 11, 16, 6, tzinfo=UTC)
        with pytest.raises(PeriodRefused, match="1 people are still in"):
            close(connection, site="lab", first=FIRST, last=LAST, now=early, by="ana", incomplete=True)
        close(connection, site="lab", first=FIRST, last=LAST, now=NOW, by="ana", incomplete=True)


def test_a_kiosk_that_was_not_heard_of_since_makes_it_incomplete(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        health = insert(schema.device_health).values(device_id=office.device, last_seen_us=local("15 22:00"))
        connection.execute(health)
        with pytest.raises(PeriodRefused, match=r"may still hold events of it: door.*--incomplete"):
            close(connection, site="lab", first=FIRST, last=LAST, now=NOW, by="ana")
        connection.execute(schema.device_health.update().values(last_seen_us=local("16 05:00")))
        close(connection, site="lab", first=FIRST, last=LAST, now=NOW, by="ana")


def test_a_closed_sheet_is_not_rewritten_and_tampering_shows(office_database: Database) -> None:
    with office_database.write() as connection:
        Office(connection).punch("09 08:00")
        period = close(connection, site="lab", first=FIRST, last=LAST, now=NOW, by="ana", incomplete=True)
    for statement in (
        "UPDATE closed_sheets SET body = '{}'",
        "DELETE FROM closed_sheets",
        "UPDATE pay_periods SET closed_us = NULL, closed_by = NULL",
        "DELETE FROM pay_periods",
    ):
        with pytest.raises(HistoryKept), office_database.write() as connection:
            connection.execute(text(statement))
    with office_database.write() as connection:
        on = " ON closed_sheets" if office_database.dialect == "postgresql" else ""
        connection.execute(text(f"DROP TRIGGER closed_sheets_kept{on}"))
        connection.execute(text("UPDATE closed_sheets SET body = replace(body, '09', '10')"))
        with pytest.raises(PeriodDamaged):
            closed_days(connection, period)


def test_times_are_kept_to_the_microsecond() -> None:
    moment = datetime(2026, 11, 9, 8, 0, 0, 1, tzinfo=UTC)
    ended = Record(2, ANA, moment + timedelta(hours=1), None, Direction.OUT)
    days = days_of([Record(1, ANA, moment, None, Direction.IN), ended], rules=RULES, now=NOW)
    assert read(written(days, site="lab", first=FIRST, last=LAST, rules=RULES))[0].first_in == moment
