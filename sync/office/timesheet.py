"""Reads attendance from the office's database: verified events as records, approved corrections, people, rules.

An event that was reissued counts once, one that its person disowned at the kiosk not at all, a time that the
device corrected counts corrected, and what a correction request asks for counts only when somebody else
approved it. Trust boundary: rows of `events` were verified when they came; this module only reads.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select
from sqlalchemy.sql.expression import FromClause

from sync.office.attendance import (
    Correction,
    CorrectionKind,
    Direction,
    PersonDay,
    Record,
    Rules,
    corrected,
    days_of,
)
from sync.office.database import schema
from sync.office.errors import OfficeError
from sync.wire.events import ATTENDANCE_RECORDED

REACH = timedelta(days=3)  # events read around the days asked for: shifts over midnight, corrected clocks
STATED = ("fixed", "chosen")  # directions that nobody may derive anew
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Employee:
    """A person as the office knows them. Personal data.

    Args:
        person: Random id.
        number: Employee number; None once removed.
        name: None once removed.
        department: None where nobody gave one.
    """

    person: str
    number: str | None
    name: str | None
    department: str | None

    def __repr__(self) -> str:
        return f"Employee({self.person}, ********)"


def utc_text(moment_us: int) -> str:
    """Microseconds since 1970 as ISO text in UTC, to the second."""
    return from_us(moment_us).isoformat(timespec="seconds").replace("+00:00", "Z")


def from_us(moment_us: int) -> datetime:
    """Microseconds since 1970 as an aware UTC time."""
    return _EPOCH + timedelta(microseconds=moment_us)


def to_us(moment: datetime) -> int:
    """An aware time as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def rules_of(connection: Connection, site: str) -> Rules:
    """How a site reads its events.

    Raises:
        OfficeError: There is no such site.
    """
    row = connection.execute(select(schema.sites.c.time_zone).where(schema.sites.c.site == site)).first()
    if row is None:
        raise OfficeError("no such site", where=f"site {site[:64]}", next_step="clockface-office devices")
    days = connection.execute(select(schema.holidays.c.day).where(schema.holidays.c.site == site)).scalars()
    return Rules(zone=ZoneInfo(row.time_zone), holidays=frozenset(date.fromisoformat(day) for day in days))


def employees(connection: Connection) -> dict[str, Employee]:
    """Everybody whom the office knows, by random id."""
    people = schema.people
    rows = connection.execute(
        select(people.c.person, people.c.employee_number, people.c.name, people.c.department)
    )
    return {row.person: Employee(row.person, row.employee_number, row.name, row.department) for row in rows}


def sheet(
    connection: Connection,
    *,
    site: str,
    first: date,
    last: date,
    now: datetime,
    people: Collection[str] | None = None,
) -> list[PersonDay]:
    """The days of a site's people, from `first` to `last`, both included.

    Raises:
        OfficeError: There is no such site.
    """
    rules = rules_of(connection, site)
    begin, end = first - REACH, last + REACH
    records = list(_records(connection, site=site, begin=begin, end=end, people=people))
    requested = _corrections(connection, site=site, begin=begin, end=end)
    days = days_of(corrected(records, requested), rules=rules, now=now)
    wanted = (day for day in days if people is None or day.person in people)
    return [day for day in wanted if first <= day.day <= last]


def _records(
    connection: Connection, *, site: str, begin: date, end: date, people: Collection[str] | None
) -> Iterator[Record]:
    events, devices, corrections = schema.events, schema.devices, schema.clock_corrections
    latest = latest_correction(corrections)
    statement = (
        select(
            events.c.id,
            events.c.person,
            events.c.time_us,
            events.c.day,
            events.c.direction,
            events.c.direction_source,
            events.c.method,
            events.c.trust,
            devices.c.device,
            latest.label("correction_us"),
        )
        .join(devices, devices.c.id == events.c.device_id)
        .where(
            devices.c.site == site,
            events.c.type == ATTENDANCE_RECORDED,
            events.c.interpreted,
            or_(
                events.c.day.between(begin.isoformat(), end.isoformat()),
                events.c.id.in_(_moved_into(begin, end)),
            ),
            _counts_once(),
            _stands(),
        )
        .order_by(events.c.id)
    )
    if people is not None:
        statement = statement.where(events.c.person.in_(list(people)))
    for row in connection.execute(statement).yield_per(1000):
        moved = row.correction_us is not None
        yield Record(
            key=row.id,
            person=row.person,
            at=from_us(row.time_us + (row.correction_us or 0)),
            day=None if moved else date.fromisoformat(row.day),
            stated=Direction(row.direction) if row.direction_source in STATED else None,
            device=row.device,
            trusted=moved or row.trust != "unsynchronised",
            clock_corrected=moved,
            method=row.method or "",
        )


