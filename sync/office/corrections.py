"""Corrections of attendance: somebody asks, somebody else decides, and a closed pay period refuses both.

Events are never changed; an approved request is applied by `timesheet.sheet`. Trust boundary: what is asked was
typed by a clerk and is judged here; the reason is free text, shown to people only and never in the audit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from sync.office import audit, operators
from sync.office.attendance import CorrectionKind, Direction, Rules, local_day
from sync.office.database import schema
from sync.office.errors import CorrectionRefused
from sync.office.operators import Role
from sync.office.periods import lock_site
from sync.office.removed import refuse_removed
from sync.office.timesheet import closed, from_us, latest_correction, rules_of, to_us
from sync.wire.events import ATTENDANCE_RECORDED

MAX_REASON = 500
MAX_MOVE = timedelta(days=2)  # less than `timesheet.REACH`, beyond which a moved event would not be found
MAX_AGE = timedelta(days=1100)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wishes.

    Args:
        person: Random id.
        event_id: The event's row; None only to add one.
        at: The time of an added or moved event, aware.
        direction: Of an added event (None derives it), or the new one.
        reason: Why. Free text.
    """

    site: str
    person: str
    kind: CorrectionKind
    event_id: int | None
    at: datetime | None
    direction: Direction | None
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request and what became of it."""

    id: int
    site: str
    person: str
    day: date
    kind: CorrectionKind
    event_id: int | None
    time_us: int | None
    direction: str | None
    reason: str
    state: str
    requested_by: str
    requested_us: int
    decided_by: str | None
    decided_us: int | None
    note: str | None


def request(connection: Connection, asked: Asked, *, by: str, now: datetime) -> int:
    """Ask for a correction. Returns its number.

    Raises:
        CorrectionRefused: What is wrong with it, or a closed period.
        OfficeError: There is no such site.
    """
    rules = rules_of(connection, asked.site)
    lock_site(connection, asked.site)
    _demand_reason(asked.reason)
    _demand_form(asked, now=now)
    _demand_person(connection, asked.person)
    days = _touched(connection, asked, rules)
    _demand_open(connection, asked.site, days)
    number: int = connection.execute(
        insert(schema.correction_requests)
        .values(
            site=asked.site,
            person=asked.person,
            day=days[0].isoformat(),
            kind=asked.kind.value,
            event_id=asked.event_id,
            time_us=None if asked.at is None else to_us(asked.at),
            direction=None if asked.direction is None else asked.direction.value,
            reason=asked.reason.strip(),
            requested_by=by,
            requested_us=to_us(now),
            state="pending",
        )
        .returning(schema.correction_requests.c.id)
    ).scalar_one()
    _audit(connection, "correction.requested", asked.person, f"{number} {asked.kind} {days[0]}", by, now)
    return number


def decide(
    connection: Connection,
    number: int,
    *,
    approve: bool,
    note: str,
    by: str,
    now: datetime,
    alone: bool = False,
) -> Request:
    """Approve or refuse a pending request of somebody else.

    A refusal needs a note. With `alone`, an administrator who is the only one who could decide decides their
    own; it stands in the audit.

    Raises:
        CorrectionRefused: There is none, it was decided, it is one's own, or its days are closed.
    """
    requests = schema.correction_requests
    site = connection.execute(select(requests.c.site).where(requests.c.id == number)).scalar_one_or_none()
    if site is None:
        raise _refused("there is no such request", number)
    lock_site(connection, site)
    row = connection.execute(select(requests).where(requests.c.id == number).with_for_update()).one()
    if row.state != "pending":
        raise _refused(f"it was {row.state} already", number)
    lonely = row.requested_by == by
    if lonely:
        _demand_alone(connection, number, by=by, alone=alone)
    if note or not approve:
        _demand_reason(note)
    asked = _asked(row)
    if approve:
        _demand_open(connection, site, _touched(connection, asked, rules_of(connection, site)))
    state = "approved" if approve else "refused"
    decided = update(requests).where(requests.c.id == number)
    connection.execute(
        decided.values(state=state, decided_by=by, decided_us=to_us(now), decision_note=note.strip() or None)
    )
    detail = f"{number} {row.kind} {row.day}{', own request, alone in the office' if lonely else ''}"
    _audit(connection, f"correction.{state}", row.person, detail, by, now)
    return _request(connection.execute(select(requests).where(requests.c.id == number)).one())


def listed(
    connection: Connection, *, site: str | None = None, state: str | None = "pending"
) -> Iterable[Request]:
    """Requests, the oldest first; of every state for None."""
    requests = schema.correction_requests
    statement = select(requests).order_by(requests.c.id)
    if site is not None:
        statement = statement.where(requests.c.site == site)
    if state is not None:
        statement = statement.where(requests.c.state == state)
    return [_request(row) for row in connection.execute(statement)]


def _demand_reason(text: str) -> None:
    stripped = text.strip()
    if not stripped or len(stripped) > MAX_REASON or not stripped.isprintable():
        raise CorrectionRefused(
            f"a reason is 1 to {MAX_REASON} printable characters", next_step="--reason TEXT"
        )


def _demand_form(asked: Asked, *, now: datetime) -> None:
    adds = asked.kind is CorrectionKind.ADD_EVENT
    needs_time = adds or asked.kind is CorrectionKind.CHANGE_TIME
    wrong = (
        (adds == (asked.event_id is not None), "an event is named for everything but adding one (--event)"),
        (needs_time != (asked.at is not None), "a time is given to add or move an event, and only then (--at)"),
        (
            asked.kind is CorrectionKind.CHANGE_DIRECTION and asked.direction is None,
            "the new direction is missing (--direction)",
        ),
        (
            asked.kind in (CorrectionKind.VOID_EVENT, CorrectionKind.CHANGE_TIME)
            and asked.direction is not None,
            "a direction is given to add an event or change its direction, and only then (--direction)",
        ),
        (
            asked.at is not None and not now - MAX_AGE <= asked.at <= now,
            "the time is in the future, or years ago",
        ),
    )
    for is_wrong, what in wrong:
        if is_wrong:
            raise CorrectionRefused(what, next_step="clockface-office correction request --help")


def _demand_person(connection: Connection, person: str) -> None:
    people = schema.people
    if connection.execute(select(people.c.person).where(people.c.person == person)).first() is None:
        raise CorrectionRefused(
            "the office knows nobody of this id", where=person[:32], next_step="clockface-office roster status"
        )


def _demand_event(connection: Connection, asked: Asked, rules: Rules) -> list[date]:
    """The days on which the event counts or counted; it must be this person's, at this site.

    The first is the one that it counts on by what its device said; earlier corrections may have moved it.
    """
    if asked.event_id is None:
        return []
    events, devices = schema.events, schema.devices
    moved_by = latest_correction(schema.clock_corrections)
    row = connection.execute(
        select(events.c.day, events.c.time_us, moved_by.label("moved_by"))
        .join(devices, devices.c.id == events.c.device_id)
        .where(
            events.c.id == asked.event_id,
            events.c.type == ATTENDANCE_RECORDED,
            events.c.person == asked.person,
            devices.c.site == asked.site,
            events.c.day.is_not(None),
        )
    ).first()
    if row is None:
        raise CorrectionRefused(
            "this person has no such attendance event at this site",
            where=f"event {asked.event_id}",
            next_step=f"clockface-office events --site {asked.site} --person {asked.person}",
        )
    day = date.fromisoformat(row.day)
    if asked.at is not None and abs(asked.at.date() - day) > MAX_MOVE:
        raise CorrectionRefused(
            f"an event is moved by at most {MAX_MOVE.days} days: void it and add another",
            where=f"event {asked.event_id}",
        )
    days = [] if row.moved_by is None else [local_day(from_us(row.time_us + row.moved_by), rules)]
    return [*days, day, *_moved_to(connection, asked.event_id, rules)]


def _moved_to(connection: Connection, event_id: int, rules: Rules) -> list[date]:
    requests = schema.correction_requests
    moments = connection.execute(
        select(requests.c.time_us).where(
            requests.c.event_id == event_id, requests.c.state == "approved", requests.c.time_us.is_not(None)
        )
    ).scalars()
    return [local_day(from_us(moment), rules) for moment in moments]


def _touched(connection: Connection, asked: Asked, rules: Rules) -> list[date]:
    """The days that it would change, first the one that it belongs to."""
    days = _demand_event(connection, asked, rules)
    return days if asked.at is None else [*days, local_day(asked.at, rules)]


def _demand_open(connection: Connection, site: str, days: Iterable[date]) -> None:
    for day in days:
        if closed(connection, site, day):
            raise CorrectionRefused(
                "the pay period of that day is closed",
                where=f"{site}, {day}",
                next_step=f"clockface-office period list --site {site}; settle it in the next period",
            )
        refuse_removed(connection, site, day, what="nothing is corrected there")


def _demand_alone(connection: Connection, number: int, *, by: str, alone: bool) -> None:
    deciders = [each for each in operators.listed(connection) if each.role >= Role.CLERK]
    is_alone = [(each.account, each.role) for each in deciders] == [(by, Role.ADMINISTRATOR)]
    if alone and is_alone:
        return
    next_step = (
        f"clockface-office correction approve {number} --alone"
        if is_alone
        else "ask another clerk or administrator to decide"
    )
    raise CorrectionRefused("nobody decides their own request", where=f"request {number}", next_step=next_step)


def _refused(what: str, number: int) -> CorrectionRefused:
    return CorrectionRefused(
        what, where=f"request {number}", next_step="clockface-office correction list --all"
    )


def _audit(connection: Connection, action: str, person: str, detail: str, by: str, now: datetime) -> None:
    audit.append(connection, at_us=to_us(now), actor=by, action=action, subject=person, detail=detail)


def _asked(row: Row[Any]) -> Asked:
    return Asked(
        site=row.site,
        person=row.person,
        kind=CorrectionKind(row.kind),
        event_id=row.event_id,
        at=None if row.time_us is None else from_us(row.time_us),
        direction=None if row.direction is None else Direction(row.direction),
        reason=row.reason,
    )


def _request(row: Row[Any]) -> Request:
    return Request(
        id=row.id,
        site=row.site,
        person=row.person,
        day=date.fromisoformat(row.day),
        kind=CorrectionKind(row.kind),
        event_id=row.event_id,
        time_us=row.time_us,
        direction=row.direction,
        reason=row.reason,
        state=row.state,
        requested_by=row.requested_by,
        requested_us=row.requested_us,
        decided_by=row.decided_by,
        decided_us=row.decided_us,
        note=row.decision_note,
    )
