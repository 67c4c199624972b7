"""The receiver's half of a renewal: signs what the authority issued, after a look of its own.

The receiver holds the online key and no authority's: neither it nor the authority alone can give a kiosk a
certificate. Trust boundary: certificates in the database are anybody's who may write it, until they lead to an
authority that this office believes, name the device and hold the key of the device's own signed request.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, func, insert, select, update

from sync.office.alarms import AlarmKind, raise_alarm
from sync.office.authority import files
from sync.office.authority.certificates import read_request
from sync.office.authority.chain import verify_client
from sync.office.authority.errors import AuthorityError
from sync.office.authority.identity import DeviceIdentity
from sync.office.database import schema
from sync.office.errors import OfficeCertificateInvalid
from sync.office.histories import lock_devices
from sync.office.registry import Device, load_devices
from sync.office.renewal import KIND, Renewal, open_request
from sync.office.rows import microseconds
from sync.wire.canonical import WireError
from sync.wire.documents import sign_document
from sync.wire.envelope import EnvelopeError
from sync.wire.fields import format_time
from sync.wire.office import RenewedCertificate
from sync.wire.parcels import CertificateRequest
from sync.wire.topics import Address

OFFERED: Final = timedelta(days=30)  # for so long the answer is published again, unless telemetry shows it
AT_ONCE: Final = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Authorities:
    """The authorities that this office believes, and hands to its kiosks.

    Args:
        pem: As their file has them.
    """

    pem: str
    certificates: tuple[x509.Certificate, ...]

    @classmethod
    def read(cls, path: Any) -> "Authorities":
        """Read their file.

        Raises:
            OfficeCertificateInvalid: It is none of certificates.
            AuthorityError: It cannot be read.
        """
        raw = files.read(path, next_step="put ca.crt there")
        try:
            return cls(raw.decode("ascii"), tuple(x509.load_pem_x509_certificates(raw)))
        except ValueError:
            raise OfficeCertificateInvalid(
                "this file holds no certificates in PEM", where=str(path), next_step=f"openssl x509 -in {path}"
            ) from None


@dataclass(frozen=True, slots=True)
class Online:
    """What the receiver signs with, and for certificates of which authorities."""

    key: Ed25519PrivateKey
    authorities: Authorities


def waiting(connection: Connection) -> list[Any]:
    """Requests whose certificates the authority has issued and nobody has signed for."""
    parcels, devices = schema.parcels, schema.devices
    rows = connection.execute(
        select(parcels.c.id, parcels.c.device_id, parcels.c.envelope, devices.c.site, devices.c.device)
        .join(devices, devices.c.id == parcels.c.device_id)
        .where(
            parcels.c.kind == KIND, parcels.c.handled_us.is_(None), parcels.c.outcome == Renewal.ISSUED.value
        )
        .order_by(parcels.c.id)
        .limit(AT_ONCE)
    )
    return list(rows)


def sign_waiting(connection: Connection, *, online: Online, now: datetime) -> int:
    """Sign for every certificate that holds; the outbox publishes it. Returns how many were signed."""
    found = waiting(connection)
    lock_devices(connection, {row.device_id for row in found})
    signed = 0
    for row in waiting(connection) if found else ():  # another receiver may have been here
        outcome = _sign_one(connection, row, online=online, now=now)
        signed += outcome is Renewal.SIGNED
        connection.execute(
            update(schema.parcels)
            .where(schema.parcels.c.id == row.id)
            .values(outcome=outcome.value, handled_us=microseconds(now))
        )
    return signed


def _sign_one(connection: Connection, row: Row[Any], *, online: Online, now: datetime) -> Renewal:
    address = Address(row.site, row.device)
    device = load_devices(connection, [address])[address]
    if device.state != "active":
        return Renewal.NOT_ACTIVE
    try:
        request = open_request(bytes(row.envelope), device)
        certificate = certificate_for(connection, device, request, authorities=online.authorities, now=now)
    except (EnvelopeError, WireError, AuthorityError) as error:
        log.warning("renewal_unsound", error=error)
        raise_alarm(
            connection,
            AlarmKind.RENEWAL_REFUSED,
            subject=device.subject,
            device_id=device.id,
            detail=Renewal.UNSOUND.value,
            now_us=microseconds(now),
        )
        return Renewal.UNSOUND
    document = answer_to(request, certificate=certificate, authorities=online.authorities, now=now)
    _offer(connection, device, document, signed=sign_document(document, key=online.key), now=now)
    return Renewal.SIGNED


def certificate_for(
    connection: Connection,
    device: Device,
    request: CertificateRequest,
    *,
    authorities: Authorities,
    now: datetime,
) -> str:
    """The certificate in the database that was issued for this request's key, if it holds.

    Raises:
        AuthorityError: There is none, or it does not hold.
    """
    wanted = read_request(request.request.encode())
    certificates = schema.certificates
    rows = connection.execute(
        select(certificates.c.pem)
        .where(certificates.c.device_id == device.id, certificates.c.revoked_us.is_(None))
        .order_by(certificates.c.issued_us.desc())
    )
    refused = AuthorityError("no certificate is here for this request's key", where=device.subject)
    for row in rows:
        try:
            certificate = x509.load_pem_x509_certificate(row.pem.encode())
        except ValueError:
            continue
        if certificate.public_key() != wanted:
            continue
        for authority in authorities.certificates:
            try:
                identity = verify_client(certificate, authority=authority, now=now)
            except AuthorityError as error:
                refused = error
                continue
            if identity == DeviceIdentity(device.address.site, device.address.device):
                return str(row.pem)
    raise refused


def answer_to(
    request: CertificateRequest, *, certificate: str, authorities: Authorities, now: datetime
) -> RenewedCertificate:
    """The document that the kiosk's courier waits for."""
    return RenewedCertificate(
        site=request.site,
        device=request.device,
        request=request.id,
        certificate=certificate,
        authorities=authorities.pem,
        issued=format_time(now),
    )


def _offer(
    connection: Connection, device: Device, document: RenewedCertificate, *, signed: bytes, now: datetime
) -> None:
    """Into the outbox; what an earlier request of the device was offered is withdrawn."""
    outbox, now_us = schema.outbox, microseconds(now)
    ours = (outbox.c.device_id == device.id) & (outbox.c.channel == "certificate")
    connection.execute(update(outbox).where(ours, schema.unanswered).values(withdrawn_us=now_us))
    last = connection.execute(select(func.coalesce(func.max(outbox.c.number), 0)).where(ours)).scalar_one()
    connection.execute(
        insert(outbox).values(
            device_id=device.id,
            channel="certificate",
            number=last + 1,
            document_id=document.request,
            kind="certificate",
            envelope=signed,
            created_us=now_us,
            created_by="receiver",
            expires_us=microseconds(now + OFFERED),
        )
    )


def note_in_use(connection: Connection, device: Device, *, expires_us: int, now_us: int) -> None:
    """A courier tells until when its certificate is valid: once that is the new one's end, the offer ends.

    Its word is unsigned and decides only whether the same document is published again.
    """
    outbox, devices = schema.outbox, schema.devices
    newest = select(devices.c.certificate_not_after_us).where(devices.c.id == device.id).scalar_subquery()
    connection.execute(
        update(outbox)
        .where(
            outbox.c.device_id == device.id,
            outbox.c.channel == "certificate",
            outbox.c.answered_us.is_(None),
            newest <= expires_us,
        )
        .values(answered_us=now_us, outcome="done")
    )
