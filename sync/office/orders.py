"""Orders to a kiosk: signed with the operator's key into the outbox, and the kiosk's signed answer to each.

A command's number is given out under the row of its device, so that none repeats. Trust boundary: who may order
what is decided here by role, in the transaction that signs; an answer counts only if the device signed it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, insert, select, update

from sync.office import audit
from sync.office.database import schema
from sync.office.errors import CommandExpired, CommandNotDone, DeviceUnknown
from sync.office.operators import Role, require
from sync.office.registry import Device, load_devices
from sync.office.rows import microseconds
from sync.wire.canonical import WireError
from sync.wire.commands import Command, Identify, Order, Result, ShowMessage
from sync.wire.documents import open_document, sign_document
from sync.wire.envelope import EnvelopeError
from sync.wire.fields import format_time
from sync.wire.topics import Address

CLERKS_MAY: Final = (Identify, ShowMessage)


@dataclass(frozen=True, slots=True)
class Issued:
    """A command on its way.

    Args:
        id: The document's random id; `command show` takes it.
    """

    id: str
    subject: str
    number: int
    expires: datetime


def role_for(order: Order) -> Role:
    """Who may give an order: a clerk what only shows something, an administrator all else."""
    return Role.CLERK if isinstance(order, CLERKS_MAY) else Role.ADMINISTRATOR


def find_device(connection: Connection, name: str, *, site: str | None = None) -> Device:
    """The active kiosk of a name: "site/device", or the device's own where only one has it.

    Raises:
        DeviceUnknown: None, several, or one that is retired or revoked.
    """
    devices = schema.devices
    if "/" in name and site is None:
        site, _, name = name.partition("/")
    query = select(devices.c.site, devices.c.device, devices.c.state).where(devices.c.device == name)
    rows = connection.execute(query if site is None else query.where(devices.c.site == site)).all()
    step = "clockface-office device list"
    if not rows:
        raise DeviceUnknown("the office knows no such kiosk", next_step=step)
    if len(rows) > 1:
        raise DeviceUnknown(
            "several sites have a kiosk of this name", next_step="name it SITE/DEVICE, or add --site"
        )
    address = Address(rows[0].site, rows[0].device)
    if rows[0].state != "active":
        raise DeviceUnknown(f"this kiosk is {rows[0].state}", where=f"{address.site}/{address.device}")
    return load_devices(connection, [address])[address]


def issue(
    connection: Connection,
    device: Device,
    order: Order,
    *,
    key: Ed25519PrivateKey,
    by: str,
    now: datetime,
    life: timedelta,
) -> Issued:
    """Sign an order for a kiosk within the caller's transaction.

    Raises:
        RoleMissing: This account may not order that.
    """
    require(connection, by, role_for(order))
    return sign_order(connection, device, order, key=key, by=by, now=now, life=life)


def sign_order(  # one act: number, signature, outbox, audit
    connection: Connection,
    device: Device,
    order: Order,
    *,
    key: Ed25519PrivateKey,
    by: str,
    now: datetime,
    life: timedelta,
) -> Issued:
    """Sign what the office's own process orders; for people there is `issue`."""
    devices, now_us = schema.devices, microseconds(now)
    number: int = connection.execute(
        update(devices)
        .where(devices.c.id == device.id)
        .values(command_number=devices.c.command_number + 1)
        .returning(devices.c.command_number)
    ).scalar_one()
    command = Command(
        site=device.address.site,
        device=device.address.device,
        id=token_hex(16),
        number=number,
        issued=format_time(now),
        expires=format_time(now + life),
        order=order,
    )
    connection.execute(
        insert(schema.outbox).values(
            device_id=device.id,
            channel="commands",
            number=number,
            document_id=command.id,
            kind=order.do,
            envelope=sign_document(command, key=key),
            created_us=now_us,
            created_by=by,
            expires_us=microseconds(now + life),
        )
    )
    audit.append(
        connection,
        at_us=now_us,
        actor=by,
        action="command.signed",
        subject=device.subject,
        detail=f"{order.do},id={command.id},number={number}",
    )
    return Issued(command.id, device.subject, number, now + life)


def answer_to(connection: Connection, document_id: str) -> Result | None:
    """The kiosk's answer to a command, its signature verified once more; None while there is none.

    Raises:
        DeviceUnknown: There is no such command.
        CommandNotDone: What is stored as the answer does not hold.
    """
    row = _row(connection, document_id)
    if row.answered_us is None or row.result is None:
        return None
    address = Address(row.site, row.device)
    keys = load_devices(connection, [address])[address].public_keys
    try:
        result = open_document(Result, bytes(row.result), keys=keys, address=address)
    except (WireError, EnvelopeError) as error:
        raise CommandNotDone(
            f"the stored answer does not hold: {error}", where=f"command {document_id}"
        ) from None
    if result.answers != document_id:
        raise CommandNotDone("the stored answer is another document's", where=f"command {document_id}")
    return result


def judge(result: Result, *, subject: str) -> None:
    """Turn an answer that is not "done" into its error, and so into its exit code.

    Raises:
        CommandExpired: It came too late, or its number had been used.
        CommandNotDone: Refused, or tried in vain.
    """
    if result.outcome == "done":
        return
    why = f"{result.outcome}: {result.reason or ''} {result.detail}".strip()
    if result.outcome in ("expired", "stale"):
        raise CommandExpired(f"the kiosk did not obey, {why}", where=subject, next_step="send it again")
    raise CommandNotDone(f"the kiosk did not obey, {why}", where=subject)


def commands(connection: Connection, *, limit: int, open_only: bool, now_us: int) -> list[dict[str, Any]]:
    """Commands, the newest first, as rows to print."""
    outbox, devices = schema.outbox, schema.devices
    query = (
        select(outbox, devices.c.site, devices.c.device)
        .join(devices, devices.c.id == outbox.c.device_id)
        .where(outbox.c.channel == "commands")
        .order_by(outbox.c.id.desc())
        .limit(limit)
    )
    if open_only:
        query = query.where(schema.unanswered, outbox.c.expires_us > now_us)
    return [as_row(row, now_us=now_us) for row in connection.execute(query)]


def as_row(row: Row[Any], *, now_us: int) -> dict[str, Any]:
    """One command as it is printed."""
    state = row.outcome
    if row.answered_us is None:
        state = "expired unanswered" if row.expires_us <= now_us else "sent" if row.sent_count else "waiting"
        state = state if row.withdrawn_us is None else "withdrawn"
    return {
        "id": row.document_id,
        "device": f"{row.site}/{row.device}",
        "order": row.kind,
        "number": row.number,
        "state": state,
        "reason": row.outcome_reason or "",
        "by": row.created_by,
        "created_us": row.created_us,
        "expires_us": row.expires_us,
        "answered_us": row.answered_us,
    }


def find_command(connection: Connection, document_id: str, *, now_us: int) -> dict[str, Any]:
    """One command as a row to print.

    Raises:
        DeviceUnknown: There is no such command.
    """
    return as_row(_row(connection, document_id), now_us=now_us)


def _row(connection: Connection, document_id: str) -> Row[Any]:
    outbox, devices = schema.outbox, schema.devices
    row = connection.execute(
        select(outbox, devices.c.site, devices.c.device)
        .join(devices, devices.c.id == outbox.c.device_id)
        .where(outbox.c.document_id == document_id, outbox.c.channel == "commands")
    ).first()
    if row is None:
        raise DeviceUnknown("there is no such command", next_step="clockface-office command list")
    return row
