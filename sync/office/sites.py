"""Brings the configured sites, their time zones and holidays into the database, where reports read them.

One owner: the configuration decides, `adopt` writes what differs, and what nobody configures any more stays,
because devices and closed periods refer to it. Called when the database is upgraded, when the receiver starts,
and by `clockface-office site sync`. Trust boundary: the configuration was judged when it was loaded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, delete, insert, select, update

from sync.office import audit
from sync.office.config.office import SiteConfig
from sync.office.database import schema
from sync.office.errors import OfficeError
from sync.office.holidays import holidays_of


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site as the database has it."""

    site: str
    time_zone: str
    holidays: tuple[date, ...]
    devices: int


def adopt(connection: Connection, sites: Iterable[SiteConfig], *, now_us: int, actor: str) -> list[str]:
    """Write what differs from the configuration, each with its audit entry; repeating it changes nothing.

    Returns:
        The sites that were added or changed.

    Raises:
        ConfigError: A file of holidays cannot be read; nothing is written.
    """
    wanted = {site.name: (site.timezone, holidays_of(site)) for site in sites}
    changed = []
    for name, (zone, days) in wanted.items():
        told = [*_adopt_zone(connection, name, zone, now_us), *_adopt_holidays(connection, name, days)]
        if told:
            changed.append(name)
            detail = ", ".join(told)
            audit.append(
                connection, at_us=now_us, actor=actor, action="site.changed", subject=name, detail=detail
            )
    return changed


def _adopt_zone(connection: Connection, name: str, zone: str, now_us: int) -> list[str]:
    sites = schema.sites
    known = connection.execute(select(sites.c.time_zone).where(sites.c.site == name)).scalar_one_or_none()
    if known == zone:
        return []
    if known is None:
        connection.execute(insert(sites).values(site=name, name="", time_zone=zone, created_us=now_us))
        return [f"added, {zone}"]
    connection.execute(update(sites).where(sites.c.site == name).values(time_zone=zone))
    return [f"{known} became {zone}"]


def _adopt_holidays(connection: Connection, name: str, days: frozenset[date]) -> list[str]:
    table = schema.holidays
    rows = connection.execute(select(table.c.day).where(table.c.site == name)).scalars()
    wanted, known = {day.isoformat() for day in days}, set(rows)
    if gone := known - wanted:
        connection.execute(delete(table).where(table.c.site == name, table.c.day.in_(sorted(gone))))
    if new := wanted - known:
        connection.execute(insert(table), [{"site": name, "day": day, "name": ""} for day in sorted(new)])
    told = [f"{len(new)} holidays added"] if new else []
    return told + ([f"{len(gone)} holidays removed"] if gone else [])


def listed(connection: Connection) -> list[SiteRow]:
    """Every site of the database, by name."""
    days: dict[str, list[date]] = {}
    for row in connection.execute(select(schema.holidays).order_by(schema.holidays.c.day)):
        days.setdefault(row.site, []).append(date.fromisoformat(row.day))
    counts: dict[str, int] = {}
    for site in connection.execute(select(schema.devices.c.site)).scalars():
        counts[site] = counts.get(site, 0) + 1
    rows = connection.execute(select(schema.sites).order_by(schema.sites.c.site))
    return [
        SiteRow(row.site, row.time_zone, tuple(days.get(row.site, ())), counts.get(row.site, 0)) for row in rows
    ]


def chosen(connection: Connection, site: str | None) -> str:
    """The site that was named; where there is one only, nobody need name it.

    Raises:
        OfficeError: There is no such site, or there are several and none was named.
    """
    known: Mapping[str, str] = {
        row.site: row.time_zone
        for row in connection.execute(select(schema.sites.c.site, schema.sites.c.time_zone))
    }
    if site is None and len(known) == 1:
        return next(iter(known))
    if site is not None and site in known:
        return site
    raise OfficeError(
        "there are several sites" if site is None and known else "there is no such site",
        where=None if site is None else f"site {''.join(c if c.isprintable() else '?' for c in site[:64])}",
        next_step="clockface-office site list; then --site NAME",
    )
