"""The events as people list them: filtered, a page at a time, and followed live without missing one.

Trust boundary: filters are typed by people and reach the database as bound values only; rows carry random ids,
never the signed original.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from sync.office.database import Database, arrivals, schema
from sync.office.timesheet import from_us

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; None takes all.

    Args:
        kind: The event's type, "clockface." and ".v1" may be left out.
        first: The first attendance day. With a day only events that have one are found.
        person: Random id.
    """

    site: str | None = None
    device: str | None = None
    kind: str | None = None
    first: date | None = None
    last: date | None = None
    person: str | None = None


def newest(connection: Connection, wanted: Wanted, *, up_to: int, limit: int) -> list[dict[str, Any]]:
    """The newest events in order of arrival, the last one last."""
    events = schema.events
    statement = _select(wanted).where(events.c.id <= up_to).order_by(events.c.id.desc()).limit(limit)
    return [as_row(row) for row in reversed(connection.execute(statement).all())]


def after(connection: Connection, wanted: Wanted, *, position: int, up_to: int) -> Iterator[dict[str, Any]]:
    """Events behind a position, in order of arrival, with bounded memory."""
    events = schema.events
    while True:
        statement = (
            _select(wanted)
            .where(events.c.id > position, events.c.id <= up_to)
            .order_by(events.c.id)
            .limit(PAGE)
        )
        rows = connection.execute(statement).all()
        yield from (as_row(row) for row in rows)
        if len(rows) < PAGE:
            return
        position = rows[-1].id


def follow(
    database: Database, wanted: Wanted, *, position: int, wait: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """Every event behind a position as it comes, until `wait` says that it is enough.

    Goes no further than what is settled: on PostgreSQL a later number may be committed before an earlier one.
    """
    while True:
        up_to = arrivals.settled(database)
        while position < up_to:
            with database.read() as connection:  # ends before anything is handed on: who reads may be slow
                rows = list(itertools.islice(after(connection, wanted, position=position, up_to=up_to), PAGE))
            yield from rows
            position = up_to if len(rows) < PAGE else rows[-1]["id"]
        if not wait():
            return


def _select(wanted: Wanted) -> Select[Any]:
    events, devices, epochs = schema.events, schema.devices, schema.epochs
    columns = [column for column in events.c if column.name not in ("envelope", "hash", "prev_hash")]
    statement = (
        select(
            *columns,
            (func.length(events.c.envelope) == 0).label("removed"),
            devices.c.site,
            devices.c.device,
            epochs.c.epoch,
        )
        .join(devices, devices.c.id == events.c.device_id)
        .join(epochs, epochs.c.id == events.c.epoch_id)
    )
    if wanted.site is not None:
        statement = statement.where(devices.c.site == wanted.site)
    if wanted.device is not None:
        statement = statement.where(devices.c.device == wanted.device)
    if wanted.kind is not None:
        statement = statement.where(events.c.type.in_((wanted.kind, f"clockface.{wanted.kind}.v1")))
    if wanted.person is not None:
        statement = statement.where(events.c.person == wanted.person)
    if wanted.first is not None:
        statement = statement.where(events.c.day >= wanted.first.isoformat())
    if wanted.last is not None:
        statement = statement.where(events.c.day <= wanted.last.isoformat())
    return statement


def as_row(row: Row[Any]) -> dict[str, Any]:
    """An event as it is printed and exported; times in UTC."""
    return {
        "id": row.id,
        "site": row.site,
        "device": row.device,
        "epoch": row.epoch,
        "seq": row.seq,
        "type": row.type,
        "time": from_us(row.time_us).isoformat(timespec="milliseconds"),
        "clock": row.trust,
        "received": from_us(row.received_us).isoformat(timespec="milliseconds"),
        "person": row.person,
        "day": row.day,
        "direction": row.direction,
        "direction_source": row.direction_source,
        "method": row.method,
        "work_code": row.work_code,
        "interpreted": row.interpreted,
        "removed": bool(row.removed),  # retention took its content; times are the UTC day on which it came
    }


EXPORT_COLUMNS = (
    "id", "site", "device", "epoch", "seq", "type", "time", "clock", "received", "person", "day", "direction",
    "direction_source", "method", "work_code", "interpreted", "removed",
)  # fmt: skip
