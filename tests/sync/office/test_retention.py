"""Attendance goes when its time is over: behind a signed checkpoint, chains hold, and nothing goes silently."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, func, insert, select, text, update

from sync.office import audit, holds, listing, periods, retention
from sync.office.attendance import CorrectionKind
from sync.office.config.office import RetentionSection
from sync.office.corrections import Asked, request
from sync.office.database import Database, schema
from sync.office.database.errors import DatabaseError
from sync.office.dossier import gather
from sync.office.errors import AttendanceRemoved, HoldRefused, PeriodDamaged
from sync.office.history import Place
from sync.office.inspection import Finding, Inspected, inspect
from sync.office.listing import Wanted
from sync.office.removed import removed_through
from sync.office.retention import Outcome, Retention
from sync.office.rows import microseconds
from tests.sync.office.ingesting import E1, Office
from tests.sync.office.kiosk import START, Kiosk

KEY = Ed25519PrivateKey.generate()
RULES = RetentionSection(attendance_days=31)
DAY = date(2026, 3, 2)  # of all that a `Kiosk` records
LATER = START + timedelta(days=60)
ANN, BEN = f"{0:032x}", f"{1:032x}"  # whom `Kiosk.records` records first


class Old(Office):
    """An office with a kiosk's events of one day, two months ago."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.now_us = microseconds(START)
        self.kiosk = Kiosk()
        self.register(self.kiosk)
        self.take(self.kiosk, self.kiosk.begin(E1), *self.kiosk.records(3), self.kiosk.test())
        with database.write() as connection:
            for person in (ANN, BEN):
                connection.execute(insert(schema.people).values(person=person, created_us=0, changed_us=0))

    def apply(self, *, now: datetime = LATER, rules: RetentionSection = RULES) -> Outcome:
        return Retention(self.database, rules, key=KEY, by="signer").go(now=now)

    def due(self, *, now: datetime = LATER) -> Outcome:
        with self.database.read() as connection:
            return retention.due(connection, RULES, now=now)

    def findings(self) -> tuple[list[Finding], Inspected]:
        done = Inspected()
        with self.database.read() as connection:
            return list(inspect(connection, done=done)), done

    def content(self) -> list[tuple[int, bool]]:
        """Each event's number, and whether its content is there."""
        events = schema.events
        rows = self.rows(select(events.c.seq, events.c.envelope, events.c.person, events.c.day).order_by("seq"))
        for row in rows:
            assert row.envelope or (row.person, row.day) == (None, None)
        return [(row.seq, bool(row.envelope)) for row in rows]


@pytest.fixture
def old(office_database: Database) -> Old:
    return Old(office_database)


def test_what_is_over_goes_and_everything_that_is_left_verifies(old: Old) -> None:
    assert (old.due().events, old.apply().events) == (3, 3)
    assert old.content() == [(1, True), (2, False), (3, False), (4, False), (5, True)]
    findings, done = old.findings()
    assert (findings, done.events, done.emptied) == ([], 5, 3)
    again = old.apply()
    assert (again.events, again.kept) == (0, set())
    events = schema.events
    for row in old.rows(select(events.c.time_us, events.c.received_us).where(events.c.seq.in_((2, 3, 4)))):
        assert {value % 86_400_000_000 for value in row} == {0}, "no time of day is left"
    with old.database.read() as connection:
        entries = [each for each in audit.entries(connection) if each.action == "retention.applied"]
    assert [(each.actor, each.detail) for each in entries] == [("signer", "attendance=3,requests=0")]


def test_nothing_goes_before_its_time_and_nothing_at_all_by_default(old: Old) -> None:
    assert old.apply(now=START + timedelta(days=31 + 3)).events == 0
    assert old.apply(rules=RetentionSection()).events == 0
    assert old.apply(now=START + timedelta(days=31 + 5)).events == 3


def test_events_that_come_after_and_again_find_their_place(old: Old) -> None:
    """A removed event is still known by its hash: it is no fork, and another in its place is one."""
    old.apply()
    answer = old.take(old.kiosk, *old.kiosk.sent[1:3], old.kiosk.record())
    assert (answer.counts[Place.REPEATED.value], answer.counts["committed"]) == (2, 1)
    assert "fork" not in old.open_alarms()
    twin = Kiosk()
    twin.key, twin.key_id = old.kiosk.key, old.kiosk.key_id
    other = [twin.begin(E1), twin.record(person="f" * 32)]
    assert old.take(twin, other[1]).counts[Place.FORK.value] == 1
    assert old.findings()[0] == []


