"""How a device becomes known to the office: its request is checked, its keys registered, the bundle made.

Trust boundary: a request comes from a file that anybody may have touched; it proves only that its maker holds
the signing key. That this is the kiosk on the wall, a person sees by comparing fingerprints.
"""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import Connection, select, update

from sync.office.alarms import insert
from sync.office.authority.errors import AuthorityError
from sync.office.authority.identity import DeviceIdentity, identity_of
from sync.office.database import schema
from sync.office.errors import DeviceRefused
from sync.office.rows import microseconds
from sync.wire import envelope
from sync.wire.canonical import WireError
from sync.wire.compact import PREFIX, grow
from sync.wire.documents import open_document, sign_document
from sync.wire.fields import format_time
from sync.wire.provisioning import Bundle, DeviceRequest

BUNDLE_LIFE: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class OfficeIdentityKeys:
    """What a device must know of the office."""

    name: str
    online: Ed25519PublicKey
    operator: Ed25519PrivateKey
    sealing: X25519PublicKey
    brokers: tuple[str, ...]
    authorities: str
    more_online: tuple[Ed25519PublicKey, ...] = ()  # beside it while a rotation is under way
    more_operator: tuple[Ed25519PublicKey, ...] = ()


def read_request(raw: bytes) -> DeviceRequest:
    """Read a request, file or QR code, that proves possession of the signing key that it names.

    Raises:
        DeviceRefused: It is not one, or its signature does not hold.
    """
    raw = raw.strip()
    try:
        raw = grow(raw) if raw.startswith(PREFIX) else raw
        signed = envelope.decode(raw, max_payload_bytes=96 * 1024)
        claimed = DeviceRequest.model_validate_json(signed.payload)
        key = Ed25519PublicKey.from_public_bytes(from_text(claimed.signing_key))
        keys = {envelope.signing_key_id(key): key}
        return open_document(DeviceRequest, raw, keys=keys, address=None)
    except (WireError, ValueError):
        raise DeviceRefused(
            "this is not a device's request, or it was altered",
            next_step="on the kiosk: clockface provision request",
        ) from None


def register(connection: Connection, request: DeviceRequest, *, by: str, now: datetime) -> int:
    """Make a device known, or give a known one another key. Returns its row's id.

    Raises:
        DeviceRefused: A device of this name was revoked or retired.
    """
    now_us = microseconds(now)
    devices, keys = schema.devices, schema.device_keys
    connection.execute(
        insert(connection, schema.sites)
        .values(site=request.site, name=request.site, time_zone="UTC", created_us=now_us)
        .on_conflict_do_nothing(index_elements=["site"])
    )
    connection.execute(
        insert(connection, devices)
        .values(
            site=request.site,
            device=request.device,
            state="active",
            registered_us=now_us,
            registered_by=by,
        )
        .on_conflict_do_nothing(index_elements=["site", "device"])
    )
    row = connection.execute(
        select(devices.c.id, devices.c.state).where(
            devices.c.site == request.site, devices.c.device == request.device
        )
    ).one()
    if row.state != "active":
        raise DeviceRefused(
            f"a device of this name was {row.state}",
            where=f"{request.site}/{request.device}",
            next_step=(
                f"in its place: clockface-office device replace {request.site}/{request.device} "
                "REQUEST; else give the new kiosk another name"
                if row.state == "revoked"
                else "give the new kiosk another name"
            ),
        )
    connection.execute(
        update(devices).where(devices.c.id == row.id).values(sealing_key=from_text(request.sealing_key))
    )
    public = from_text(request.signing_key)
    connection.execute(
        insert(connection, keys)
        .values(
            device_id=row.id,
            key_id=envelope.signing_key_id(Ed25519PublicKey.from_public_bytes(public)),
            public_key=public,
            added_us=now_us,
            added_by=by,
        )
        .on_conflict_do_nothing(index_elements=["device_id", "key_id"])
    )
    return int(row.id)


def check_certificate(pem: str, request: DeviceRequest) -> x509.Certificate:
    """The first certificate of a chain, if it is for this device and for the key of its request.

    Raises:
        DeviceRefused: It is for another device or key.
    """
    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
        asked = x509.load_pem_x509_csr(request.certificate_request.encode())
        same = identity_of(certificate) == DeviceIdentity(request.site, request.device)
    except (ValueError, AuthorityError):
        raise DeviceRefused(
            "certificate or request is not one in PEM, or names no device",
            where=f"{request.site}/{request.device}",
            next_step="clockface-office ca issue SITE/DEVICE --request FILE",
        ) from None
    if not same or certificate.public_key() != asked.public_key():
        raise DeviceRefused(
            "the certificate is for another device or another key",
            where=f"{request.site}/{request.device}",
            next_step="clockface-office ca issue SITE/DEVICE --request FILE",
        )
    return certificate


def note_certificate(
    connection: Connection, device_id: int, certificate: x509.Certificate, *, by: str, now: datetime
) -> None:
    """Note the newest certificate of a device; one that is noted already only becomes the newest again."""
    connection.execute(
        insert(connection, schema.certificates)
        .values(
            serial=f"{certificate.serial_number:x}",
            device_id=device_id,
            subject=identity_of(certificate).common_name,
            fingerprint=certificate.fingerprint(hashes.SHA256()),
            not_before_us=microseconds(certificate.not_valid_before_utc),
            not_after_us=microseconds(certificate.not_valid_after_utc),
            pem=certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            issued_us=microseconds(now),
            issued_by=by,
        )
        .on_conflict_do_nothing(index_elements=["serial"])
    )
    connection.execute(
        update(schema.devices)
        .where(schema.devices.c.id == device_id)
        .values(
            certificate_serial=f"{certificate.serial_number:x}",
            certificate_not_after_us=microseconds(certificate.not_valid_after_utc),
        )
    )


def make_bundle(
    request: DeviceRequest, *, office: OfficeIdentityKeys, certificate: str, now: datetime
) -> bytes:
    """The signed answer that the kiosk installs."""
    bundle = Bundle(
        site=request.site,
        device=request.device,
        id=secrets.token_hex(16),
        answers=request.id,
        office=office.name,
        certificate=certificate,
        authorities=office.authorities,
        brokers=list(office.brokers),
        online_keys=_texts(office.online, office.more_online),
        operator_keys=_texts(office.operator.public_key(), office.more_operator),
        sealing_key=to_text(office.sealing),
        issued=format_time(now),
        expires=format_time(now + BUNDLE_LIFE),
    )
    return sign_document(bundle, key=office.operator)


def _texts(own: Ed25519PublicKey, more: tuple[Ed25519PublicKey, ...]) -> list[str]:
    return list(dict.fromkeys([to_text(own), *map(to_text, more)]))


def to_text(key: Ed25519PublicKey | X25519PublicKey) -> str:
    """A public key as the wire writes it."""
    return base64.urlsafe_b64encode(key.public_bytes_raw()).decode("ascii").rstrip("=")


def from_text(text: str) -> bytes:
    """The 32 bytes of a public key on the wire."""
    return base64.urlsafe_b64decode(text + "=")