def latest_correction(corrections: FromClause) -> ColumnElement[int]:
    """The last thing that the device said of this event's time."""
    events = schema.events
    return (
        select(corrections.c.correction_us)
        .where(
            corrections.c.epoch_id == events.c.epoch_id,
            events.c.seq.between(corrections.c.first_seq, corrections.c.last_seq),
        )
        .order_by(corrections.c.event_id.desc())
        .limit(1)
        .correlate(events)
        .scalar_subquery()
    )


def _moved_into(begin: date, end: date) -> Select[tuple[int]]:
    """Events whose clock was off by so much that their own day lies elsewhere: a board without a battery."""
    events, corrections = schema.events.alias("moved"), schema.clock_corrections
    first = to_us(datetime.combine(begin, time(), UTC))
    last = to_us(datetime.combine(end + timedelta(days=1), time(), UTC))
    return (
        select(events.c.id)
        .join(corrections, corrections.c.epoch_id == events.c.epoch_id)
        .where(
            events.c.seq.between(corrections.c.first_seq, corrections.c.last_seq),
            (events.c.time_us + corrections.c.correction_us).between(first, last),
        )
    )


def _counts_once() -> ColumnElement[bool]:
    """A reissue counts only if the office holds neither its original nor an earlier reissue of it."""
    events = schema.events
    other, epochs = schema.events.alias("other"), schema.epochs
    original = (
        select(other.c.id)
        .join(epochs, epochs.c.id == other.c.epoch_id)
        .where(
            other.c.device_id == events.c.device_id,
            epochs.c.epoch == events.c.reissues_epoch,
            other.c.seq == events.c.reissues_seq,
            other.c.hash == events.c.reissues_hash,
        )
        .correlate(events)
    )
    earlier = (
        select(other.c.id)
        .where(
            other.c.device_id == events.c.device_id,
            other.c.reissues_hash == events.c.reissues_hash,
            other.c.id < events.c.id,
        )
        .correlate(events)
    )
    return or_(events.c.reissues_hash.is_(None), and_(~exists(original), ~exists(earlier)))


def _stands() -> ColumnElement[bool]:
    """Its person has not disowned it; what they disowned under its first identity is meant as well."""
    events, voids = schema.events, schema.voids
    disowned = (
        select(voids.c.event_id)
        .where(
            voids.c.device_id == events.c.device_id,
            or_(voids.c.hash == events.c.hash, voids.c.hash == events.c.reissues_hash),
        )
        .correlate(events)
    )
    return ~exists(disowned)


def _corrections(connection: Connection, *, site: str, begin: date, end: date) -> list[Correction]:
    requests = schema.correction_requests
    rows = connection.execute(
        select(requests)
        .where(
            requests.c.site == site,
            requests.c.state == "approved",
            requests.c.day.between(begin.isoformat(), end.isoformat()),
        )
        .order_by(requests.c.decided_us, requests.c.id)
    )
    return [
        Correction(
            kind=CorrectionKind(row.kind),
            person=row.person,
            key=row.event_id,
            at=None if row.time_us is None else from_us(row.time_us),
            direction=None if row.direction is None else Direction(row.direction),
        )
        for row in rows
    ]


def closed(connection: Connection, site: str, day: date) -> bool:
    """Whether the site's pay period of that day is closed: then nothing about it may change."""
    periods = schema.pay_periods
    found = connection.execute(
        select(func.count())
        .select_from(periods)
        .where(
            periods.c.site == site,
            periods.c.closed_us.is_not(None),
            periods.c.first_day <= day.isoformat(),
            periods.c.last_day >= day.isoformat(),
        )
    ).scalar_one()
    return bool(found)


__all__ = ["Employee", "closed", "employees", "from_us", "latest_correction", "rules_of", "sheet", "to_us"]
