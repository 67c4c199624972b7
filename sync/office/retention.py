"""Takes the content of attendance events whose time is over, behind a checkpoint that the operator's key signs.

An event that is over loses its signed original and every column about a person or a moment; its place and
hashes stay (`checkpoints`). What must wait is kept whole and said: legal holds, days that no pay period has
accounted for, requests that nobody decided. Trust boundary: whoever runs this holds the operator's key;
triggers refuse to let go of anything that no checkpoint covers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, delete, func, select, update

from sync.office import audit, checkpoints, periods, sheets
from sync.office.checkpoints import OfficeCheckpoint
from sync.office.config.office import RetentionSection
from sync.office.database import Database, schema
from sync.office.holds import Policy, listed, policies
from sync.office.known_keys import note_key
from sync.office.rows import ABSENT
from sync.office.timesheet import REACH, from_us, rules_of, to_us
from sync.wire.events import ATTENDANCE_RECORDED, CLOCK_CORRECTED, DEVICE_RETIRED, DEVICE_TESTED, EPOCH_BEGUN
from sync.wire.fields import format_time

AT_ONCE: Final = 1000  # events in one transaction
BATCHES: Final = 20  # in one round
WHOLE: Final = (EPOCH_BEGUN, CLOCK_CORRECTED, DEVICE_TESTED, DEVICE_RETIRED)  # say nothing about a person
_DAY_US: Final = 86_400_000_000


@dataclass(slots=True)
class Outcome:
    """What went, or would go.

    Args:
        events: Events that lost their content.
        requests: Decided correction requests of those days.
        sheets: Closed pay periods' sheets.
        kept: Why what is over stays: reasons, each with the site it is of.
    """

    events: int = 0
    requests: int = 0
    sheets: int = 0
    kept: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is over at a site, and what is kept all the same.

    Args:
        before_day: Attendance days before this one are over.
        before_us: And what came before this moment.
        accounted: Closed pay periods, first and last day; empty where nobody closes any.
        people: Whose attendance is held.
        pending: Events that a request speaks of which nobody has decided.
    """

    site: str
    zone: ZoneInfo
    before_day: date
    before_us: int
    accounted: tuple[tuple[date, date], ...]
    people: frozenset[str]
    pending: frozenset[int]

    def over(self, row: Row[Any]) -> bool:
        """Whether an event's time is over, by when it came and by its day where its clock was to be trusted.

        It came after it happened, so a kiosk whose clock stands in 1970 makes nothing old.
        """
        return row.received_us < self.before_us and (
            row.day is None or row.trust == "unsynchronised" or date.fromisoformat(row.day) < self.before_day
        )

    def waits_for(self, row: Row[Any]) -> str | None:
        """Why an event that is over must wait, and everything behind it."""
        if row.id in self.pending:
            return f"{self.site}: a correction request waits for a decision"
        day = self._day(row)
        if row.type != ATTENDANCE_RECORDED or self.is_accounted(day):
            return None
        return f"{self.site}: no pay period with {day} is closed"

    def day_taken(self, row: Row[Any]) -> str:
        """The attendance day from which an event would be missing."""
        return min(self._day(row), self.before_day - timedelta(days=1)).isoformat()

    def _day(self, row: Row[Any]) -> date:
        if row.day is None or row.trust == "unsynchronised":
            return from_us(row.received_us).astimezone(self.zone).date()
        return date.fromisoformat(row.day)

    def is_accounted(self, day: date) -> bool:
        """Whether a pay period holds the day's sheet; days before the first period never had one."""
        if not self.accounted or day < self.accounted[0][0]:
            return True
        return any(first <= day <= last for first, last in self.accounted)


