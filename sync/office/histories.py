"""Reads and writes a device's epochs; the device's row is the lock under which all of its frontiers move.

Why the device's and not the epoch's: what may be acknowledged depends on the epoch before. Locks are taken in
the order of ids, so that receivers never wait for each other in a ring.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, insert, select, update

from sync.office.database import schema
from sync.office.history import GENESIS_HASH, Epoch
from sync.office.rows import microseconds
from sync.office.verification import ordinal_of
from sync.wire.events import EpochBegun
from sync.wire.fields import EventPoint


def lock_devices(connection: Connection, device_ids: Collection[int]) -> None:
    """Hold these devices until the transaction ends. SQLite's writer holds the whole database already."""
    if connection.dialect.name == "sqlite" or not device_ids:
        return
    devices = schema.devices
    connection.execute(
        select(devices.c.id)
        .where(devices.c.id.in_(sorted(device_ids)))
        .order_by(devices.c.id)
        .with_for_update(key_share=True)
    ).all()


def load_epochs(connection: Connection, device_ids: Collection[int]) -> dict[int, dict[str, Epoch]]:
    """Every epoch of these devices, by device id and name."""
    found: dict[int, dict[str, Epoch]] = {device_id: {} for device_id in device_ids}
    epochs = schema.epochs
    rows = connection.execute(select(epochs).where(epochs.c.device_id.in_(sorted(found))).order_by(epochs.c.id))
    for row in rows:
        previous = None
        if row.previous_epoch is not None:
            previous = EventPoint(
                epoch=row.previous_epoch, seq=row.previous_seq, hash=bytes(row.previous_hash).hex()
            )
        found[row.device_id][row.epoch] = Epoch(
            row.epoch,
            row.id,
            row.frontier_seq,
            bytes(row.frontier_hash),
            previous,
            row.refused_seq,
            row.refused_reason,
        )
    return found


def insert_epoch(connection: Connection, device_id: int, name: str, *, now_us: int) -> Epoch:
    """Write a row for an epoch of which the first event, any of its events, has come."""
    row_id = connection.execute(
        insert(schema.epochs)
        .values(
            device_id=device_id,
            epoch=name,
            ordinal=ordinal_of(name),
            first_received_us=now_us,
            frontier_seq=0,
            frontier_hash=GENESIS_HASH,
        )
        .returning(schema.epochs.c.id)
    ).scalar_one()
    return Epoch(name, row_id)


def record_beginning(connection: Connection, epoch: Epoch, event: EpochBegun, *, signer: str) -> None:
    """Write what an epoch's first event says."""
    previous = event.data.previous
    connection.execute(
        update(schema.epochs)
        .where(schema.epochs.c.id == epoch.id)
        .values(
            reason=event.data.reason,
            previous_epoch=None if previous is None else previous.epoch,
            previous_seq=None if previous is None else previous.seq,
            previous_hash=None if previous is None else bytes.fromhex(previous.hash),
            signer=signer,
            begun_us=microseconds(event.at),
        )
    )


def update_epochs(connection: Connection, moved: Iterable[Epoch], *, now_us: int) -> None:
    """Write how far epochs have come."""
    rows = [
        {
            "of_id": epoch.id,
            "new_seq": epoch.frontier_seq,
            "new_hash": epoch.frontier_hash,
            "now": now_us,
            "refused": epoch.refused_seq,
            "why": epoch.refused_reason,
        }
        for epoch in moved
    ]
    if not rows:
        return
    epochs = schema.epochs
    connection.execute(
        update(epochs)
        .where(epochs.c.id == bindparam("of_id"))
        .values(
            frontier_seq=bindparam("new_seq"),
            frontier_hash=bindparam("new_hash"),
            frontier_us=bindparam("now"),
            refused_seq=bindparam("refused"),
            refused_reason=bindparam("why"),
        ),
        rows,
    )
