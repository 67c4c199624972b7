"""Writes what a device's events say beyond themselves: contradictions, corrections of its clock, signs of life.

A fork keeps the signed event as evidence. Trust boundary: everything here was signed by the device.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, select

from sync.office.alarms import insert
from sync.office.database import schema
from sync.office.history import Epoch
from sync.wire.events import ClockCorrected

FORKS_KEPT: Final = 100  # of one device, which has signed each of them; all are refused and alarmed


def record_fork(
    connection: Connection,
    *,
    epoch_id: int,
    seq: int,
    known: bytes,
    other: bytes,
    found_in: str,
    envelope: bytes | None,
    now_us: int,
) -> None:
    """Keep a contradiction, once, and of one device no more than FORKS_KEPT: further ones prove nothing new."""
    forks, epochs = schema.forks, schema.epochs
    device = select(epochs.c.device_id).where(epochs.c.id == epoch_id).scalar_subquery()
    kept = select(func.count()).where(
        forks.c.epoch_id.in_(select(epochs.c.id).where(epochs.c.device_id == device))
    )
    if connection.execute(kept).scalar_one() >= FORKS_KEPT:
        return
    statement = insert(connection, schema.forks).values(
        epoch_id=epoch_id,
        seq=seq,
        known_hash=known,
        other_hash=other,
        found_in=found_in,
        envelope=envelope,
        found_us=now_us,
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["epoch_id", "seq", "other_hash"]))


def record_correction(
    connection: Connection, epoch_id: int, event: ClockCorrected, *, epochs: Mapping[str, Epoch]
) -> None:
    """Write what a stored event says of earlier times, of those epochs that came here."""
    events = schema.events
    event_id = connection.execute(
        select(events.c.id).where(events.c.epoch_id == epoch_id, events.c.seq == event.seq)
    ).scalar_one()
    rows = [
        {
            "event_id": event_id,
            "epoch_id": epochs[each.epoch].id,
            "first_seq": each.first_seq,
            "last_seq": each.last_seq,
            "correction_us": each.correction_us,
        }
        for each in event.data.ranges
        if each.epoch in epochs
    ]
    if rows:
        connection.execute(insert(connection, schema.clock_corrections).on_conflict_do_nothing(), rows)


def record_seen(connection: Connection, seen: Sequence[Mapping[str, Any]]) -> None:
    """Write when devices were last heard of, and when their last event was committed."""
    for columns in (("last_seen_us",), ("last_seen_us", "last_event_us")):
        rows = [dict(row) for row in seen if len(row) == len(columns) + 1]
        if rows:
            statement = insert(connection, schema.device_health)
            changed = {name: statement.excluded[name] for name in columns}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["device_id"], set_=changed), rows
            )