def bounds_of(connection: Connection, policy: Policy, *, now: datetime) -> Bounds:
    """What is over at a site now. Events stay `REACH` longer than a day can be asked for: it needs them."""
    rules, requests = rules_of(connection, policy.site), schema.correction_requests
    life = timedelta(days=policy.days) + REACH
    pending = connection.execute(
        select(requests.c.event_id).where(requests.c.state == "pending", requests.c.event_id.is_not(None))
    ).scalars()
    closed = sorted((each.first, each.last) for each in periods.listed(connection, policy.site))
    return Bounds(
        site=policy.site,
        zone=rules.zone,
        before_day=now.astimezone(rules.zone).date() - life,
        before_us=to_us(now - life),
        accounted=tuple(closed),
        people=frozenset(each.person for each in listed(connection) if each.person is not None),
        pending=frozenset(pending),
    )


class Retention:
    """Applies the policies, a bounded number of events a transaction.

    Args:
        key: The operator's; it signs checkpoints.
        by: The account, or "signer".
    """

    def __init__(
        self, database: Database, config: RetentionSection, *, key: Ed25519PrivateKey, by: str
    ) -> None:
        self._database = database
        self._config = config
        self._key = key
        self._by = by

    def go(self, *, now: datetime, batches: int = BATCHES) -> Outcome:
        """Take what is over, as far as so many transactions reach."""
        outcome = Outcome()
        self._let_sheets_go(outcome, now=now)
        with self._database.read() as connection:
            if not any(policy.days for policy in policies(connection, self._config)):
                return outcome
        for _ in range(batches):
            with self._database.write() as connection:
                if not self._batch(connection, outcome, now=now):
                    break
        return outcome

    def _let_sheets_go(self, outcome: Outcome, *, now: datetime) -> None:
        if not self._config.closed_sheets_days:
            return
        with self._database.write() as connection:
            for period in _sheets(connection, self._config, outcome, now=now):
                sheets.let_go(connection, period, key=self._key, by=self._by, now=now)
                outcome.sheets += 1
            if outcome.sheets:
                self._note(connection, f"sheets={outcome.sheets}", now=now)

    def _note(self, connection: Connection, detail: str, *, now: datetime) -> None:
        audit.append(
            connection,
            at_us=to_us(now),
            actor=self._by,
            action="retention.applied",
            subject="attendance",
            detail=detail,
        )

    def _batch(self, connection: Connection, outcome: Outcome, *, now: datetime) -> int:
        """One transaction's worth; returns how much was done."""
        room, events, requests = AT_ONCE, 0, 0
        for bounds in _due(connection, self._config, outcome, now=now, lock=True):
            for epoch in _candidates(connection, bounds):
                if room > 0:
                    rows = _next(connection, bounds, epoch, outcome, limit=room)
                    self._take(connection, bounds, epoch, rows, now=now)
                    room, events = room - rows.passed, events + len(rows.going)
            swept = self._sweep(connection, bounds, limit=max(0, room), now=now)
            room, events = room - swept, events + swept
            requests += _forget_requests(connection, bounds)
        outcome.events, outcome.requests = outcome.events + events, outcome.requests + requests
        if events or requests:
            self._note(connection, f"attendance={events},requests={requests}", now=now)
        return AT_ONCE - room + requests

    def _take(
        self, connection: Connection, bounds: Bounds, epoch: Row[Any], rows: "_Rows", *, now: datetime
    ) -> None:
        if rows.last is None:
            return
        now_us = to_us(now)
        note_key(connection, "operator", self._key.public_key(), by=self._by, now_us=now_us)
        day = max(filter(None, (rows.through_day, epoch.through_day)), default=None)
        moved = OfficeCheckpoint(
            site=bounds.site,
            device=epoch.device,
            epoch=epoch.epoch,
            seq=rows.last.seq,
            hash=bytes(rows.last.hash).hex(),
            through_day=day,
            emptied=(epoch.emptied or 0) + len(rows.going),
            at=format_time(from_us(now_us)),
        )
        checkpoints.put(connection, epoch.id, moved, key=self._key, signed_us=now_us)
        _empty(connection, rows.going)
        forks = schema.forks
        connection.execute(
            update(forks)
            .where(forks.c.epoch_id == epoch.id, forks.c.seq <= rows.last.seq)
            .values(envelope=None)
        )

    def _sweep(self, connection: Connection, bounds: Bounds, *, limit: int, now: datetime) -> int:
        """What was kept for somebody whose hold has ended, and lies behind a checkpoint already."""
        by_epoch: dict[int, list[Row[Any]]] = {}
        for row in _released(connection, bounds, limit=limit):
            by_epoch.setdefault(row.epoch_id, []).append(row)
        for epoch_id, theirs in by_epoch.items():
            before = checkpoints.checkpoint_of(connection, epoch_id)
            if before is None:
                continue
            days = (before.through_day, *(bounds.day_taken(row) for row in theirs))
            changed = {
                "emptied": before.emptied + len(theirs),
                "through_day": max(filter(None, days)),
                "at": format_time(from_us(to_us(now))),
            }
            after = before.model_copy(update=changed)
            note_key(connection, "operator", self._key.public_key(), by=self._by, now_us=to_us(now))
            checkpoints.put(connection, epoch_id, after, key=self._key, signed_us=to_us(now))
            _empty(connection, [row.id for row in theirs])
        return sum(map(len, by_epoch.values()))


