"""What the courier fetches and hands in: signed telemetry, parcels, and requests for certificates."""

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from edge.api.protocol.courier import CertificateAsked, Delivery, LinkTold, ParcelQuery
from edge.board import FIRMWARE_FILES
from edge.certificates import new_request
from edge.config.device import DeviceConfig
from edge.config.tree import Config
from edge.daemon.condition import Condition
from edge.daemon.courier_link import CourierLink
from edge.daemon.office import OfficeDesk
from edge.daemon.tally import Tally
from edge.daemon.telemetry import Telemetrist
from edge.errors import ApiError
from edge.store.store import Store
from edge.types.verdicts import Outcome, Verdict
from sync.wire.documents import open_document
from sync.wire.health import Telemetry
from sync.wire.parcels import CertificateRequest
from sync.wire.topics import Address
from tests.edge.daemon.kiosk import StillCamera
from tests.edge.office import TestOffice, office_desk
from tests.edge.store.given import KIOSK, SITE, enrolled, punch, template
from tests.fakes import ManualClock

HERE = Address(SITE, KIOSK)


def telemetry(desk: OfficeDesk, store: Store) -> Telemetry:
    signing = store.device_keys.signing
    keys = {signing.key_id: signing.private.public_key()}
    return open_document(Telemetry, desk.telemetry().envelope.encode(), keys=keys, address=HERE)


def test_telemetry_is_signed_and_counts_what_the_office_must_know(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    person_id = enrolled(store)
    store.templates.add(template(person_id))
    ids = [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(3)]
    desk.deliver(Delivery(envelope=office.ack(ids[0]).decode()))
    store.alarms.raise_alarm("fork", "here")
    told = telemetry(desk, store)
    assert (told.head.seq, told.head.hash) == (ids[2].seq, ids[2].hash)
    assert told.frontier is not None
    assert told.frontier.seq == ids[0].seq
    assert (told.pending, told.people, told.templates, told.alarms) == (2, 1, 1, ["fork"])
    assert told.oldest_pending is not None
    assert (told.service, told.roster_version, told.fault) == ("in_service", 0, "ModelMissing")
    assert told.disk_total_bytes
    assert told.temperature_mc is None
    believed = store.office.current()
    assert believed is not None
    assert told.office_keys == sorted({*believed.online, *believed.operator})
    assert told.removed_to is None
    assert told.nonce != telemetry(desk, store).nonce


def test_telemetry_names_nobody(store: Store, clock: ManualClock, desk: OfficeDesk) -> None:
    person_id = enrolled(store, 1815)
    store.events.record(punch(person_id, clock.advance(60)))
    told = telemetry(desk, store).model_dump_json()
    for secret in (person_id, "Ada", "1815", "night-watch"):
        assert secret not in told


def test_the_boards_health_is_read_where_the_kernel_tells_it(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("61250\n")
    firmware = tmp_path / FIRMWARE_FILES[0]
    firmware.parent.mkdir(parents=True)
    firmware.write_text("4\n")
    told = telemetry(office_desk(store, clock, root=tmp_path), store)
    assert (told.temperature_mc, told.throttled) == (61_250, True)
    firmware.write_text("40000\n")  # earlier, not now
    assert telemetry(office_desk(store, clock, root=tmp_path), store).throttled is False


def test_verdicts_are_counted_by_kind() -> None:
    tally = Tally()
    for outcome in (Outcome.RECOGNISED, Outcome.UNKNOWN, Outcome.RECOGNISED):
        tally(Verdict(outcome, decided_s=1.0))
    assert tally.counts() == {"recognised": 2, "unknown": 1}


def test_a_request_for_a_certificate_is_countersigned_and_a_newer_one_replaces_it(
    store: Store, desk: OfficeDesk
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    first = desk.request_certificate(CertificateAsked(request_pem=new_request(key, HERE)))
    second = desk.request_certificate(CertificateAsked(request_pem=new_request(key, HERE)))
    (waiting,) = desk.parcels(ParcelQuery()).parcels
    assert waiting.parcel_id == second.parcel_id != first.parcel_id
    signing = store.device_keys.signing
    parcel = open_document(
        CertificateRequest,
        waiting.envelope.encode(),
        keys={signing.key_id: signing.private.public_key()},
        address=HERE,
    )
    assert parcel.id == second.parcel_id
    assert x509.load_pem_x509_csr(parcel.request.encode()).public_key() == key.public_key()


def _request(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str, *san: x509.GeneralName) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName(san), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_requests_that_are_not_plainly_this_devices_are_refused(store: Store, desk: OfficeDesk) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    own = new_request(key, HERE)
    lines = own.splitlines()
    refused = {
        "other device": new_request(key, Address(SITE, "kiosk-2")),
        "office": _request(key, "@office/receiver"),
        "second name": _request(key, f"{SITE}/{KIOSK}", x509.DNSName("broker.example")),
        "other uri": _request(key, f"{SITE}/{KIOSK}", x509.UniformResourceIdentifier("clockface://x/y")),
        "rsa": _request(rsa.generate_private_key(65537, 2048), f"{SITE}/{KIOSK}"),
        "other curve": _request(ec.generate_private_key(ec.SECP384R1()), f"{SITE}/{KIOSK}"),
        "text": "not a request",
        "letters": "-----BEGIN ä",
        "empty": "",
        "cut": "\n".join(lines[:-2]),
        "broken signature": _altered(own),
    }
    for name, pem in refused.items():
        with pytest.raises(ApiError, match="certificate request"):
            desk.request_certificate(CertificateAsked(request_pem=pem))
        assert store.parcels.count() == 0, name


def _altered(pem: str) -> str:
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    again = x509.load_der_x509_csr(bytes(der))
    return again.public_bytes(serialization.Encoding.PEM).decode()


def test_parcels_are_unreadable_in_the_file(store: Store, desk: OfficeDesk) -> None:
    desk.request_certificate(
        CertificateAsked(request_pem=new_request(ec.generate_private_key(ec.SECP256R1()), HERE))
    )
    with store.database.read() as connection:
        (token,) = connection.execute("SELECT envelope FROM parcels").fetchone()
    assert b"payload" not in token
    assert json.loads(desk.parcels(ParcelQuery()).parcels[0].envelope)["payload"]


def test_an_ack_that_holds_is_noted_for_staff_and_a_forged_one_is_not(
    store: Store, clock: ManualClock, office: TestOffice
) -> None:
    link = CourierLink(clock)
    condition = Condition(
        config=Config(), store=store, clock=clock, face_path=None, fault=None, camera=StillCamera(), link=link
    )
    desk = OfficeDesk(
        config=Config(device=DeviceConfig(site=SITE, name=KIOSK)),
        store=store,
        clock=clock,
        telemetrist=Telemetrist(store=store, clock=clock, status=condition.status, tally=Tally()),
        link=link,
    )
    forged = TestOffice(office.address).ack(None).decode()
    assert desk.deliver(Delivery(envelope=forged)).outcome == "refused"
    assert condition.status().office.acknowledged_at is None
    desk.deliver(Delivery(envelope=office.ack(None).decode()))
    assert condition.status().office.acknowledged_at == clock.now().wall
    desk.note_link(LinkTold(connected=True, broker=1, since=clock.now().wall))
    clock.advance(5)
    told = condition.status().office.link
    assert told is not None
    assert (told.connected, told.broker, told.told_s) == (True, 1, 5.0)
