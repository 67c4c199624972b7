"""The authority's half of a renewal: a kiosk's countersigned request in, a certificate in the database out.

It holds the authority's key and not the online key: what it issues reaches a kiosk only after the receiver,
which has no authority's key, has verified it and signed the answer. Trust boundary: parcels come from the
database that the receiver writes, so each is verified here again, from the device's signature on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection, select, update

from sync.office import audit
from sync.office.alarms import AlarmKind, clear_alarm, raise_alarm
from sync.office.authority.authority import Authority, serial_of
from sync.office.authority.certificates import DEVICE_DAYS
from sync.office.authority.errors import (
    AuthorityError,
    CertificateRefused,
    RegisterConflict,
    RequestRefused,
    TooManyCertificates,
)
from sync.office.authority.identity import DeviceIdentity
from sync.office.database import Database, schema
from sync.office.registration import note_certificate
from sync.office.registry import Device, load_devices
from sync.office.rows import microseconds
from sync.wire.canonical import WireError
from sync.wire.documents import MAX_DOCUMENT_BYTES, open_document
from sync.wire.envelope import EnvelopeError, decode
from sync.wire.parcels import CertificateRequest
from sync.wire.topics import Address

AT_ONCE = 100  # requests of one look
LIFE = timedelta(days=DEVICE_DAYS)
BY = "authority"
KIND: str = CertificateRequest.model_fields["kind"].default

log = structlog.get_logger(__name__)


class Renewal(StrEnum):
    """What became of a request: `parcels.outcome`. Unhandled until it is signed or refused."""

    ISSUED = "issued"  # the certificate is in the database; the receiver has still to sign the answer
    SIGNED = "signed"
    NOT_AUTHENTIC = "not_authentic"
    NOT_ACTIVE = "device_not_active"
    NOT_ITS_NAME = "request_names_another"
    BAD_REQUEST = "request_refused"
    NOT_REGISTERED = "not_of_this_authority"  # or revoked
    TOO_MANY = "too_many_certificates"
    AUTHORITY_ENDS = "authority_ends"
    UNSOUND = "certificate_unsound"  # the receiver's own check failed


@dataclass(frozen=True, slots=True)
class Answered:
    """One request that was dealt with; `certificate` is None where it was refused."""

    address: Address
    outcome: Renewal
    request: CertificateRequest | None = None
    certificate: x509.Certificate | None = None


class Renewals:
    """Answers requests with an open authority.

    Args:
        by: Who stands in the audit: the process, or the account at the keyboard.
    """

    def __init__(self, database: Database, authority: Authority, *, by: str = BY) -> None:
        self._database = database
        self._authority = authority
        self._by = by

    def look(self, *, now: datetime) -> list[Answered]:
        """Deal with every request that waits, each in its own transaction.

        Raises:
            DatabaseError: The database failed. What was issued is issued again, the same, next time.
        """
        parcels, devices = schema.parcels, schema.devices
        with self._database.read() as connection:
            rows = connection.execute(
                select(parcels.c.id, parcels.c.envelope, devices.c.site, devices.c.device)
                .join(devices, devices.c.id == parcels.c.device_id)
                .where(parcels.c.kind == KIND, parcels.c.handled_us.is_(None), parcels.c.outcome.is_(None))
                .order_by(parcels.c.id)
                .limit(AT_ONCE)
            ).all()
        answered = []
        for row in rows:
            address = Address(row.site, row.device)
            with self._database.write() as connection:
                found = self.answer(connection, bytes(row.envelope), address=address, now=now)
                _note_outcome(connection, row.id, found.outcome, now_us=microseconds(now))
            answered.append(found)
        return answered

    def answer(self, connection: Connection, raw: bytes, *, address: Address, now: datetime) -> Answered:
        """Verify one request and issue its certificate; the same key gets the same one again."""
        device = load_devices(connection, [address]).get(address)
        found = self._decide(device, raw, address=address, now=now)
        if device is None:
            return found
        now_us = microseconds(now)
        if found.certificate is None:
            log.warning("renewal_refused", reason=found.outcome)
            raise_alarm(
                connection,
                AlarmKind.RENEWAL_REFUSED,
                subject=device.subject,
                device_id=device.id,
                detail=found.outcome.value,
                now_us=now_us,
            )
            return found
        log.info("certificate_issued")
        clear_alarm(connection, AlarmKind.RENEWAL_REFUSED, subject=device.subject, now_us=now_us)
        note_certificate(connection, device.id, found.certificate, by=self._by, now=now)
        audit.append(
            connection,
            at_us=now_us,
            actor=self._by,
            action="certificate.renewed",
            subject=device.subject,
            detail=f"serial={serial_of(found.certificate)}",
        )
        return found

    def _decide(self, device: Device | None, raw: bytes, *, address: Address, now: datetime) -> Answered:
        if device is None or device.state != "active":
            return Answered(address, Renewal.NOT_ACTIVE)
        try:
            request = open_request(raw, device)
        except (EnvelopeError, WireError):
            return Answered(address, Renewal.NOT_AUTHENTIC)
        identity = DeviceIdentity(address.site, address.device)
        pem = request.request.encode()
        try:
            if name_in(pem) != identity.common_name:
                return Answered(address, Renewal.NOT_ITS_NAME, request)
            certificate = self._authority.renew_once(pem, identity, now=now, valid_for=LIFE)
        except AuthorityError as error:
            return Answered(address, _reason(error), request)
        return Answered(address, Renewal.ISSUED, request, certificate)


def open_request(raw: bytes, device: Device) -> CertificateRequest:
    """A request that this device has signed.

    Raises:
        EnvelopeError, WireError: It is none.
    """
    return open_document(CertificateRequest, raw, keys=device.public_keys, address=device.address)


def claimed_address(raw: bytes) -> Address:
    """Whose request a file says it is: to look for its keys, never to believe it.

    Raises:
        EnvelopeError, WireError: It is no request.
    """
    payload = decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES).payload
    try:
        return CertificateRequest.model_validate_json(payload).address
    except ValueError:
        raise WireError("this is no certificate request of a kiosk's") from None


def name_in(pem: bytes) -> str | None:
    """The one common name that a request asks for.

    Raises:
        RequestRefused: It is no request.
    """
    try:
        names = x509.load_pem_x509_csr(pem).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        raise RequestRefused("the certificate request is not a PKCS #10 request in PEM") from None
    return str(names[0].value) if len(names) == 1 else None


def _reason(error: AuthorityError) -> Renewal:
    """The authority's own refusals; its being unable to work (disk, register) is no answer to anybody."""
    for kind, outcome in (
        (RequestRefused, Renewal.BAD_REQUEST),
        (TooManyCertificates, Renewal.TOO_MANY),
        (RegisterConflict, Renewal.NOT_REGISTERED),
        (CertificateRefused, Renewal.AUTHORITY_ENDS),
    ):
        if isinstance(error, kind):
            return outcome
    raise error


def _note_outcome(connection: Connection, parcel: int, outcome: Renewal, *, now_us: int) -> None:
    parcels = schema.parcels
    handled = None if outcome is Renewal.ISSUED else now_us
    connection.execute(
        update(parcels).where(parcels.c.id == parcel).values(outcome=outcome.value, handled_us=handled)
    )