def due(connection: Connection, config: RetentionSection, *, now: datetime) -> Outcome:
    """What would go now, and what is over and stays."""
    outcome = Outcome()
    outcome.sheets = len(_sheets(connection, config, outcome, now=now))
    for bounds in _due(connection, config, outcome, now=now):
        for epoch in _candidates(connection, bounds):
            outcome.events += len(_next(connection, bounds, epoch, outcome, limit=None).going)
        outcome.events += len(_released(connection, bounds, limit=None))
        outcome.requests += len(_requests(connection, bounds))
    return outcome


def _sheets(connection: Connection, config: RetentionSection, outcome: Outcome, *, now: datetime) -> list[int]:
    """Pay periods whose sheet may go; a person who is held may stand in any of them."""
    standing = listed(connection)
    held = {each.site for each in standing if each.site is not None}
    found = sheets.over(connection, config.closed_sheets_days, sites_held=held, today=now.date())
    if found and any(each.person is not None for each in standing):
        outcome.kept.add("closed sheets: a person is held")
        return []
    return found


def _due(
    connection: Connection, config: RetentionSection, outcome: Outcome, *, now: datetime, lock: bool = False
) -> Iterator[Bounds]:
    """The sites of which anything may go; locked, nobody closes a period or asks for a correction meanwhile."""
    sites = {each.site for each in listed(connection) if each.site is not None}
    for policy in policies(connection, config):
        if not policy.days:
            continue
        if policy.site in sites:
            outcome.kept.add(f"{policy.site}: the site is held")
            continue
        if lock:
            periods.lock_site(connection, policy.site)
        yield bounds_of(connection, policy, now=now)


def _candidates(connection: Connection, bounds: Bounds) -> list[Row[Any]]:
    """The site's epochs whose next event came long enough ago, oldest first."""
    epochs, devices, events = schema.epochs, schema.devices, schema.events
    points = schema.event_checkpoints
    following = events.alias("following")
    first = (  # the one behind the checkpoint, or behind a gap that somebody accepted there
        select(func.min(following.c.seq))
        .where(following.c.epoch_id == epochs.c.id, following.c.seq > func.coalesce(points.c.seq, 0))
        .correlate(epochs, points)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(epochs.c.id, epochs.c.epoch, devices.c.device, points)
        .join(devices, devices.c.id == epochs.c.device_id)
        .outerjoin(points, points.c.epoch_id == epochs.c.id)
        .join(events, (events.c.epoch_id == epochs.c.id) & (events.c.seq == first))
        .where(devices.c.site == bounds.site, events.c.received_us < bounds.before_us)
        .order_by(epochs.c.id)
    )
    return list(rows)


