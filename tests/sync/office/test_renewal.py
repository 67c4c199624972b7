"""Renewal end to end: edge's socket, courier, Mosquitto, receiver and authority, all of them the real ones."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, insert, select, update
from typer.testing import CliRunner

from sync.cli import PROGRAM as SYNC
from sync.errors import CertificateInvalid
from sync.office.authority import files
from sync.office.authority.authority import CERTIFICATE_FILE, KEY_FILE, REGISTER_FILE, Authority
from sync.office.authority.certificates import key_pem, new_key, new_request, pem
from sync.office.authority.identity import DeviceIdentity
from sync.office.authority.keyfile import seal_key
from sync.office.authority.register import Register
from sync.office.cli.main import PROGRAM as OFFICE
from sync.office.database import Database, schema
from sync.office.errors import DeviceRefused
from sync.office.keys import make_key
from sync.office.registration import note_certificate
from sync.office.renewal import KIND, Renewal, Renewals
from sync.office.renewed import Authorities, Online, sign_waiting
from sync.renewal import RENEWED
from sync.wire.documents import open_document, sign_document
from sync.wire.office import RenewedCertificate
from sync.wire.parcels import CertificateRequest
from tests.sync.courier_runner import RunningCourier, await_until, install, settings
from tests.sync.mosquitto import Credentials, Mosquitto, TestAuthority
from tests.sync.office.cli.office import environment, with_operators
from tests.sync.office.kiosk import Kiosk
from tests.sync.office.running import ONLINE, ONLINE_KEYS, running_receiver
from tests.sync.office.served_edge import ADDRESS, ServedEdge, served_edge

PHRASE = "correct horse battery staple"
IDENTITY = DeviceIdentity(ADDRESS.site, ADDRESS.device)
DAY = timedelta(days=1)
TIME = "2026-03-02T06:00:00.000000Z"


def opened(authority: TestAuthority, folder: Path) -> Authority:
    """The product's authority with the key that the test's broker believes."""
    folder.mkdir()
    files.write_new(folder / KEY_FILE, seal_key(authority.key, PHRASE, scrypt_n=2), mode=0o400)
    files.write_new(folder / CERTIFICATE_FILE, pem(authority.certificate), mode=0o644)
    Register.create(folder / REGISTER_FILE).close()
    return Authority.open(folder, passphrase=PHRASE, now=datetime.now(UTC))


@pytest.fixture
def own(authority: TestAuthority, tmp_path: Path) -> Iterator[Authority]:
    made = opened(authority, tmp_path / "ca")
    yield made
    made.close()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's authority lives for thirty days."""
    monkeypatch.setattr("sync.office.renewal.LIFE", 20 * DAY)


def first_certificate(own: Authority, folder: Path, *, days: int = 2) -> Credentials:
    key = new_key()
    certificate = own.issue(
        new_request(key, IDENTITY), IDENTITY, now=datetime.now(UTC), valid_for=timedelta(days=days)
    )
    folder.mkdir()
    made = Credentials(folder)
    made.key.write_bytes(key_pem(key))
    made.certificate.write_bytes(pem(certificate))
    made.authority.write_bytes(pem(own.certificate))
    return made


@dataclass
class Premises:
    """A kiosk that is known to an office."""

    edge: ServedEdge
    device_id: int
    folder: Path


@pytest.fixture
def premises(tmp_path: Path, own: Authority, office_database: Database, short: None) -> Iterator[Premises]:
    install(first_certificate(own, tmp_path / "issued"), tmp_path / "tls")
    with served_edge(tmp_path, online=ONLINE) as edge:
        with office_database.write() as connection:
            device_id = edge.kiosk().register(connection)
        yield Premises(edge, device_id, tmp_path)


def one(database: Database, statement: Any) -> Any:
    with database.read() as connection:
        return connection.execute(statement).one()


def scalars(database: Database, column: Any) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(column)).scalars())


