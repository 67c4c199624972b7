"""Golden messages: one of every kind, as they stood on the wire when their version came.

`python -m tests.sync.wire.goldens` writes those of today's models that have no file yet, and never touches one
that has: a device or an archive of any age may hold such bytes. Keys are derived from their names and sign
nothing else. Only until version 1 is released may a file, with its line in SHA256SUMS, be deleted and made new.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import BaseModel

from sync.wire import commands, envelope, events, health, office, parcels, provisioning, roster, sealing
from sync.wire.canonical import digest, encode
from sync.wire.documents import Document
from sync.wire.fields import EventPoint, Wire

FOLDER = Path(__file__).parents[2] / "data" / "wire" / "v1"
HERE: dict[str, Any] = {"site": "lab", "device": "door-1"}
NOW, LATER = "2026-11-22T06:00:00.000000Z", "2026-11-22T06:05:00.000000Z"
EPOCH = "000002-9f86d081884c7d65"
PERSON, OTHER, ID = "cd" * 16, "ce" * 16, "0a" * 16
MODEL = "ef" * 32
PEM = "-----BEGIN CERTIFICATE-----\nMIIBGOLDENONLYANEXAMPLE=\n-----END CERTIFICATE-----\n"
REQUEST = PEM.replace("CERTIFICATE", "CERTIFICATE REQUEST")
CLOCK = events.ClockReading(
    trust="synchronised",
    utc_offset_s=3600,
    boot_id="0f0f0f0f-0000-4000-8000-000000000001",
    boottime_us=1_000_001,
)


def _secret(name: str) -> bytes:
    return hashlib.sha256(b"clockface golden messages, test key: " + name.encode()).digest()


def signing_key(name: str) -> Ed25519PrivateKey:
    """The golden messages' device, online or operator key."""
    return Ed25519PrivateKey.from_private_bytes(_secret(f"sign {name}"))


def sealing_key(name: str) -> X25519PrivateKey:
    """The golden messages' device or office key that is sealed to."""
    return X25519PrivateKey.from_private_bytes(_secret(f"seal {name}"))


SITE_KEY = _secret("site")
TEMPLATE = sealing.TemplateIdentity(site="lab", person=PERSON, template="0b" * 16, model=MODEL)


def _public(name: str) -> str:
    raw = envelope.public_bytes(signing_key(name).public_key())
    return sealing.to_text(raw).rstrip("=").replace("+", "-").replace("/", "_")


def _sealing_public(name: str) -> str:
    raw = sealing_key(name).public_key().public_bytes_raw()
    return sealing.to_text(raw).rstrip("=").replace("+", "-").replace("/", "_")


@dataclass(frozen=True)
class Golden:
    """How one golden message is made.

    Args:
        make: The document, given what is sealed in it (base64) or "".
        signed_by: "device", "online" or "operator"; empty for an unsigned one.
        seals: What is sealed; for a template its bytes.
        to: Whose key: "device", "office" or "site".
    """

    make: Callable[[str], Wire]
    signed_by: str = "device"
    seals: bytes = b""
    to: str = ""

    def seal(self) -> str:
        """Seal anew; every time other bytes."""
        if not self.seals:
            return ""
        if self.to == "site":
            return sealing.to_text(sealing.seal_template(self.seals, site_key=SITE_KEY, identity=TEMPLATE))
        info = self.make("AAAA").info  # type: ignore[attr-defined]
        return sealing.to_text(sealing.seal(self.seals, to=sealing_key(self.to).public_key(), info=info))

    def unseal(self, sealed: str) -> bytes:
        """Open it."""
        raw = sealing.from_text(sealed)
        if self.to == "site":
            return sealing.unseal_template(raw, site_key=SITE_KEY, identity=TEMPLATE)
        info = self.make(sealed).info  # type: ignore[attr-defined]
        return sealing.unseal(raw, key=sealing_key(self.to), info=info)


def payload_type(document: BaseModel) -> str:
    """What the envelope says that it holds."""
    return document.payload_type if isinstance(document, Document) else envelope.EVENT_TYPE


