"""How long a site's attendance stays, as an administrator decided it, and whose is kept whatever its age.

Trust boundary: typed by administrators; a reason is free text that people see and no log or audit holds.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from sync.office import audit
from sync.office.config.office import FEWEST_ATTENDANCE_DAYS, RetentionSection
from sync.office.corrections import MAX_REASON
from sync.office.database import schema
from sync.office.errors import HoldRefused


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a site's attendance stays.

    Args:
        days: 0 for ever.
        set_by: The account that decided it for this site; None where the configuration does.
    """

    site: str
    days: int
    set_by: str | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Attendance that is kept: a person's at every site, or a whole site's."""

    id: int
    person: str | None
    site: str | None
    reason: str
    placed_us: int
    placed_by: str
    ended_us: int | None
    ended_by: str | None


def policies(connection: Connection, config: RetentionSection) -> list[Policy]:
    """Every site's, by name."""
    sites, own = schema.sites, schema.retention_policies
    rows = connection.execute(
        select(sites.c.site, own.c.attendance_days, own.c.set_by)
        .outerjoin(own, own.c.site == sites.c.site)
        .order_by(sites.c.site)
    )
    return [
        Policy(row.site, config.attendance_days, None)
        if row.attendance_days is None
        else Policy(row.site, row.attendance_days, row.set_by)
        for row in rows
    ]


def set_policy(connection: Connection, site: str, days: int | None, *, by: str, now_us: int) -> None:
    """Decide for a site, or leave it to the configuration again (None).

    Raises:
        HoldRefused: Fewer days than a month.
    """
    if days is not None and days != 0 and days < FEWEST_ATTENDANCE_DAYS:
        raise HoldRefused(
            f"attendance stays for at least {FEWEST_ATTENDANCE_DAYS} days, or for ever (0)",
            where=f"site {site}",
            next_step="clockface-office privacy policy --help",
        )
    table = schema.retention_policies
    connection.execute(delete(table).where(table.c.site == site))
    if days is not None:
        connection.execute(insert(table).values(site=site, attendance_days=days, set_us=now_us, set_by=by))
    detail = "as configured" if days is None else f"attendance_days={days}"
    audit.append(connection, at_us=now_us, actor=by, action="retention.policy_set", subject=site, detail=detail)


def place(
    connection: Connection, *, person: str | None, site: str | None, reason: str, by: str, now_us: int
) -> int:
    """Keep a person's attendance, or a site's, from now on. Returns the hold's number.

    Raises:
        HoldRefused: It names both or neither, has no reason, or stands already.
    """
    reason = reason.strip()
    if (person is None) == (site is None):
        raise HoldRefused("a hold names a person or a site", next_step="a PERSON, or --site SITE")
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise HoldRefused(f"a reason is 1 to {MAX_REASON} printable characters", next_step="--reason TEXT")
    if any((each.person, each.site) == (person, site) for each in listed(connection)):
        raise HoldRefused("this is held already", next_step="clockface-office privacy hold list")
    table = schema.legal_holds
    number: int = connection.execute(
        insert(table)
        .values(person=person, site=site, reason=reason, placed_us=now_us, placed_by=by)
        .returning(table.c.id)
    ).scalar_one()
    _audit(connection, "hold.placed", person or site or "", number, by=by, now_us=now_us)
    return number


def end(connection: Connection, number: int, *, by: str, now_us: int) -> Hold:
    """End a hold: what is over goes with the next round.

    Raises:
        HoldRefused: There is none of this number.
    """
    found = [each for each in listed(connection) if each.id == number]
    if not found:
        raise HoldRefused(
            "no hold of this number stands",
            where=f"hold {number}",
            next_step="clockface-office privacy hold list",
        )
    table = schema.legal_holds
    connection.execute(update(table).where(table.c.id == number).values(ended_us=now_us, ended_by=by))
    _audit(connection, "hold.ended", found[0].person or found[0].site or "", number, by=by, now_us=now_us)
    return found[0]


def listed(connection: Connection, *, ended: bool = False) -> list[Hold]:
    """The holds that stand, the oldest first; with `ended` all that ever stood."""
    table = schema.legal_holds
    query = select(table).order_by(table.c.id)
    rows = connection.execute(query if ended else query.where(table.c.ended_us.is_(None)))
    return [
        Hold(row.id, row.person, row.site, row.reason, row.placed_us, row.placed_by, row.ended_us, row.ended_by)
        for row in rows
    ]


def _audit(connection: Connection, action: str, subject: str, number: int, *, by: str, now_us: int) -> None:
    audit.append(connection, at_us=now_us, actor=by, action=action, subject=subject, detail=f"hold={number}")
