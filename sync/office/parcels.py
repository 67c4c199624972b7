"""Takes in parcels: people, templates, crash reports, audit trails, certificate requests, support bundles.

A parcel is stored once and its receipt is given again as often as it comes. Trust boundary: each is signed by
its device. Details are opened with the office's sealing key; the site key of templates the office never has.
"""

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection, update
from sqlalchemy import insert as plain_insert

from sync.office.alarms import insert
from sync.office.database import schema
from sync.office.registry import Device
from sync.office.reported import Outcome, take_person, take_replaced, take_template
from sync.office.rows import microseconds, parse_moment
from sync.office.verification import Reason, Rejected
from sync.wire.canonical import WireError, read
from sync.wire.documents import MAX_DOCUMENT_BYTES, open_document, type_of
from sync.wire.envelope import EnvelopeError
from sync.wire.parcels import (
    PARCELS,
    AnyParcel,
    AuditParcel,
    CertificateRequest,
    CrashParcel,
    PersonParcel,
    SupportParcel,
    TemplateParcel,
    TemplatesReplaced,
)
from sync.wire.roster import PersonDetails
from sync.wire.sealing import SealError, from_text, unseal


def take_parcel(
    connection: Connection, device: Device, payload: bytes, *, sealing: X25519PrivateKey, now_us: int
) -> Rejected | AnyParcel:
    """Store a parcel; one that is here already is only read, for its receipt."""
    try:
        kind = PARCELS.get(type_of(payload))
        if kind is None:
            return Rejected(Reason.WRONG_TYPE, "the envelope holds no parcel", payload)
        parcel: AnyParcel = open_document(kind, payload, keys=device.public_keys, address=device.address)
    except (WireError, EnvelopeError) as error:
        return Rejected(Reason.MALFORMED, str(error), payload)
    parcels = schema.parcels
    row: dict[str, Any] = {
        "device_id": device.id,
        "parcel_id": parcel.id,
        "kind": parcel.kind,
        "digest": hashlib.sha256(payload).digest(),
        "received_us": now_us,
    }
    if isinstance(parcel, CertificateRequest | SupportParcel | AuditParcel):
        row["envelope"] = payload  # somebody has still to deal with it; an audit trail stays as it was signed
    if isinstance(parcel, SupportParcel):
        row |= {"bundle": parcel.bundle, "part": parcel.part, "parts": parcel.parts}
    written = connection.execute(
        insert(connection, parcels)
        .values(**row)
        .on_conflict_do_nothing(index_elements=["device_id", "parcel_id"])
        .returning(parcels.c.id)
    ).scalar_one_or_none()
    if written is not None:
        outcome = _file(connection, device, parcel, sealing=sealing, now_us=now_us)
        if outcome is not None:
            values: dict[str, Any] = {"handled_us": now_us, "outcome": outcome}
            if outcome == Outcome.SEALED_WRONGLY:
                values["envelope"] = payload  # evidence
            connection.execute(update(parcels).where(parcels.c.id == written).values(**values))
    return parcel


def _file(
    connection: Connection, device: Device, parcel: AnyParcel, *, sealing: X25519PrivateKey, now_us: int
) -> str | None:
    """Put what a parcel brings where it belongs; None if that is for somebody else to do."""
    if isinstance(parcel, PersonParcel):
        return _file_person(connection, device, parcel, sealing=sealing, now_us=now_us)
    if isinstance(parcel, TemplateParcel):
        return take_template(connection, device, parcel, now_us=now_us).value
    if isinstance(parcel, TemplatesReplaced):
        return take_replaced(connection, device, parcel, now_us=now_us).value
    if isinstance(parcel, CrashParcel):
        return _file_crash(connection, device, parcel, now_us=now_us)
    if isinstance(parcel, AuditParcel):
        return "stored"
    return None


def _file_person(
    connection: Connection, device: Device, parcel: PersonParcel, *, sealing: X25519PrivateKey, now_us: int
) -> str:
    try:
        opened = unseal(from_text(parcel.sealed), key=sealing, info=parcel.info)
        details = read(PersonDetails, opened, max_bytes=MAX_DOCUMENT_BYTES)
    except (SealError, WireError):
        return Outcome.SEALED_WRONGLY.value
    return take_person(connection, device, parcel, details=details, now_us=now_us).value


def _file_crash(connection: Connection, device: Device, parcel: CrashParcel, *, now_us: int) -> str:
    connection.execute(
        plain_insert(schema.crash_reports).values(
            device_id=device.id,
            parcel_id=parcel.id,
            software=parcel.software,
            process=parcel.process,
            body=json.dumps({"error": parcel.error, "frames": parcel.frames}, separators=(",", ":")),
            times=parcel.times,
            happened_us=microseconds(parse_moment(parcel.at)),
            received_us=now_us,
        )
    )
    return "stored"
