"""Takes in parcels: person details, sealed templates, crash reports, certificate requests, support bundles.

A parcel is stored once and its receipt is given again as often as it comes. Trust boundary: each is signed by
its device. Details are opened with the office's sealing key; the site key of templates the office never has.
"""

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection, select, update
from sqlalchemy import insert as plain_insert

from sync.office.alarms import insert
from sync.office.database import schema
from sync.office.registry import Device
from sync.office.rows import microseconds, parse_moment
from sync.office.verification import Reason, Rejected
from sync.wire.canonical import WireError, read
from sync.wire.documents import MAX_DOCUMENT_BYTES, open_document, type_of
from sync.wire.envelope import EnvelopeError
from sync.wire.parcels import (
    PARCELS,
    AnyParcel,
    CertificateRequest,
    CrashParcel,
    PersonParcel,
    SupportParcel,
    TemplateParcel,
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
    if isinstance(parcel, CertificateRequest | SupportParcel):
        row["envelope"] = payload  # somebody has still to deal with it
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
            if outcome == "sealed_wrongly":
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
        return _file_template(connection, device, parcel, now_us=now_us)
    if isinstance(parcel, CrashParcel):
        return _file_crash(connection, device, parcel, now_us=now_us)
    return None


def _file_person(
    connection: Connection, device: Device, parcel: PersonParcel, *, sealing: X25519PrivateKey, now_us: int
) -> str:
    try:
        opened = unseal(from_text(parcel.sealed), key=sealing, info=parcel.info)
        details = read(PersonDetails, opened, max_bytes=MAX_DOCUMENT_BYTES)
    except (SealError, WireError):
        return "sealed_wrongly"
    people = schema.people
    known = connection.execute(select(people.c.removed_us).where(people.c.person == parcel.person)).first()
    if known is not None and known.removed_us is not None:
        return "person_removed"
    number_taken = connection.execute(
        select(people.c.person).where(
            people.c.employee_number == details.number, people.c.person != parcel.person
        )
    ).first()
    values = _person_values(details, now_us=now_us)
    if number_taken is not None:
        values.pop("employee_number")  # kept by whom it belongs to here; people at the office decide
    connection.execute(
        insert(connection, people)
        .values(person=parcel.person, created_us=now_us, **values)
        .on_conflict_do_update(index_elements=["person"], set_=values)
    )
    connection.execute(
        insert(connection, schema.memberships)
        .values(person=parcel.person, site=device.address.site, since_us=now_us)
        .on_conflict_do_nothing(index_elements=["person", "site"])
    )
    return "number_taken" if number_taken is not None else "stored"


def _person_values(details: PersonDetails, *, now_us: int) -> dict[str, Any]:
    consent = details.consent
    return {
        "employee_number": details.number,
        "name": details.name,
        "greeting": details.greeting,
        "language": details.language,
        "active": details.enabled,
        "changed_us": now_us,
        "consent_version": None if consent is None else consent.text_version,
        "consent_language": None if consent is None else consent.language,
        "consent_how": None if consent is None else consent.how,
        "consent_us": None if consent is None else microseconds(parse_moment(consent.given_at)),
    }


def _file_template(connection: Connection, device: Device, parcel: TemplateParcel, *, now_us: int) -> str:
    people = schema.people
    removed = connection.execute(
        select(people.c.removed_us).where(people.c.person == parcel.person)
    ).scalar_one_or_none()
    if removed is not None:
        return "person_removed"
    try:
        sealed = from_text(parcel.sealed)
    except SealError:
        return "sealed_wrongly"
    connection.execute(
        insert(connection, schema.sealed_templates)
        .values(
            site=device.address.site,
            template_id=parcel.template,
            person=parcel.person,
            model=bytes.fromhex(parcel.model),
            site_key_id=parcel.site_key,
            sealed=sealed,
            origin_device_id=device.id,
            received_us=now_us,
        )
        .on_conflict_do_nothing(index_elements=["site", "template_id"])
    )
    return "stored"


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
