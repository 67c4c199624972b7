"""Up to where an epoch's events may be without content: signed by the operator's key, checked by `verify`.

An event that is over keeps its place, its hash and the hash of the one before, so that a repetition is still
known, a fork still found, and the chain still followed up to the hash that is signed here. Trust boundary: rows
are a database's; what counts is the signature of a key that the office had.
"""

from typing import ClassVar, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert, select, update

from sync.office.database import schema
from sync.office.known_keys import known_keys
from sync.office.timesheet import from_us
from sync.wire.canonical import WireError
from sync.wire.documents import Document, open_document, sign_document
from sync.wire.envelope import EnvelopeError
from sync.wire.fields import Count, Day, Epoch, Seq, Sha256, Time, format_time
from sync.wire.topics import Address


class OfficeCheckpoint(Document):
    """What is signed. Stays in the office's database: no courier carries it.

    Args:
        seq: The last event that may be without its content.
        hash: Of that event.
        through_day: The last attendance day that it may have taken from reports; None for none.
        emptied: How many events of the epoch have lost their content so far.
        at: When.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.office-checkpoint+json"

    kind: Literal["clockface.office-checkpoint.v1"] = "clockface.office-checkpoint.v1"
    epoch: Epoch
    seq: Seq
    hash: Sha256
    through_day: Day | None = None
    emptied: Count
    at: Time


def checkpoint_of(connection: Connection, epoch_id: int) -> OfficeCheckpoint | None:
    """What the table says of an epoch, signed or not; None while nothing of it was let go."""
    events, epochs, devices = schema.event_checkpoints, schema.epochs, schema.devices
    row = connection.execute(
        select(events, epochs.c.epoch, devices.c.site, devices.c.device)
        .join(epochs, epochs.c.id == events.c.epoch_id)
        .join(devices, devices.c.id == epochs.c.device_id)
        .where(events.c.epoch_id == epoch_id)
    ).first()
    if row is None:
        return None
    return OfficeCheckpoint(
        site=row.site,
        device=row.device,
        epoch=row.epoch,
        seq=row.seq,
        hash=bytes(row.hash).hex(),
        through_day=row.through_day,
        emptied=row.emptied,
        at=format_time(from_us(row.signed_us)),
    )


def put(
    connection: Connection,
    epoch_id: int,
    checkpoint: OfficeCheckpoint,
    *,
    key: Ed25519PrivateKey,
    signed_us: int,
) -> None:
    """Sign it and put it in the place of the one before, within the transaction that empties events."""
    table = schema.event_checkpoints
    values = {
        "seq": checkpoint.seq,
        "hash": bytes.fromhex(checkpoint.hash),
        "through_day": checkpoint.through_day,
        "emptied": checkpoint.emptied,
        "envelope": sign_document(checkpoint, key=key),
        "signed_us": signed_us,
    }
    if not connection.execute(update(table).where(table.c.epoch_id == epoch_id).values(values)).rowcount:
        connection.execute(insert(table).values(values | {"epoch_id": epoch_id}))


def holds(connection: Connection, epoch_id: int, checkpoint: OfficeCheckpoint) -> bool:
    """Whether an operator's key of this office signed what the table says."""
    table = schema.event_checkpoints
    raw = connection.execute(select(table.c.envelope).where(table.c.epoch_id == epoch_id)).scalar_one()
    address = Address(checkpoint.site, checkpoint.device)
    try:
        signed = open_document(
            OfficeCheckpoint, bytes(raw), keys=known_keys(connection, "operator"), address=address
        )
    except (EnvelopeError, WireError):
        return False
    return signed == checkpoint