def test_a_certificate_near_its_end_is_renewed_over_the_wire(
    broker: Mosquitto, premises: Premises, own: Authority, office_database: Database
) -> None:
    config = settings(
        premises.folder, ADDRESS, [f"localhost:{broker.port}"], certificate__renew_days="45",
        telemetry__interval_s="1",
    )  # fmt: skip
    parcels, outbox, events = schema.parcels, schema.outbox, schema.events
    with running_receiver(broker, office_database), RunningCourier(config) as running:
        await_until(lambda: KIND in scalars(office_database, parcels.c.kind), "the request")
        assert running.certificates.days == 1
        [answered] = Renewals(office_database, own).look(now=datetime.now(UTC))
        assert answered.outcome is Renewal.ISSUED
        await_until(lambda: running.certificates.days == 19, "the courier uses the new one")
        premises.edge.record(3)
        await_until(lambda: premises.edge.store.frontier.pending_count() == 0, "events go on with it")
        await_until(
            lambda: one(office_database, select(outbox.c.outcome)).outcome == "done", "the offer has ended"
        )
    used = x509.load_pem_x509_certificate((premises.folder / "tls" / RENEWED / "device.crt").read_bytes())
    noted = one(office_database, select(schema.certificates))
    assert (noted.serial, noted.device_id) == (f"{used.serial_number:x}", premises.device_id)
    device = one(office_database, select(schema.devices))
    assert device.certificate_serial == noted.serial
    assert one(office_database, select(parcels.c.outcome)).outcome == Renewal.SIGNED.value
    assert one(office_database, select(func.count()).select_from(events))[0] >= 4
    assert scalars(office_database, schema.audit.c.action) == ["certificate.renewed"]


