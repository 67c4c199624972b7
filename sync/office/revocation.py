"""The end of a device: what of it is still believed, in one transaction, and its certificates.

The receiver reads devices anew for each batch, so a revocation counts from the next message on; what the device
signed up to the last trusted event is taken however late it comes. Trust boundary: administrators call this.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, func, select, update

from sync.office import audit
from sync.office.alarms import AlarmKind, clear_alarm, raise_alarm
from sync.office.authority.authority import CRL_DAYS, Authority
from sync.office.authority.revoked import LastTrusted, Reason, parse_last_trusted
from sync.office.database import schema
from sync.office.errors import DeviceRefused
from sync.office.rows import microseconds
from sync.wire.topics import Address

FRONTIER = "frontier"


@dataclass(frozen=True, slots=True)
class Trusted:
    """The last event that counts; its hash where the office has it."""

    epoch: str
    seq: int
    hash: bytes | None = None


def trusted_event(connection: Connection, address: Address, text: str) -> Trusted:
    """Read `EPOCH/SEQ`, or "frontier" for the newest event that is here.

    Raises:
        DeviceRefused: No such device, or nothing of it is here.
        AuthorityUnavailable: It is of neither form.
    """
    devices, epochs, events = schema.devices, schema.epochs, schema.events
    ours = (devices.c.site == address.site) & (devices.c.device == address.device)
    if text == FRONTIER:
        newest = connection.execute(
            select(epochs.c.epoch, epochs.c.frontier_seq, epochs.c.frontier_hash)
            .join(devices, devices.c.id == epochs.c.device_id)
            .where(ours, epochs.c.frontier_seq > 0)
            .order_by(epochs.c.id.desc())
            .limit(1)
        ).first()
        if newest is None:
            raise DeviceRefused(
                "no event of this device is here, so none can be the last that is trusted",
                where=f"{address.site}/{address.device}",
                next_step="clockface-office device retire, and ca revoke for its certificate",
            )
        return Trusted(newest.epoch, newest.frontier_seq, bytes(newest.frontier_hash))
    point = parse_last_trusted(text)
    found = connection.execute(
        select(events.c.hash)
        .join(epochs, epochs.c.id == events.c.epoch_id)
        .join(devices, devices.c.id == epochs.c.device_id)
        .where(ours, epochs.c.epoch == point.epoch, events.c.seq == point.seq)
    ).first()
    return Trusted(point.epoch, point.seq, None if found is None else bytes(found.hash))


def demand_site_key(connection: Connection, address: Address, *, now_us: int) -> bool:
    """Alarm that a site's key should be another one, since a kiosk that held it is gone.

    It is cleared by itself once templates come under a key that none is sealed under now.

    Returns:
        Whether there is a key to change: templates, and another kiosk that holds them.
    """
    devices, templates = schema.devices, schema.sealed_templates
    others = connection.execute(
        select(func.count()).where(
            devices.c.site == address.site, devices.c.device != address.device, devices.c.state == "active"
        )
    ).scalar_one()
    keys = connection.execute(
        select(templates.c.site_key_id)
        .where(templates.c.site == address.site, templates.c.removed_us.is_(None))
        .distinct()
    ).scalars()
    known = sorted(keys)
    if not others or not known:
        return False
    raise_alarm(
        connection,
        AlarmKind.SITE_KEY_DUE,
        subject=address.site,
        device_id=None,
        detail=f"without {address.device}: {' '.join(known)}",
        now_us=now_us,
    )
    return True


def site_key_changed(connection: Connection, site: str, key_id: str, *, now_us: int) -> None:
    """A template came under this key: if it is a new one, nobody needs to be reminded any more."""
    alarms = schema.alarms
    detail = connection.execute(
        select(alarms.c.detail).where(
            alarms.c.kind == AlarmKind.SITE_KEY_DUE.value,
            alarms.c.subject == site,
            alarms.c.cleared_us.is_(None),
        )
    ).scalar_one_or_none()
    if detail is not None and key_id not in detail:
        clear_alarm(connection, AlarmKind.SITE_KEY_DUE, subject=site, now_us=now_us)


def end_device(
    connection: Connection,
    address: Address,
    *,
    state: Literal["retired", "revoked"],
    by: str,
    now: datetime,
    reason: Reason | None = None,
    trusted: Trusted | None = None,
) -> None:
    """Retire or revoke a device, with its entry in the audit.

    Raises:
        DeviceRefused: There is no such device.
    """
    devices, certificates, now_us = schema.devices, schema.certificates, microseconds(now)
    device_id = connection.execute(
        update(devices)
        .where(devices.c.site == address.site, devices.c.device == address.device)
        .values(
            state=state,
            ended_us=now_us,
            ended_by=by,
            ended_reason=reason,
            trusted_epoch=None if trusted is None else trusted.epoch,
            trusted_seq=None if trusted is None else trusted.seq,
            trusted_hash=None if trusted is None else trusted.hash,
        )
        .returning(devices.c.id)
    ).scalar_one_or_none()
    subject = f"{address.site}/{address.device}"
    if device_id is None:
        raise DeviceRefused("there is no such device", where=subject, next_step="clockface-office device list")
    if state == "revoked":
        connection.execute(
            update(certificates)
            .where(certificates.c.device_id == device_id, certificates.c.revoked_us.is_(None))
            .values(revoked_us=now_us, revoked_reason=reason)
        )
    detail = "" if trusted is None else f"reason={reason},last_trusted={trusted.epoch}/{trusted.seq}"
    audit.append(connection, at_us=now_us, actor=by, action=f"device.{state}", subject=subject, detail=detail)
    demand_site_key(connection, address, now_us=now_us)


def revoke_certificates(
    authority: Authority, address: Address, *, reason: Reason, trusted: Trusted | None, now: datetime
) -> int:
    """Revoke all that the authority has given the device, and write CRL and revoked.json. Returns how many."""
    serials = [
        entry.serial
        for entry in authority.register.entries(f"{address.site}/{address.device}")
        if entry.revoked_at is None
    ]
    last = None if trusted is None else LastTrusted(epoch=trusted.epoch, seq=trusted.seq)
    authority.revoke(serials, now=now, reason=reason, last_trusted=last)
    authority.write_crl(now=now, valid_for=timedelta(days=CRL_DAYS))
    return len(serials)
