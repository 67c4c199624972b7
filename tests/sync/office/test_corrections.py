"""Corrections: somebody asks, somebody else decides, and closed days refuse both."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select

from sync.office import audit, operators
from sync.office.attendance import CorrectionKind, Direction, Flag
from sync.office.corrections import Asked, decide, listed, request
from sync.office.database import Database, schema
from sync.office.errors import CorrectionRefused, PeriodRefused
from sync.office.operators import Role
from sync.office.periods import close
from sync.office.timesheet import from_us, sheet
from tests.sync.office.test_timesheet import ANA, DAY, NOW, Office, local

ADD, VOID = CorrectionKind.ADD_EVENT, CorrectionKind.VOID_EVENT
MOVE, TURN = CorrectionKind.CHANGE_TIME, CorrectionKind.CHANGE_DIRECTION


def known(connection: Connection) -> Office:
    office = Office(connection)
    connection.execute(
        insert(schema.people).values(
            person=ANA, employee_number="7", name="Ana Secret", created_us=0, changed_us=0
        )
    )
    return office


def asked(kind: CorrectionKind = ADD, **more: object) -> Asked:
    values: dict[str, object] = {"site": "lab", "person": ANA, "kind": kind, "reason": "forgot"}
    values |= dict.fromkeys(("event_id", "at", "direction"))
    if kind is ADD:
        values |= {"at": from_us(local("09 17:00")), "direction": Direction.OUT}
    return Asked(**{**values, **more})  # type: ignore[arg-type]


def test_a_request_counts_once_somebody_else_approved_it(office_database: Database) -> None:
    with office_database.write() as connection:
        known(connection).punch("09 08:00")
        number = request(connection, asked(), by="carl", now=NOW)
        assert Flag.MISSING_OUT in sheet(connection, site="lab", first=DAY, last=DAY, now=NOW)[0].flags
        with pytest.raises(CorrectionRefused, match="nobody decides their own"):
            decide(connection, number, approve=True, note="", by="carl", now=NOW)
        done = decide(connection, number, approve=True, note="", by="clara", now=NOW)
        (day,) = sheet(connection, site="lab", first=DAY, last=DAY, now=NOW)
        with pytest.raises(CorrectionRefused, match="approved already"):
            decide(connection, number, approve=False, note="no", by="clara", now=NOW)
        entries = list(audit.entries(connection))
    assert (day.worked_s, day.flags, done.day) == (9 * 3600, (Flag.CORRECTED,), DAY)
    assert [(e.actor, e.action, e.subject) for e in entries] == [
        ("carl", "correction.requested", ANA),
        ("clara", "correction.approved", ANA),
    ]
    assert not any("Secret" in entry.detail or "forgot" in entry.detail for entry in entries)


def test_a_refused_request_changes_nothing_and_needs_a_note(office_database: Database) -> None:
    with office_database.write() as connection:
        event = known(connection).punch("09 08:00")
        number = request(connection, asked(VOID, event_id=event), by="carl", now=NOW)
        with pytest.raises(CorrectionRefused, match="a reason is"):
            decide(connection, number, approve=False, note=" ", by="clara", now=NOW)
        decide(connection, number, approve=False, note="seen there", by="clara", now=NOW)
        assert len(sheet(connection, site="lab", first=DAY, last=DAY, now=NOW)) == 1
        assert listed(connection) == []
        assert [each.note for each in listed(connection, state=None)] == ["seen there"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (asked(reason=" "), "a reason is"),
        (asked(reason="x" * 501), "a reason is"),
        (asked(reason="a\x00b"), "a reason is"),
        (asked(reason="a\u202eb"), "a reason is"),
        (asked(person="f" * 32), "knows nobody"),
        (asked(person="'; DROP TABLE people;--"), "knows nobody"),
        (asked(event_id=1), "an event is named"),
        (asked(at=None), "a time is given"),
        (asked(at=NOW + timedelta(seconds=1)), "in the future"),
        (asked(at=datetime(1970, 1, 1, tzinfo=UTC)), "in the future, or years ago"),
        (asked(VOID), "an event is named"),
        (asked(VOID, event_id=1, direction=Direction.IN), "a direction is given"),
        (asked(TURN, event_id=1), "new direction is missing"),
        (asked(TURN, event_id=1, direction=Direction.IN, at=NOW), "a time is given"),
        (asked(MOVE, event_id=1), "a time is given"),
        (asked(MOVE, event_id=1, at=from_us(local("12 08:00"))), "at most 2 days"),
        (asked(VOID, event_id=99), "no such attendance event"),
    ],
)
def test_what_cannot_be_asked_says_why_and_leaves_nothing(
    office_database: Database, wrong: Asked, why: str
) -> None:
    with office_database.write() as connection:
        assert known(connection).punch("09 08:00") == 1
        with pytest.raises(CorrectionRefused, match=why):
            request(connection, wrong, by="carl", now=NOW)
        assert listed(connection, state=None) == []
        assert audit.count(connection) == 0


def test_another_persons_event_is_not_theirs_to_correct(office_database: Database) -> None:
    with office_database.write() as connection:
        event = known(connection).punch("09 08:00", person="b" * 32)
        with pytest.raises(CorrectionRefused, match="no such attendance event"):
            request(connection, asked(VOID, event_id=event), by="carl", now=NOW)


def test_a_closed_day_takes_no_correction_from_any_side(office_database: Database) -> None:
    with office_database.write() as connection:
        office = known(connection)
        closed, opened = office.punch("09 08:00"), office.punch("11 08:00")
        moved_in = office.punch("12 08:00")
        number = request(
            connection, asked(MOVE, event_id=moved_in, at=from_us(local("10 08:00"))), by="carl", now=NOW
        )
        first, last = date(2026, 11, 1), date(2026, 11, 10)
        with pytest.raises(PeriodRefused, match="1 correction requests of it wait"):
            close(connection, site="lab", first=first, last=last, now=NOW, by="ana", incomplete=True)
        decide(connection, number, approve=True, note="", by="clara", now=NOW)
        close(connection, site="lab", first=first, last=last, now=NOW, by="ana", incomplete=True)
        for each in (
            asked(),
            asked(VOID, event_id=closed),
            asked(VOID, event_id=moved_in),  # it counts on the 10th
            asked(MOVE, event_id=opened, at=from_us(local("10 08:00"))),
            asked(MOVE, event_id=closed, at=from_us(local("11 08:00"))),
        ):
            with pytest.raises(CorrectionRefused, match="pay period of that day is closed"):
                request(connection, each, by="carl", now=NOW)
        request(connection, asked(VOID, event_id=opened), by="carl", now=NOW)


def test_only_an_administrator_without_any_colleague_decides_their_own_and_it_is_audited(
    office_database: Database,
) -> None:
    with office_database.write() as connection:
        known(connection)
        for account, role in (("ana", Role.ADMINISTRATOR), ("carl", Role.CLERK), ("vera", Role.VIEWER)):
            operators.grant(connection, account, role, by="test", at_us=0)
        number = request(connection, asked(), by="ana", now=NOW)
        with pytest.raises(CorrectionRefused, match="another clerk"):
            decide(connection, number, approve=True, note="", by="ana", now=NOW, alone=True)
        operators.withdraw(connection, "carl", by="ana", at_us=0)
        with pytest.raises(CorrectionRefused, match="--alone"):
            decide(connection, number, approve=True, note="", by="ana", now=NOW)
        decide(connection, number, approve=True, note="", by="ana", now=NOW, alone=True)
        last = list(audit.entries(connection))[-1]
        state = connection.execute(select(schema.correction_requests.c.state)).scalar_one()
    assert "alone in the office" in last.detail
    assert state == "approved"
