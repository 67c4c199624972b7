"""New hardware in the place of a broken or lost kiosk: the same name, another key, a new history.

In one transaction the old key, its certificates and what was sealed to it end, and the new request is
registered. Nothing that the old key signs is taken any more; what came before stays as it is. Trust boundary:
an administrator has compared the new hardware's fingerprint.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, func, select, update

from sync.office import audit
from sync.office.authority.revoked import Reason
from sync.office.database import schema
from sync.office.errors import DeviceRefused
from sync.office.registration import from_text, register
from sync.office.revocation import FRONTIER, Trusted, demand_site_key, trusted_event
from sync.office.rows import microseconds
from sync.wire.envelope import signing_key_id
from sync.wire.provisioning import DeviceRequest
from sync.wire.topics import Address


@dataclass(frozen=True, slots=True)
class Replaced:
    """What became of the old hardware.

    Args:
        device_id: The device's row.
        trusted: The last event of the old hardware that counts; None: nothing of it ever came.
        behind: Events of it that are here and come after that.
        site_key_due: Whether the rest of the site should get another site key.
    """

    device_id: int
    trusted: Trusted | None
    behind: int
    site_key_due: bool


def last_of(connection: Connection, address: Address, text: str) -> Trusted | None:
    """The last event of the old hardware that counts; for one that was revoked, what was named then.

    Raises:
        DeviceRefused: There is no such device, or it went out of use in good order.
        AuthorityUnavailable: `text` is neither EPOCH/SEQ nor "frontier".
    """
    devices, epochs = schema.devices, schema.epochs
    row = connection.execute(
        select(devices).where(devices.c.site == address.site, devices.c.device == address.device)
    ).first()
    subject = f"{address.site}/{address.device}"
    if row is None:
        raise DeviceRefused(
            "there is no such device, so nothing takes its place",
            where=subject,
            next_step="clockface-office device add REQUEST; clockface-office device list",
        )
    if row.state == "retired":
        raise DeviceRefused(
            "that device went out of use in good order: nothing takes its place",
            where=subject,
            next_step="on the new hardware: clockface provision, under another name",
        )
    if row.state == "revoked" and row.trusted_epoch is not None:
        digest = None if row.trusted_hash is None else bytes(row.trusted_hash)
        return Trusted(row.trusted_epoch, row.trusted_seq, digest)
    begun = select(func.count()).where(epochs.c.device_id == row.id, epochs.c.frontier_seq > 0)
    if text == FRONTIER and not connection.execute(begun).scalar_one():
        return None
    return trusted_event(connection, address, text)


def replace_device(
    connection: Connection,
    request: DeviceRequest,
    *,
    trusted: Trusted | None,
    reason: Reason,
    by: str,
    now: datetime,
) -> Replaced:
    """Let the device of this request take the place of the one that had its name.

    Args:
        connection: In a write transaction.
        request: Whose fingerprint was compared.
        trusted: Of `last_of`.
        reason: Why.
        by: The administrator's account.
        now: Aware.

    Raises:
        DeviceRefused: There is no such device, or the request is of the very hardware that is to be replaced.
    """
    devices, now_us = schema.devices, microseconds(now)
    subject = f"{request.site}/{request.device}"
    device_id = connection.execute(
        select(devices.c.id).where(devices.c.site == request.site, devices.c.device == request.device)
    ).scalar_one_or_none()
    if device_id is None:
        raise DeviceRefused("there is no such device", where=subject, next_step="clockface-office device list")
    _refuse_same(connection, device_id, request, subject)
    _end_old(connection, device_id, trusted=trusted, reason=reason, now_us=now_us)
    connection.execute(
        update(devices)
        .where(devices.c.id == device_id)
        .values(
            state="active", ended_us=None, ended_by=None, ended_reason=None, trusted_epoch=None,
            trusted_seq=None, trusted_hash=None, lost_us=None, registered_us=now_us, registered_by=by,
        )
    )  # fmt: skip
    register(connection, request, by=by, now=now)
    point = "nothing" if trusted is None else f"{trusted.epoch}/{trusted.seq}"
    detail = f"reason={reason},last_trusted={point}"
    audit.append(connection, at_us=now_us, actor=by, action="device.replaced", subject=subject, detail=detail)
    due = demand_site_key(connection, request.address, now_us=now_us)
    return Replaced(device_id, trusted, _behind(connection, device_id, trusted), due)


def _refuse_same(connection: Connection, device_id: int, request: DeviceRequest, subject: str) -> None:
    own = signing_key_id(Ed25519PublicKey.from_public_bytes(from_text(request.signing_key)))
    keys = schema.device_keys
    known = connection.execute(
        select(func.count()).where(keys.c.device_id == device_id, keys.c.key_id == own)
    ).scalar_one()
    if known:
        raise DeviceRefused(
            "the request is of the very hardware that is to be replaced: it has that key already",
            where=subject,
            next_step="on the new hardware: clockface provision replace; for the same one: device add",
        )


def _end_old(
    connection: Connection, device_id: int, *, trusted: Trusted | None, reason: Reason, now_us: int
) -> None:
    keys, certificates, outbox, health = (
        schema.device_keys,
        schema.certificates,
        schema.outbox,
        schema.device_health,
    )
    until = {} if trusted is None else {"to_epoch": trusted.epoch}
    connection.execute(
        update(keys)
        .where(keys.c.device_id == device_id, keys.c.withdrawn_us.is_(None))
        .values(withdrawn_us=now_us, **until)
    )
    connection.execute(
        update(certificates)
        .where(certificates.c.device_id == device_id, certificates.c.revoked_us.is_(None))
        .values(revoked_us=now_us, revoked_reason=reason)
    )
    connection.execute(  # sealed to the old hardware, or meant for it
        update(outbox).where(outbox.c.device_id == device_id, schema.unanswered).values(withdrawn_us=now_us)
    )
    connection.execute(  # the new one has nothing of the roster yet
        update(health)
        .where(health.c.device_id == device_id)
        .values(roster_version=0, online=False, session=None)
    )


def _behind(connection: Connection, device_id: int, trusted: Trusted | None) -> int:
    """Events after the last trusted one: of its epoch, and of epochs that came after it."""
    if trusted is None:
        return 0
    epochs, events = schema.epochs, schema.events
    named = connection.execute(
        select(epochs.c.id).where(epochs.c.device_id == device_id, epochs.c.epoch == trusted.epoch)
    ).scalar_one_or_none()
    if named is None:
        return 0
    after = (events.c.epoch_id == named) & (events.c.seq > trusted.seq)
    return int(
        connection.execute(
            select(func.count())
            .select_from(events.join(epochs, epochs.c.id == events.c.epoch_id))
            .where(epochs.c.device_id == device_id, after | (epochs.c.id > named))
        ).scalar_one()
    )
