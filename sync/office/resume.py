"""Mends a site's roster after the office was restored from a backup that is older than what its kiosks have.

A kiosk passes over versions that it has, so nothing new would reach it. Trust boundary: a version is what a
kiosk signed, and a hostile one signs any; so a person reads the claims first, leaves out whom they do not
believe, and no claim moves the version further than a site changes in years.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select, update

from sync.office.alarms import AlarmKind, clear_alarm, raise_alarm
from sync.office.database import schema
from sync.office.errors import RosterRefused
from sync.office.registry import Device
from sync.office.roster import Roster

MOST_AHEAD: Final = 1_000_000
COMMANDS_AHEAD: Final = 10_000  # more than were given since any backup: a kiosk takes no number twice


@dataclass(frozen=True, slots=True)
class Claim:
    """A kiosk that says it has a version which the office never gave out, as far as it remembers."""

    device_id: int
    subject: str
    version: int


def note_version(connection: Connection, device: Device, version: int, *, now_us: int) -> None:
    """Alarm a kiosk that is ahead of its site's roster, as long as it is."""
    sites = schema.sites
    here = connection.execute(
        select(sites.c.roster_version).where(sites.c.site == device.address.site)
    ).scalar_one()
    if version <= here:
        clear_alarm(connection, AlarmKind.ROSTER_AHEAD, subject=device.subject, now_us=now_us)
    else:
        raise_alarm(
            connection,
            AlarmKind.ROSTER_AHEAD,
            subject=device.subject,
            device_id=device.id,
            detail=f"version={version}",
            now_us=now_us,
        )


def claims(connection: Connection, site: str) -> list[Claim]:
    """The kiosks that are ahead of a site's roster."""
    devices, health, sites = schema.devices, schema.device_health, schema.sites
    rows = connection.execute(
        select(devices.c.id, devices.c.site, devices.c.device, health.c.roster_version)
        .join(health, health.c.device_id == devices.c.id)
        .join(sites, sites.c.site == devices.c.site)
        .where(
            devices.c.site == site,
            devices.c.state == "active",
            health.c.roster_version > sites.c.roster_version,
        )
        .order_by(devices.c.device)
    )
    return [Claim(row.id, f"{row.site}/{row.device}", row.roster_version) for row in rows]


def resume(connection: Connection, site: str, *, without: Collection[str], by: str, at_us: int) -> int:
    """Go on after the highest version that is believed, and give out everybody anew; returns the version.

    Raises:
        RosterRefused: Nobody who is believed is ahead, or one is further ahead than can be.
    """
    roster = Roster(connection, by=by, at_us=at_us)
    roster.lock([site])
    believed = [claim for claim in claims(connection, site) if claim.subject not in without]
    if not believed:
        raise RosterRefused("no kiosk of this site is ahead of its roster", where=f"site {site}")
    sites, devices = schema.sites, schema.devices
    here = connection.execute(select(sites.c.roster_version).where(sites.c.site == site)).scalar_one()
    highest = max(believed, key=lambda claim: claim.version)
    if highest.version - here > MOST_AHEAD:
        raise RosterRefused(
            f"this kiosk is {highest.version - here} versions ahead, which no backup explains",
            where=highest.subject,
            next_step=f"--without {highest.subject}, and find out what became of that kiosk",
        )
    connection.execute(update(sites).where(sites.c.site == site).values(roster_version=highest.version))
    connection.execute(
        update(devices)
        .where(devices.c.site == site)
        .values(command_number=devices.c.command_number + COMMANDS_AHEAD)
    )
    members = schema.memberships
    people = connection.execute(
        select(members.c.person)
        .where(members.c.site == site, members.c.until_us.is_(None))
        .order_by(members.c.person)
    ).scalars()
    for person in list(people):
        roster.issue(person, site, templates=True)
    for claim in believed:
        clear_alarm(connection, AlarmKind.ROSTER_AHEAD, subject=claim.subject, now_us=at_us)
    return int(connection.execute(select(sites.c.roster_version).where(sites.c.site == site)).scalar_one())