def _chain() -> dict[str, events.AnyEvent]:
    """One epoch of seven events, each with the hash of the one before."""
    before = EventPoint(epoch="000001-2c26b46b68ffc68f", seq=41, hash="ab" * 32)
    begun = events.EpochBegunData(
        clock=CLOCK,
        reason="refused",
        previous=before,
        public_key=_public("device"),
        software="1.0.0",
        models=[MODEL],
    )
    face = events.AttendanceData(
        clock=CLOCK,
        person=PERSON,
        direction="in",
        direction_source="assumed",
        method="face",
        day="2026-11-22",
        work_code="Büro \U0001f3e2 =1+1",
        score_millionths=812_345,
        model=MODEL,
        reissues=before,
    )
    badge = events.AttendanceData(
        clock=CLOCK,
        person=OTHER,
        direction="unstated",
        direction_source="none",
        method="badge",
        day="2026-11-22",
    )
    ranges = [events.CorrectedRange(epoch=EPOCH, first_seq=2, last_seq=3, correction_us=-7_200_000_000)]
    made: dict[str, events.AnyEvent] = {}
    prevhash = events.GENESIS
    for seq, (name, kind, data) in enumerate(
        [
            ("epoch.begun", events.EpochBegun, begun),
            ("attendance.recorded", events.AttendanceRecorded, face),
            ("attendance.recorded.least", events.AttendanceRecorded, badge),
            ("clock.corrected", events.ClockCorrected, events.ClockCorrectedData(clock=CLOCK, ranges=ranges)),
            (
                "person.changed",
                events.PersonChanged,
                events.PersonChangedData(clock=CLOCK, person=OTHER, change="removed"),
            ),
            (
                "attendance.voided",
                events.AttendanceVoided,
                events.AttendanceVoidedData(
                    clock=CLOCK,
                    person=OTHER,
                    voids=EventPoint(epoch=EPOCH, seq=3, hash="ab" * 32),
                    reason="not_me",
                ),
            ),
            (
                "correction.requested",
                events.CorrectionRequested,
                events.CorrectionRequestedData(
                    clock=CLOCK,
                    person=PERSON,
                    asked_with=EventPoint(epoch=EPOCH, seq=2, hash="ab" * 32),
                    direction="out",
                    moment="2026-11-21T16:30:00.000000Z",
                ),
            ),
            (
                "device.tested",
                events.DeviceTested,
                events.DeviceTestedData(clock=CLOCK, test="5e" * 16),
            ),
            (
                "device.retired",
                events.DeviceRetired,
                events.DeviceRetiredData(clock=CLOCK, reason="moved"),
            ),
            (
                "person.changed.with-backups",
                events.PersonChanged,
                events.PersonChangedData(
                    clock=CLOCK, person=PERSON, change="removed", backups_until="2026-12-24"
                ),
            ),
        ],
        start=1,
    ):
        event = kind(
            id=events.event_name(EPOCH, seq),
            source=events.source_of("lab", "door-1"),
            time=NOW,
            epoch=EPOCH,
            seq=seq,
            prevhash=prevhash,
            data=data,  # type: ignore[arg-type]
        )
        made[name], prevhash = event, digest(encode(event))
    return made


def _command(number: int, order: Any) -> Golden:
    return Golden(
        lambda _: commands.Command(**HERE, id=ID, number=number, issued=NOW, expires=LATER, order=order),
        "operator",
    )


CHAIN = _chain()
HEAD = EventPoint(epoch=EPOCH, seq=5, hash=digest(encode(CHAIN["person.changed"])))
CONSENT = roster.ConsentGiven(text_version="2026-1", language="de-AT", how="screen", given_at=NOW)
DETAILS = roster.PersonDetails(
    name="Zoë O'Neill", number="=4711", greeting="Zoë", language="de", consent=CONSENT
)
LEAST_DETAILS = roster.PersonDetails(name="陳大文", number="0012", enabled=False)
CHANGES = roster.RosterChanges(
    changes=[
        roster.PutPerson(version=7, person=PERSON, details=DETAILS),
        roster.PutPerson(version=8, person=OTHER, details=LEAST_DETAILS),
        roster.PutTemplate(
            version=9, person=PERSON, template="0b" * 16, model=MODEL, site_key="0c" * 16, sealed="c2VhbGVk"
        ),
        roster.RemoveTemplates(version=10, person=PERSON),
        roster.RemovePerson(version=11, person=OTHER),
    ]
)
WITH_PROOF = DETAILS.model_copy(
    update={"consent": CONSENT.model_copy(update={"how": "imported", "proof": "HR archive 2026/114"})}
)
REPLACED = roster.RosterChanges(
    changes=[
        roster.PutPerson(version=12, person=PERSON, details=WITH_PROOF),
        roster.RemoveTemplate(version=13, person=PERSON, template="0b" * 16),
    ]
)
TELEMETRY = health.Telemetry(
    **HERE,
    nonce=ID,
    time=NOW,
    clock=CLOCK,
    software="1.0.0",
    uptime_s=86_400,
    models=[MODEL],
    head=HEAD,
    frontier=HEAD,
    pending=3,
    oldest_pending=NOW,
    parcels_pending=1,
    verdicts={"matched": 10, "no_match": 2},
    camera="v4l2",
    camera_mfps=14_950,
    fault="camera_lost",
    service="in_service",
    alarms=["full"],
    roster_version=11,
    people=250,
    templates=500,
    resident_bytes=180_000_000,
    disk_free_bytes=1,
    disk_total_bytes=2,
    temperature_mc=61_250,
    throttled=False,
    stages=[health.StageTime(stage="detect", median_us=900, p95_us=1400)],
)
COURIER = health.CourierHealth(
    session=ID,
    certificate_expires=LATER,
    certificate_days=-1,
    reconnects=2,
    resends=1,
    broker=1,
    resident_bytes=60_000_000,
)


