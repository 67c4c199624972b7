"""Which attendance days of a site can no longer be read from events, because retention took their content.

A day needs the events some days around it (shifts over midnight), so what is gone reaches a little further
than the last event that went. Pure reading. Trust boundary: checkpoints as `verify` checks them.
"""

from datetime import date
from typing import NoReturn

from sqlalchemy import Connection, func, select

from sync.office.database import schema
from sync.office.errors import AttendanceRemoved
from sync.office.timesheet import REACH


def removed_through(connection: Connection, site: str) -> date | None:
    """The last day of a site of which events alone no longer tell; None while everything is there."""
    checkpoints, epochs, devices = schema.event_checkpoints, schema.epochs, schema.devices
    last = connection.execute(
        select(func.max(checkpoints.c.through_day))
        .join(epochs, epochs.c.id == checkpoints.c.epoch_id)
        .join(devices, devices.c.id == epochs.c.device_id)
        .where(devices.c.site == site)
    ).scalar_one()
    return None if last is None else date.fromisoformat(last) + REACH


def refuse_removed(connection: Connection, site: str, day: date, *, what: str) -> None:
    """Refuse what would need events of a day that are gone.

    Raises:
        AttendanceRemoved: They are gone.
    """
    last = removed_through(connection, site)
    if last is not None and day <= last:
        _refuse(site, last, what)


def _refuse(site: str, last: date, what: str) -> NoReturn:
    raise AttendanceRemoved(
        f"{what}: the events up to {last} were removed when their time was over",
        where=f"site {site}",
        next_step=f"ask for days after {last}; closed pay periods are still there "
        f"(clockface-office period list --site {site})",
    )
