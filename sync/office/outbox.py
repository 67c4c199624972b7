"""Publishes the operator's signed documents until the device has answered, and files its signed answers.

The receiver cannot make, alter or redirect a document: it has no operator key and publishes what it finds.
Trust boundary: documents come from the database; a result is signed by the device that it is from.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, or_, select, update

from sync.office.alarms import insert
from sync.office.database import schema
from sync.office.registry import Device
from sync.office.resume import note_version
from sync.office.verification import Reason, Rejected
from sync.wire.canonical import WireError
from sync.wire.commands import Result
from sync.wire.documents import open_document
from sync.wire.envelope import EnvelopeError
from sync.wire.topics import Address, Channel

FIRST_WAIT_US: Final = 30_000_000
MAX_WAIT_US: Final = 3_600_000_000
AT_ONCE: Final = 200
_AGAIN: Final = frozenset({"gap"})  # the device lacks an earlier document: this one stays unanswered


@dataclass(frozen=True, slots=True)
class Due:
    """A document to publish now."""

    id: int
    address: Address
    channel: Channel
    document_id: str
    envelope: bytes


def due(connection: Connection, *, now_us: int, device_ids: frozenset[int] | None = None) -> list[Due]:
    """Unanswered, unexpired documents whose turn it is: at first at once, then ever more seldom.

    Args:
        connection: A transaction.
        now_us: The time.
        device_ids: Devices that have just come online, whose documents are all due; None: by the clock.
    """
    outbox, devices = schema.outbox, schema.devices
    query = (
        select(outbox.c.id, outbox.c.sent_count, outbox.c.last_sent_us)
        .join(devices, devices.c.id == outbox.c.device_id)
        .where(
            schema.unanswered,
            or_(outbox.c.expires_us.is_(None), outbox.c.expires_us > now_us),
            devices.c.state == "active",
        )
        .order_by(outbox.c.device_id, outbox.c.channel, outbox.c.number)
    )
    if device_ids is not None:
        query = query.where(outbox.c.device_id.in_(sorted(device_ids)))
    # Bounded only once it is known whose turn it is: documents for kiosks that are off must not hide others.
    turn = [
        row.id
        for row in connection.execute(query)
        if device_ids is not None
        or row.last_sent_us is None
        or row.last_sent_us + _wait_us(row.sent_count) <= now_us
    ]
    rows = connection.execute(
        select(outbox, devices.c.site, devices.c.device)
        .join(devices, devices.c.id == outbox.c.device_id)
        .where(outbox.c.id.in_(turn[:AT_ONCE]))
        .order_by(outbox.c.device_id, outbox.c.channel, outbox.c.number)
    )
    return [
        Due(
            row.id,
            Address(row.site, row.device),
            Channel(row.channel),
            row.document_id,
            bytes(row.envelope),
        )
        for row in rows
    ]


def _wait_us(sent_count: int) -> int:
    return min(MAX_WAIT_US, FIRST_WAIT_US * (1 << min(sent_count, 16)) // 2)


def note_sent(connection: Connection, sent: list[int], *, now_us: int) -> None:
    """Note that documents were handed to the broker."""
    outbox = schema.outbox
    for row_id in sent:
        connection.execute(
            update(outbox)
            .where(outbox.c.id == row_id)
            .values(last_sent_us=now_us, sent_count=outbox.c.sent_count + 1)
        )
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(sent), outbox.c.first_sent_us.is_(None))
        .values(first_sent_us=now_us)
    )


def take_result(connection: Connection, device: Device, payload: bytes, *, now_us: int) -> Rejected | Result:
    """File a device's answer, its receipts of erasures, and the roster's version that it has."""
    try:
        result = open_document(Result, payload, keys=device.public_keys, address=device.address)
    except (WireError, EnvelopeError) as error:
        return Rejected(Reason.MALFORMED, str(error), payload)
    outbox = schema.outbox
    values: dict[str, Any] = {
        "outcome": result.outcome,
        "outcome_reason": result.reason or result.detail,
        "result": payload,
    }
    if result.outcome not in _AGAIN:
        values["answered_us"] = now_us
    connection.execute(
        update(outbox)
        .where(
            outbox.c.document_id == result.answers,
            outbox.c.device_id == device.id,
            outbox.c.answered_us.is_(None),
        )
        .values(**values)
    )
    _note_roster(connection, device, result, now_us=now_us)
    for removed in result.removed:
        connection.execute(
            insert(connection, schema.removal_receipts)
            .values(
                person=removed.person,
                device_id=device.id,
                roster_version=result.roster_version,
                templates_erased=removed.templates,
                envelope=payload,
                received_us=now_us,
            )
            .on_conflict_do_nothing(index_elements=["person", "device_id", "roster_version"])
        )
    return result


def _note_roster(connection: Connection, device: Device, result: Result, *, now_us: int) -> None:
    values = {"roster_version": result.roster_version, "roster_applied_us": now_us, "last_seen_us": now_us}
    note_version(connection, device, result.roster_version, now_us=now_us)
    statement = insert(connection, schema.device_health).values(device_id=device.id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["device_id"], set_=values))