def test_the_database_lets_nothing_go_without_a_checkpoint_or_by_halves(old: Old) -> None:
    events = schema.events
    old.apply()
    old.take(old.kiosk, old.kiosk.record())
    wrong: list[Any] = [
        update(events).where(events.c.seq == 6).values(envelope=b"", person=None),
        update(events).where(events.c.seq == 5).values(envelope=b"", hash=bytes(32)),
        update(events).where(events.c.seq == 2).values(envelope=b"forged"),
        delete(events).where(events.c.seq == 2),
    ]
    for statement in wrong:
        with pytest.raises(DatabaseError), old.database.write() as connection:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE event_checkpoints SET seq = 4", "no key of this office signed its checkpoint"),
        ("UPDATE event_checkpoints SET emptied = 0", "no key of this office signed its checkpoint"),
        ("DELETE FROM office_keys", "no key of this office signed its checkpoint"),
        ("DELETE FROM event_checkpoints", "its original is gone, and no checkpoint covers it"),
        ("UPDATE events SET person = 'x' WHERE seq = 3", "its columns are not: person"),
    ],
)
def test_whoever_takes_more_behind_the_offices_back_is_found(old: Old, change: str, what: str) -> None:
    old.apply()
    with old.database.write() as connection:
        assert connection.execute(text(change)).rowcount
    assert any(what in each.what for each in old.findings()[0])


def test_a_kiosk_whose_clock_stood_in_the_past_makes_nothing_old(old: Old) -> None:
    """What counts is when it came, if that is later than the day it names."""
    old.now_us = microseconds(LATER)
    old.take(old.kiosk, old.kiosk.record())
    assert old.apply().events == 3
    assert old.content()[-1] == (6, True)


def test_a_held_person_stays_until_the_hold_ends(old: Old) -> None:
    now_us = microseconds(LATER)
    with old.database.write() as connection:
        number = holds.place(connection, person=ANN, site=None, reason="a claim", by="ana", now_us=now_us)
        with pytest.raises(HoldRefused):
            holds.place(connection, person=ANN, site=None, reason="again", by="ana", now_us=now_us)
    outcome = old.apply()
    assert (outcome.events, outcome.kept) == (2, {"mill: a person is held"})
    assert old.content() == [(1, True), (2, True), (3, False), (4, False), (5, True)]
    assert old.findings()[0] == []
    assert old.apply().events == 0
    with old.database.write() as connection:
        holds.end(connection, number, by="ana", now_us=now_us)
    assert old.due().events == 1
    assert (old.apply().events, old.findings()[0]) == (1, [])
    assert old.content()[1] == (2, False)
    with old.database.read() as connection:
        said = [each for each in audit.entries(connection) if each.action.startswith("hold.")]
    assert [each.action for each in said] == ["hold.placed", "hold.ended"]
    assert all("claim" not in each.detail for each in said)


def test_a_held_site_and_an_undecided_request_keep_everything(old: Old) -> None:
    now_us = microseconds(LATER)
    with old.database.write() as connection:
        number = holds.place(connection, person=None, site="mill", reason="audit", by="ana", now_us=now_us)
    assert (old.apply().events, old.apply().kept) == (0, {"mill: the site is held"})
    with old.database.write() as connection:
        holds.end(connection, number, by="ana", now_us=now_us)
        event = connection.execute(select(schema.events.c.id).where(schema.events.c.seq == 3)).scalar_one()
        wish = Asked("mill", BEN, CorrectionKind.VOID_EVENT, event, None, None, "not me")
        request(connection, wish, by="carl", now=LATER)
    outcome = old.apply()
    assert (outcome.events, outcome.kept) == (1, {"mill: a correction request waits for a decision"})


def test_a_day_that_no_pay_period_accounts_for_stays_where_periods_are_closed(old: Old) -> None:
    with old.database.write() as connection:
        first, last = DAY - timedelta(days=40), DAY - timedelta(days=1)
        periods.close(connection, site="mill", first=first, last=last, now=LATER, by="ana", incomplete=True)
    outcome = old.apply()
    assert (outcome.events, outcome.kept) == (0, {f"mill: no pay period with {DAY} is closed"})


def test_a_closed_period_reads_as_before_and_open_days_say_that_they_are_gone(old: Old) -> None:
    with old.database.write() as connection:
        period = periods.close(
            connection, site="mill", first=DAY, last=DAY, now=LATER, by="ana", incomplete=True
        )
    asked: dict[str, Any] = {"site": "mill", "now": LATER}
    with old.database.read() as connection:
        before = periods.figures(connection, first=DAY, last=DAY, **asked)
    assert len(before) == 3
    assert old.apply().events == 3
    edge = DAY + timedelta(days=3)
    with old.database.write() as connection:
        assert removed_through(connection, "mill") == edge
        assert periods.figures(connection, first=DAY, last=DAY, **asked) == before
        assert periods.late(connection, period, now=LATER) == []
        with pytest.raises(AttendanceRemoved, match=str(edge)):
            periods.figures(connection, first=DAY, last=DAY + timedelta(days=9), **asked)
        assert periods.figures(connection, first=edge + timedelta(days=1), last=LATER.date(), **asked) == []
        with pytest.raises(AttendanceRemoved):
            periods.close(connection, site="mill", first=edge, last=edge, now=LATER, by="ana", incomplete=True)
        late = Asked(
            "mill", ANN, CorrectionKind.ADD_EVENT, None, datetime.combine(edge, START.timetz()), None, "x"
        )
        with pytest.raises(AttendanceRemoved):
            request(connection, late, by="carl", now=LATER)