def _telemetry_message(_: str) -> health.TelemetryMessage:
    signed = envelope.sign(
        encode(TELEMETRY),
        key=signing_key("device"),
        payload_type=health.Telemetry.payload_type,
        max_payload_bytes=100_000,
    )
    return health.TelemetryMessage(edge=envelope.encode(signed).decode(), courier=COURIER)


GOLDENS: dict[str, Golden] = {
    **{name: Golden(lambda _, event=event: event) for name, event in CHAIN.items()},  # type: ignore[misc]
    "ack": Golden(lambda _: office.Ack(**HERE, committed=HEAD, resend=True, issued=NOW, echo=ID), "online"),
    "ack.least": Golden(lambda _: office.Ack(**HERE, issued=NOW), "online"),
    "refusal": Golden(
        lambda _: office.Refusal(**HERE, refused=HEAD, reason="fork", committed=HEAD, issued=NOW), "online"
    ),
    "parcel-receipt": Golden(
        lambda _: office.ParcelReceipt(**HERE, parcels=[ID, PERSON], issued=NOW), "online"
    ),
    "certificate": Golden(
        lambda _: office.RenewedCertificate(**HERE, request=ID, certificate=PEM, authorities=PEM, issued=NOW),
        "online",
    ),
    "command.restart": _command(1, commands.Restart()),
    "command.out-of-service": _command(2, commands.OutOfService(reason="cleaning")),
    "command.in-service": _command(3, commands.InService()),
    "command.identify": _command(4, commands.Identify(seconds=5)),
    "command.show-message": _command(
        5, commands.ShowMessage(text="Fire drill at 10", person=PERSON, until=LATER)
    ),
    "command.configure": _command(6, commands.Configure(settings={"attendance.repeat_s": "60"})),
    "command.send-support-bundle": _command(7, commands.SendSupportBundle()),
    "command.trust-keys": _command(
        8,
        commands.TrustKeys(operator_keys=[_public("operator"), _public("next operator")]),
    ),
    "result": Golden(
        lambda _: commands.Result(
            **HERE,
            answers=ID,
            outcome="refused",
            reason="not_allowed",
            detail="not this one",
            roster_version=11,
            removed=[commands.Removed(person=OTHER, templates=2)],
            parcel=PERSON,
            at=NOW,
        )
    ),
    "result.least": Golden(
        lambda _: commands.Result(**HERE, answers=ID, outcome="done", roster_version=0, at=NOW)
    ),
    "result.receipt": Golden(
        lambda _: commands.Result(
            **HERE,
            answers=ID,
            outcome="done",
            roster_version=12,
            removed=[commands.Removed(person=OTHER, templates=2, backups_until="2026-12-24")],
            at=NOW,
        )
    ),
    "roster.replaced": Golden(
        lambda sealed: roster.RosterDocument(
            **HERE, id=ID, base=11, version=13, issued=NOW, expires=LATER, sealed=sealed
        ),
        "operator",
        seals=encode(REPLACED),
        to="device",
    ),
    "roster": Golden(
        lambda sealed: roster.RosterDocument(
            **HERE, id=ID, base=6, version=11, issued=NOW, expires=LATER, sealed=sealed
        ),
        "operator",
        seals=encode(CHANGES),
        to="device",
    ),
    "telemetry": Golden(lambda _: TELEMETRY),
    "telemetry.shortened": Golden(
        lambda _: TELEMETRY.model_copy(update={"removed_to": HEAD, "office_keys": ["12" * 16, "34" * 16]})
    ),
    "telemetry-message": Golden(_telemetry_message, ""),
    "telemetry-message.least": Golden(lambda _: health.TelemetryMessage(courier=COURIER), ""),
    "state.birth": Golden(lambda _: health.State(session=ID, online=True, since=NOW, software="1.0.0"), ""),
    "state.death": Golden(lambda _: health.State(session=ID, online=False, since=NOW, software="1.0.0"), ""),
    "parcel.person": Golden(
        lambda sealed: parcels.PersonParcel(**HERE, id=ID, at=NOW, person=PERSON, sealed=sealed),
        seals=encode(DETAILS),
        to="office",
    ),
    "parcel.template": Golden(
        lambda sealed: parcels.TemplateParcel(
            **HERE,
            id=ID,
            at=NOW,
            person=PERSON,
            template="0b" * 16,
            model=MODEL,
            site_key=sealing.site_key_id(SITE_KEY),
            sealed=sealed,
        ),
        seals=bytes(range(64)),
        to="site",
    ),
    "parcel.templates-replaced": Golden(
        lambda _: parcels.TemplatesReplaced(**HERE, id=ID, at=NOW, person=PERSON, templates=["0b" * 16])
    ),
    "parcel.crash": Golden(
        lambda _: parcels.CrashParcel(
            **HERE,
            id=ID,
            at=NOW,
            process="edge",
            software="1.0.0",
            error=["OSError", "LedgerMissing"],
            frames=["edge.app:12 main", "edge.store.store:101 <lambda>"],
            times=3,
        )
    ),
    "parcel.audit": Golden(
        lambda _: parcels.AuditParcel(
            **HERE,
            id=ID,
            at=NOW,
            previous="00" * 32,
            entries=[
                parcels.AuditEntry(
                    seq=1, at=NOW, by="daemon", action="ledger.created", subject="", detail="", hash="01" * 32
                ),
                parcels.AuditEntry(
                    seq=2,
                    at=LATER,
                    by="staff",
                    action="consent.recorded",
                    subject=PERSON,
                    detail="paper",
                    hash="02" * 32,
                ),
            ],
        )
    ),
    "parcel.certificate-request": Golden(
        lambda _: parcels.CertificateRequest(**HERE, id=ID, at=NOW, request=REQUEST)
    ),
    "parcel.support": Golden(
        lambda sealed: parcels.SupportParcel(**HERE, id=ID, at=NOW, bundle=ID, part=1, parts=2, sealed=sealed),
        seals=b"support bundle, part 1",
        to="office",
    ),
    "device-request": Golden(
        lambda _: provisioning.DeviceRequest(
            **HERE,
            id=ID,
            signing_key=_public("device"),
            sealing_key=_sealing_public("device"),
            certificate_request=REQUEST,
            software="1.0.0",
            at=NOW,
        )
    ),
    "bundle": Golden(
        lambda _: provisioning.Bundle(
            **HERE,
            id=ID,
            answers=PERSON,
            office="Head office",
            certificate=PEM,
            authorities=PEM,
            brokers=["broker.example:8883", "[2001:db8::1]:8883"],
            online_keys=[_public("online")],
            operator_keys=[_public("operator")],
            sealing_key=_sealing_public("office"),
            issued=NOW,
            expires=LATER,
        ),
        "operator",
    ),
}


def written(golden: Golden, sealed: str) -> dict[str, str]:
    """A golden message as today's writer makes it."""
    document = golden.make(sealed)
    payload = encode(document)
    found = {"payload": payload.decode()}
    if golden.seals:
        found |= {"sealed_to": golden.to, "opened": sealing.to_text(golden.seals)}
    if golden.signed_by:
        signed = envelope.sign(
            payload,
            key=signing_key(golden.signed_by),
            payload_type=payload_type(document),
            max_payload_bytes=98_304,
        )
        found |= {"payload_type": signed.payload_type, "signed_by": golden.signed_by}
        found["envelope"] = envelope.encode(signed).decode()
    return found


def main() -> None:
    """Write what is missing, and the list of sums."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, golden in GOLDENS.items():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            text = json.dumps(written(golden, golden.seal()), indent=1, ensure_ascii=False, sort_keys=True)
            path.write_text(text + "\n")
            with (FOLDER / "SHA256SUMS").open("a") as sums:
                sums.write(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


if __name__ == "__main__":
    main()