def test_an_expired_kiosk_gets_its_certificate_by_file_and_a_forged_file_gets_none(
    premises: Premises, own: Authority, office_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = premises.folder
    (folder / "tls" / "device.crt").unlink()
    (folder / "tls" / "device.key").unlink()
    install(expired_pair(folder / "old", own), folder / "tls")
    office = office_of(office_database, folder, own, monkeypatch)
    request, answer = folder / "request", folder / "answer"
    courier(folder, "renew", "--request-out", str(request))

    forged = json.loads(request.read_text())
    forged["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    (folder / "forged").write_text(json.dumps(forged))
    with pytest.raises(DeviceRefused, match="not signed by a key of the kiosk"):
        office.run("renew", str(folder / "forged"), "--out", str(answer), *office.authority)
    assert not answer.exists()

    office.run("renew", str(request), "--out", str(answer), *office.authority)
    said = courier(folder, "renew", "--certificate", str(answer))
    assert "valid for 19 days" in said
    assert (folder / "tls" / RENEWED / "device.crt").exists()
    assert scalars(office_database, schema.audit.c.action)[-1] == "certificate.renewed"


def test_an_answer_that_the_office_has_not_signed_is_not_installed(premises: Premises, own: Authority) -> None:
    folder = premises.folder
    courier(folder, "renew", "--request-out", str(folder / "request"))
    asked = json.loads(base64.b64decode(json.loads((folder / "request").read_text())["payload"]))
    made = own.renew(asked["request"].encode(), IDENTITY, now=datetime.now(UTC), valid_for=20 * DAY)
    answer = RenewedCertificate(
        site=ADDRESS.site, device=ADDRESS.device, request=asked["id"], certificate=pem(made).decode(),
        authorities=pem(own.certificate).decode(), issued=TIME,
    )  # fmt: skip
    (folder / "answer").write_bytes(sign_document(answer, key=Ed25519PrivateKey.generate()))
    with pytest.raises(CertificateInvalid, match="does not find the office's signature"):
        courier(folder, "renew", "--certificate", str(folder / "answer"))
    assert not (folder / "tls" / RENEWED).exists()


def courier(folder: Path, *arguments: str) -> str:
    """Type a command of the courier's."""
    environment = {
        "CLOCKFACE_SYNC_DEVICE__SITE": ADDRESS.site,
        "CLOCKFACE_SYNC_DEVICE__NAME": ADDRESS.device,
        "CLOCKFACE_SYNC_PATHS__RUN": str(folder),
        "CLOCKFACE_SYNC_PATHS__TLS": str(folder / "tls"),
        "CLOCKFACE_SYNC_BROKER__ADDRESSES": '["localhost"]',
    }
    done = CliRunner().invoke(SYNC.app(), arguments, env=environment)
    if done.exception is not None:
        raise done.exception
    return done.stdout


@dataclass
class OfficeOfTest:
    """`clockface-office` on the test's database, with keys in a folder."""

    environment: dict[str, str]
    authority: tuple[str, ...]

    def run(self, *arguments: str) -> str:
        done = CliRunner().invoke(OFFICE.app(), arguments, env=self.environment)
        if done.exception is not None:
            raise done.exception
        return done.stdout


def office_of(
    database: Database, folder: Path, own: Authority, monkeypatch: pytest.MonkeyPatch
) -> OfficeOfTest:
    with_operators(database)
    monkeypatch.setattr("sync.office.cli.desk.account_of", lambda: "ana")
    make_key(folder / "state" / "keys" / "online_key", ONLINE)
    (folder / "phrase").write_text(PHRASE)
    (folder / "phrase").chmod(0o400)
    found = environment(database.settings) | {
        "CLOCKFACE_OFFICE_PATHS__STATE": str(folder / "state"),
        "CLOCKFACE_OFFICE_PATHS__TLS": str(own.folder),
    }
    return OfficeOfTest(found, ("--folder", str(own.folder), "--passphrase-file", str(folder / "phrase")))


def expired_pair(folder: Path, own: Authority) -> Credentials:
    key, past = new_key(), datetime.now(UTC) - DAY / 2
    certificate = own.renew(new_request(key, IDENTITY), IDENTITY, now=past, valid_for=DAY / 4)
    folder.mkdir()
    made = Credentials(folder)
    made.key.write_bytes(key_pem(key))
    made.certificate.write_bytes(pem(certificate))
    made.authority.write_bytes(pem(own.certificate))
    return made


# --- what the authority and the receiver each refuse -------------------------------------------------------


@pytest.fixture
def kiosk(office_database: Database, own: Authority, tmp_path: Path, short: None) -> Kiosk:
    made = Kiosk(ADDRESS.site, ADDRESS.device)
    with office_database.write() as connection:
        made.register(connection)
    first_certificate(own, tmp_path / "issued")
    return made


def ask(
    database: Database,
    kiosk: Kiosk,
    *,
    signer: Ed25519PrivateKey | None = None,
    request: bytes | None = None,
    number: int = 1,
) -> bytes:
    """A request in the database, as the receiver stores one; whoever wrote it."""
    asked = CertificateRequest(
        site=ADDRESS.site,
        device=ADDRESS.device,
        id=f"{number:032x}",
        at=TIME,
        request=(request or new_request(new_key(), IDENTITY)).decode(),
    )
    raw = sign_document(asked, key=signer or kiosk.key)
    with database.write() as connection:
        device_id = connection.execute(select(schema.devices.c.id)).scalar_one()
        connection.execute(
            insert(schema.parcels).values(
                device_id=device_id,
                parcel_id=asked.id,
                kind=KIND,
                digest=bytes(31) + bytes([number]),
                received_us=1,
                envelope=raw,
            )
        )
    return raw


def looked(database: Database, own: Authority) -> list[str]:
    return [each.outcome.value for each in Renewals(database, own).look(now=datetime.now(UTC))]


def online(own: Authority) -> Online:
    return Online(ONLINE, Authorities.read(own.folder / CERTIFICATE_FILE))


def test_a_request_that_the_kiosk_has_not_signed_gets_nothing(
    office_database: Database, own: Authority, kiosk: Kiosk
) -> None:
    ask(office_database, kiosk, signer=Ed25519PrivateKey.generate())
    assert looked(office_database, own) == ["not_authentic"]
    assert scalars(office_database, schema.certificates.c.serial) == []
    assert scalars(office_database, schema.alarms.c.kind) == ["renewal_refused"]
    assert looked(office_database, own) == []


def test_a_kiosk_cannot_ask_for_anothers_name(office_database: Database, own: Authority, kiosk: Kiosk) -> None:
    ask(office_database, kiosk, request=new_request(new_key(), DeviceIdentity("madrid", "door-9")))
    assert looked(office_database, own) == ["request_names_another"]


def test_a_revoked_kiosk_gets_nothing_whoever_says_so(
    office_database: Database, own: Authority, kiosk: Kiosk
) -> None:
    ask(office_database, kiosk)
    with office_database.write() as connection:
        connection.execute(update(schema.devices).values(state="revoked"))
    assert looked(office_database, own) == ["device_not_active"]
    with office_database.write() as connection:
        connection.execute(update(schema.devices).values(state="active"))
    own.revoke([each.serial for each in own.register.entries()], now=datetime.now(UTC), reason="lost")
    ask(office_database, kiosk, number=2)
    assert looked(office_database, own) == ["not_of_this_authority"]


def test_the_same_request_again_gets_the_same_certificate_and_too_many_get_none(
    office_database: Database, own: Authority, kiosk: Kiosk
) -> None:
    request = new_request(new_key(), IDENTITY)
    for number in (1, 2):
        ask(office_database, kiosk, request=request, number=number)
    assert looked(office_database, own) == ["issued", "issued"]
    assert len(own.register.entries()) == 2
    for number in (3, 4, 5):
        ask(office_database, kiosk, number=number)
    assert looked(office_database, own) == ["issued", "issued", "too_many_certificates"]


def test_killed_between_register_and_database_it_issues_no_second_one(
    office_database: Database, own: Authority, kiosk: Kiosk
) -> None:
    raw = ask(office_database, kiosk)
    request = base64.b64decode(json.loads(raw)["payload"])
    own.renew_once(json.loads(request)["request"].encode(), IDENTITY, now=datetime.now(UTC), valid_for=20 * DAY)
    assert looked(office_database, own) == ["issued"]
    assert len(own.register.entries()) == 2


def test_the_receiver_signs_only_for_the_key_of_the_kiosks_own_request(
    office_database: Database, own: Authority, kiosk: Kiosk
) -> None:
    ask(office_database, kiosk)
    assert looked(office_database, own) == ["issued"]
    other = own.renew_once(new_request(new_key(), IDENTITY), IDENTITY, now=datetime.now(UTC), valid_for=DAY)
    with office_database.write() as connection:
        connection.execute(update(schema.certificates).values(pem=pem(other).decode()))
        assert sign_waiting(connection, online=online(own), now=datetime.now(UTC)) == 0
    assert scalars(office_database, schema.parcels.c.outcome) == ["certificate_unsound"]
    assert scalars(office_database, schema.outbox.c.id) == []


def test_the_receiver_signs_for_no_authority_that_it_does_not_believe(
    office_database: Database, own: Authority, kiosk: Kiosk, tmp_path: Path
) -> None:
    request = new_request(new_key(), IDENTITY)
    ask(office_database, kiosk, request=request)
    stranger = opened(TestAuthority(tmp_path / "stranger"), tmp_path / "other")
    made = stranger.issue(request, IDENTITY, now=datetime.now(UTC), valid_for=DAY)
    stranger.close()
    with office_database.write() as connection:
        device_id = connection.execute(select(schema.devices.c.id)).scalar_one()
        note_certificate(connection, device_id, made, by="thief", now=datetime.now(UTC))
        connection.execute(update(schema.parcels).values(outcome="issued"))
        assert sign_waiting(connection, online=online(own), now=datetime.now(UTC)) == 0


def test_a_later_answer_takes_the_place_of_an_earlier_one(
    office_database: Database, own: Authority, kiosk: Kiosk
) -> None:
    for number in (1, 2):
        ask(office_database, kiosk, number=number)
        looked(office_database, own)
        with office_database.write() as connection:
            assert sign_waiting(connection, online=online(own), now=datetime.now(UTC)) == 1
            assert sign_waiting(connection, online=online(own), now=datetime.now(UTC)) == 0
    outbox = schema.outbox
    with office_database.read() as connection:
        first, second = connection.execute(select(outbox).order_by(outbox.c.number)).all()
    assert (first.withdrawn_us is None, second.withdrawn_us is None) == (False, True)
    document = open_document(RenewedCertificate, bytes(second.envelope), keys=ONLINE_KEYS, address=ADDRESS)
    assert document.request == f"{2:032x}"
