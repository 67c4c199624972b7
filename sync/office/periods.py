"""Closed pay periods: what was accounted for stays as it was, and what comes later is reported apart.

Closing stores the sheet itself, with its hash in the audit. From then on reports of those days are read from
there; late events and corrected clocks change only the live sheet, and `late` says where the two differ. So a
closed sheet and its differences always add up to the live one: nothing is lost and nothing is paid twice. Trust
boundary: random ids only are stored; triggers keep the rows, the audit's chain shows what a trigger could not.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select

from sync.office import audit
from sync.office.accepted import lost
from sync.office.attendance import Flag, PersonDay, Rules, local_day
from sync.office.closed_sheet import read, written
from sync.office.database import schema
from sync.office.errors import AttendanceRemoved, PeriodDamaged, PeriodRefused
from sync.office.removed import refuse_removed, removed_through
from sync.office.sheets import was_let_go
from sync.office.timesheet import from_us, rules_of, sheet, to_us

LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Period:
    """A closed period."""

    id: int
    site: str
    first: date
    last: date
    closed_us: int
    closed_by: str
    digest: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A person's day as a report has it.

    Args:
        closed: Whether it is a closed period's.
        lost: Whether events of the site around that day were lost for good, so that some may be missing.
    """

    day: PersonDay
    closed: bool
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """A person's day of a closed period that would be another today.

    Args:
        closed: As it was closed; None if the person had no such day then.
        today: As it would be; None if nothing of it would be left.
    """

    person: str
    day: date
    closed: PersonDay | None
    today: PersonDay | None

    @property
    def seconds(self) -> int:
        """By how much today's hours are more than the closed ones; negative for less."""
        before = 0 if self.closed is None else self.closed.worked_s
        return (0 if self.today is None else self.today.worked_s) - before


def lock_site(connection: Connection, site: str) -> None:
    """Hold a site's periods and corrections until the transaction ends; SQLite has one writer anyway."""
    sites = schema.sites
    connection.execute(select(sites.c.site).where(sites.c.site == site).with_for_update()).first()


def close(
    connection: Connection,
    *,
    site: str,
    first: date,
    last: date,
    now: datetime,
    by: str,
    incomplete: bool = False,
) -> Period:
    """Close a period: nothing of it changes from then on.

    With `incomplete`, although devices of the site may still hold events of it; this stands in the audit.

    Raises:
        PeriodRefused: It is not over, overlaps another, holds pending requests or people who are still in, or
            is incomplete.
        OfficeError: There is no such site.
    """
    rules = rules_of(connection, site)
    lock_site(connection, site)
    refuse_removed(connection, site, first, what="the period is not closed")
    _demand_span(connection, site=site, first=first, last=last, now=now, rules=rules)
    _demand_decided(connection, site=site, first=first, last=last, rules=rules)
    if not incomplete:
        _demand_complete(connection, site=site, ends=_end(last, rules))
    newest = connection.execute(select(func.coalesce(func.max(schema.events.c.id), 0))).scalar_one()
    days = sheet(connection, site=site, first=first, last=last, now=now)
    if inside := sum(Flag.STILL_IN in day.flags for day in days):
        raise _refused(f"{inside} people are still in", site, "wait until they have left, then close it again")
    body = written(days, site=site, first=first, last=last, rules=rules)
    number = _store(connection, body, period=(site, first, last), by=by, now_us=to_us(now), newest=newest)
    digest = hashlib.sha256(body.encode()).hexdigest()
    detail = f"{first} to {last}{', incomplete' if incomplete else ''}, sha256 {digest}"
    audit.append(connection, at_us=to_us(now), actor=by, action="period.closed", subject=site, detail=detail)
    return Period(number, site, first, last, to_us(now), by, digest)