@dataclass(slots=True)
class _Rows:
    """What goes of one epoch: up to which event, which rows, and up to which attendance day."""

    last: Row[Any] | None = None
    going: list[int] = field(default_factory=list)
    through_day: str | None = None
    passed: int = 0


_LOOKED_AT: Final = ("id", "epoch_id", "seq", "hash", "type", "received_us", "day", "trust", "person")


def _next(
    connection: Connection, bounds: Bounds, epoch: Row[Any], outcome: Outcome, *, limit: int | None
) -> _Rows:
    """The epoch's next events that are over, up to the first that is not or must wait."""
    events, found = schema.events, _Rows()
    query = (
        select(*(events.c[name] for name in _LOOKED_AT))
        .where(events.c.epoch_id == epoch.id, events.c.seq > (epoch.seq or 0))
        .order_by(events.c.seq)
        .limit(limit)
    )
    for row in connection.execute(query):
        if not bounds.over(row):
            break
        if (reason := bounds.waits_for(row)) is not None:
            outcome.kept.add(reason)
            break
        found.last, found.passed = row, found.passed + 1
        if row.person in bounds.people:
            outcome.kept.add(f"{bounds.site}: a person is held")
        elif row.type not in WHOLE:
            found.going.append(row.id)
            found.through_day = max(found.through_day or "", bounds.day_taken(row))
    return found


def _released(connection: Connection, bounds: Bounds, *, limit: int | None) -> list[Row[Any]]:
    """Events behind their checkpoint, of people whose hold has ended, that are over by today's policy."""
    events, points, devices, held = (
        schema.events,
        schema.event_checkpoints,
        schema.devices,
        schema.legal_holds,
    )
    ended = connection.execute(select(held.c.person).where(held.c.ended_us.is_not(None))).scalars()
    people = {person for person in ended if person is not None} - bounds.people
    rows = connection.execute(
        select(*(events.c[name] for name in _LOOKED_AT))
        .join(points, points.c.epoch_id == events.c.epoch_id)
        .join(devices, devices.c.id == events.c.device_id)
        .where(devices.c.site == bounds.site, events.c.person.in_(people), events.c.seq <= points.c.seq)
        .order_by(events.c.id)
        .limit(limit)
    )
    return [row for row in rows if bounds.over(row) and bounds.waits_for(row) is None]


def _empty(connection: Connection, ids: Sequence[int]) -> None:
    """Take the content; times become the UTC day on which the event came."""
    events = schema.events
    day = events.c.received_us - events.c.received_us % _DAY_US
    gone = dict.fromkeys(name for name in ABSENT if not name.startswith("reissues_"))
    for start in range(0, len(ids), 500):
        connection.execute(
            update(events)
            .where(events.c.id.in_(ids[start : start + 500]))
            .values(**gone, envelope=b"", time_us=day, received_us=day)
        )


def _requests(connection: Connection, bounds: Bounds) -> list[int]:
    """Decided correction requests of days that are over."""
    requests = schema.correction_requests
    rows = connection.execute(
        select(requests.c.id, requests.c.person, requests.c.day)
        .where(
            requests.c.site == bounds.site,
            requests.c.state != "pending",
            requests.c.day < bounds.before_day.isoformat(),
            requests.c.decided_us < bounds.before_us,
        )
        .order_by(requests.c.id)
        .limit(AT_ONCE)
    )
    return [
        row.id
        for row in rows
        if row.person not in bounds.people and bounds.is_accounted(date.fromisoformat(row.day))
    ]


def _forget_requests(connection: Connection, bounds: Bounds) -> int:
    requests = schema.correction_requests
    going = _requests(connection, bounds)
    for start in range(0, len(going), 500):
        connection.execute(delete(requests).where(requests.c.id.in_(going[start : start + 500])))
    return len(going)