def test_lists_and_dossiers_say_what_was_removed(old: Old) -> None:
    with old.database.write() as connection:
        connection.execute(insert(schema.memberships).values(person=ANN, site="mill", since_us=0))
    old.apply()
    with old.database.read() as connection:
        rows = listing.newest(connection, Wanted(), up_to=2**40, limit=10)
        told = gather(connection, ANN, made_at="now")
    assert [row["removed"] for row in rows] == [False, True, True, True, False]
    assert [row["person"] for row in rows] == [None] * 5
    assert told["attendance"] == []
    assert told["removed"] == [{"site": "mill", "through": str(DAY + timedelta(days=3))}]


def test_decided_requests_of_those_days_go_with_them(old: Old) -> None:
    requests = schema.correction_requests
    with old.database.write() as connection:
        for state, decided in (("approved", microseconds(START)), ("refused", microseconds(LATER))):
            connection.execute(
                insert(requests).values(
                    person=ANN, site="mill", day=str(DAY), kind="add_event", time_us=1, reason="forgot",
                    requested_by="carl", requested_us=1, state=state, decided_by="ana", decided_us=decided,
                )
            )  # fmt: skip
    assert (old.due().requests, old.apply().requests) == (1, 1)
    assert [row.state for row in old.rows(select(requests.c.state))] == ["refused"]


def test_a_site_may_decide_otherwise_than_the_configuration(old: Old) -> None:
    with old.database.write() as connection:
        holds.set_policy(connection, "mill", 0, by="ana", now_us=1)
        with pytest.raises(HoldRefused):
            holds.set_policy(connection, "mill", 30, by="ana", now_us=1)
    assert old.apply().events == 0
    with old.database.write() as connection:
        holds.set_policy(connection, "mill", None, by="ana", now_us=2)
        assert [(each.days, each.set_by) for each in holds.policies(connection, RULES)] == [(31, None)]
    assert old.apply().events == 3


def test_thousands_go_in_bounded_transactions(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    assert Retention(old.database, RULES, key=KEY, by="signer").go(now=LATER, batches=1).events == 1
    assert old.findings()[0] == []
    assert old.apply().events == 2
    assert old.rows(select(func.count()).select_from(schema.event_checkpoints))[0][0] == 1
    assert old.rows(select(schema.event_checkpoints.c.emptied))[0][0] == 3


def test_a_closed_sheet_goes_when_its_own_time_is_over_and_says_so(old: Old) -> None:
    rules = RetentionSection(closed_sheets_days=90)
    with old.database.write() as connection:
        closing: dict[str, Any] = {"site": "mill", "now": LATER, "by": "ana", "incomplete": True}
        period = periods.close(connection, first=DAY, last=DAY, **closing)
        held = holds.place(connection, person=ANN, site=None, reason="a claim", by="ana", now_us=1)
    late = START + timedelta(days=91)
    assert old.apply(now=START + timedelta(days=90), rules=rules).sheets == 0
    assert old.apply(now=late, rules=rules).kept == {"closed sheets: a person is held"}
    with pytest.raises(DatabaseError), old.database.write() as connection:
        connection.execute(update(schema.closed_sheets).values(body=""))
    with old.database.write() as connection:
        holds.end(connection, held, by="ana", now_us=2)
    assert (old.apply(now=late, rules=rules).sheets, old.apply(now=late, rules=rules).sheets) == (1, 0)
    with old.database.read() as connection:
        assert [each.digest for each in periods.listed(connection, "mill")] == [period.digest]
        for read in (
            lambda: periods.closed_days(connection, period),
            lambda: periods.figures(connection, site="mill", first=DAY, last=DAY, now=late),
            lambda: periods.late(connection, period, now=late),
        ):
            with pytest.raises(AttendanceRemoved, match="sheet"):
                read()
    with old.database.write() as connection:
        connection.execute(text("DELETE FROM office_keys"))
    with old.database.read() as connection, pytest.raises(PeriodDamaged):
        periods.closed_days(connection, period)