def _store(
    connection: Connection, body: str, *, period: tuple[str, date, date], by: str, now_us: int, newest: int
) -> int:
    site, first, last = period
    number: int = connection.execute(
        insert(schema.pay_periods)
        .values(
            site=site, first_day=first.isoformat(), last_day=last.isoformat(), closed_us=now_us, closed_by=by
        )
        .returning(schema.pay_periods.c.id)
    ).scalar_one()
    digest = hashlib.sha256(body.encode()).digest()
    connection.execute(
        insert(schema.closed_sheets).values(period_id=number, body=body, digest=digest, up_to_event=newest)
    )
    return number


def _demand_span(
    connection: Connection, *, site: str, first: date, last: date, now: datetime, rules: Rules
) -> None:
    if not timedelta(0) <= last - first <= LONGEST:
        raise _refused(f"a period has 1 to {LONGEST.days + 1} days, the first before the last", site, None)
    if local_day(now, rules) <= last:
        raise _refused("it is not over yet", site, f"close it after {last}")
    if overlapping := _touching(connection, site, first, last):
        other = overlapping[0]
        raise _refused(
            f"{other.first} to {other.last} is closed already",
            site,
            f"clockface-office period list --site {site}",
        )


def _demand_decided(connection: Connection, *, site: str, first: date, last: date, rules: Rules) -> None:
    requests = schema.correction_requests
    rows = connection.execute(
        select(requests.c.id, requests.c.day, requests.c.time_us).where(
            requests.c.site == site, requests.c.state == "pending"
        )
    ).all()
    pending = [
        row.id
        for row in rows
        if first <= date.fromisoformat(row.day) <= last
        or (row.time_us is not None and first <= local_day(from_us(row.time_us), rules) <= last)
    ]
    if pending:
        raise _refused(
            f"{len(pending)} correction requests of it wait for a decision",
            site,
            f"clockface-office correction list --site {site}",
        )


def _demand_complete(connection: Connection, *, site: str, ends: datetime) -> None:
    owing = outstanding(connection, site=site, ends=ends)
    if owing:
        listed = ", ".join(owing[:5]) + (f" and {len(owing) - 5} more" if len(owing) > 5 else "")
        raise _refused(
            f"devices may still hold events of it: {listed}",
            site,
            "clockface-office devices; or close it with --incomplete",
        )


def outstanding(connection: Connection, *, site: str, ends: datetime) -> list[str]:
    """Active devices that were not heard of since `ends`, hold older events, or have gaps."""
    devices, health, epochs, gaps = schema.devices, schema.device_health, schema.epochs, schema.gaps
    gap = select(gaps.c.id).join(epochs, epochs.c.id == gaps.c.epoch_id)
    open_gap = gap.where(gaps.c.closed_us.is_(None), epochs.c.device_id == devices.c.id).correlate(devices)
    moment = to_us(ends)
    rows = connection.execute(
        select(devices.c.device)
        .select_from(devices.outerjoin(health, health.c.device_id == devices.c.id))
        .where(
            devices.c.site == site,
            devices.c.state == "active",
            or_(
                health.c.last_seen_us.is_(None),
                health.c.last_seen_us < moment,
                health.c.oldest_pending_us < moment,
                open_gap.exists(),
            ),
        )
        .order_by(devices.c.device)
    )
    return list(rows.scalars())


def _end(last: date, rules: Rules) -> datetime:
    return datetime.combine(last + timedelta(days=1), rules.day_starts, rules.zone).astimezone(UTC)


def _refused(what: str, site: str, next_step: str | None) -> PeriodRefused:
    return PeriodRefused(f"the period is not closed: {what}", where=f"site {site}", next_step=next_step)


def listed(connection: Connection, site: str | None = None) -> list[Period]:
    """Closed periods, oldest first."""
    periods, sheets = schema.pay_periods, schema.closed_sheets
    statement = (
        select(periods, sheets.c.digest)
        .outerjoin(sheets, sheets.c.period_id == periods.c.id)
        .where(periods.c.closed_us.is_not(None))
        .order_by(periods.c.site, periods.c.first_day)
    )
    if site is not None:
        statement = statement.where(periods.c.site == site)
    return [_period(row) for row in connection.execute(statement)]


def _period(row: Row[Any]) -> Period:
    return Period(
        row.id,
        row.site,
        date.fromisoformat(row.first_day),
        date.fromisoformat(row.last_day),
        row.closed_us,
        row.closed_by,
        "" if row.digest is None else bytes(row.digest).hex(),
    )


def _touching(connection: Connection, site: str, first: date, last: date) -> list[Period]:
    return [each for each in listed(connection, site) if each.first <= last and first <= each.last]


def figures(
    connection: Connection,
    *,
    site: str,
    first: date,
    last: date,
    now: datetime,
    people: Collection[str] | None = None,
) -> list[Figure]:
    """A site's days as reports have them: closed ones as they were closed, the others as they are now.

    Raises:
        OfficeError: There is no such site.
        PeriodDamaged: What a period was closed with was altered.
        AttendanceRemoved: A day that no closed period holds was removed when its time was over.
    """
    periods = _touching(connection, site, first, last)
    open_day = _first_open(first, last, periods)
    if open_day is not None:
        refuse_removed(connection, site, open_day, what="these days cannot be shown")
    found = [
        Figure(day, closed=True)
        for period in periods
        for day in closed_days(connection, period)
        if first <= day.day <= last and (people is None or day.person in people)
    ]
    live = sheet(connection, site=site, first=first, last=last, now=now, people=people)
    found += [Figure(day, closed=False) for day in live if not _within(day.day, periods)]
    spans = lost(connection, site, first=first, last=last)
    if spans:
        found = [
            replace(each, lost=any(span.first <= each.day.day <= span.last for span in spans)) for each in found
        ]
    return sorted(found, key=lambda each: (each.day.day, each.day.person))


def _first_open(first: date, last: date, periods: Iterable[Period]) -> date | None:
    """The first day that is in no closed period."""
    day = first
    for period in sorted(periods, key=lambda each: each.first):
        if period.first <= day <= period.last:
            day = period.last + timedelta(days=1)
    return day if day <= last else None


def _within(day: date, periods: Iterable[Period]) -> bool:
    return any(period.first <= day <= period.last for period in periods)


def closed_days(connection: Connection, period: Period) -> list[PersonDay]:
    """The days that a period was closed with.

    Raises:
        AttendanceRemoved: They went when their time was over.
        PeriodDamaged: They are gone or altered.
    """
    sheets = schema.closed_sheets
    row = connection.execute(select(sheets).where(sheets.c.period_id == period.id)).first()
    if row is not None and not row.body and was_let_go(connection, period.id, digest=period.digest):
        raise AttendanceRemoved(
            "the sheet of this pay period was removed when its time was over",
            where=f"site {period.site}, {period.first} to {period.last}",
            next_step=f"ask for days after {period.last}",
        )
    if row is None or hashlib.sha256(row.body.encode()).digest() != bytes(row.digest):
        raise PeriodDamaged(
            "what the period was closed with is gone or altered",
            where=f"site {period.site}, {period.first} to {period.last}",
            next_step="clockface-office audit verify; restore the last backup",
        )
    return read(row.body)


def late(connection: Connection, period: Period, *, now: datetime) -> list[Difference]:
    """What came after the closing: where today's sheet differs from the closed one.

    Only of days whose events are still there (`removed.removed_through`): nothing can be said of the others.
    """
    gone = removed_through(connection, period.site)
    first = period.first if gone is None else max(period.first, gone + timedelta(days=1))
    if first > period.last:
        return []
    today = sheet(connection, site=period.site, first=first, last=period.last, now=now)
    return differences([day for day in closed_days(connection, period) if day.day >= first], today)


def differences(closed: Sequence[PersonDay], today: Sequence[PersonDay]) -> list[Difference]:
    """Where two sheets of the same days differ, ordered by day and person; holidays are no difference."""
    before = {(each.day, each.person): each for each in closed}
    after = {(each.day, each.person): each for each in today}
    return [
        Difference(key[1], key[0], before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if _substance(before.get(key)) != _substance(after.get(key))
    ]


def _substance(day: PersonDay | None) -> object:
    if day is None:
        return None
    return day.stays, frozenset(day.flags) - {Flag.HOLIDAY}
