"""Revoking a kiosk in one act: its events, its certificates, its entry in the audit."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select
from typer.testing import CliRunner

from sync.office.authority.authority import CRL_FILE, Authority
from sync.office.authority.certificates import new_key, new_request
from sync.office.authority.identity import DeviceIdentity
from sync.office.batch import Outcome
from sync.office.cli.main import PROGRAM
from sync.office.database import Database, schema
from sync.office.errors import DeviceRefused
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.link import Arrival
from sync.office.registration import note_certificate
from sync.wire.topics import Channel
from tests.sync.office.cli.office import environment, with_operators
from tests.sync.office.kiosk import Kiosk

PHRASE = "correct horse battery staple"
E1 = "000001-00000000000000aa"
GATE = DeviceIdentity("mill", "gate")


class Desk:
    """An office that knows one kiosk."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder, self.kiosk = database, folder, Kiosk()
        self.environment = environment(database.settings)
        self.intake = Intake(database, sealing=X25519PrivateKey.generate(), limits=Limits())
        with_operators(database)
        with database.write() as connection:
            self.device_id = self.kiosk.register(connection)

    def take(self, *raws: bytes) -> Outcome:
        topic = self.kiosk.address.topic(Channel.EVENTS)
        return self.intake.take([Arrival(topic, b"\n".join(raws))], now_us=1_000_000)

    def types(self, *arguments: str) -> str:
        done = CliRunner().invoke(PROGRAM.app(), arguments, env=self.environment)
        if done.exception is not None:
            raise done.exception
        return done.stdout

    def rows(self, table: Any) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(table)))


@pytest.fixture
def desk(office_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr("sync.office.operators.account_of", lambda: "ana")
    made = Desk(office_database, tmp_path)
    yield made
    made.intake.close()


def test_what_came_before_the_last_trusted_event_is_taken_late_and_what_comes_after_is_not(desk: Desk) -> None:
    first, *later = [desk.kiosk.begin(E1), *desk.kiosk.records(5)]
    desk.take(first, *later[:1])
    said = desk.types(
        "device", "revoke", "mill/gate", "--reason", "stolen", "--last-trusted", f"{E1}/4",
        "--authority", str(desk.folder / "nowhere"),
    )  # fmt: skip
    assert f"clockface-office ca revoke mill/gate --reason stolen --last-trusted {E1}/4" in said
    outcome = desk.take(*later[1:])
    assert (outcome.counts["committed"], outcome.counts["revoked"]) == (2, 2)
    assert sorted(row.seq for row in desk.rows(schema.events)) == [1, 2, 3, 4]
    assert {row.reason for row in desk.rows(schema.quarantine)} == {"revoked"}
    assert [row.kind for row in desk.rows(schema.alarms)] == ["revoked_device_sends"]


def test_the_frontier_is_the_last_trusted_event_with_its_hash_and_everything_is_revoked(desk: Desk) -> None:
    now = datetime.now(UTC)
    authority = Authority.create(
        desk.folder / "ca", name="T", passphrase=PHRASE, now=now, valid_for=timedelta(days=900), scrypt_n=2
    )
    made = authority.issue(new_request(new_key(), GATE), GATE, now=now, valid_for=timedelta(days=9))
    authority.close()
    (desk.folder / "phrase").write_text(PHRASE)
    (desk.folder / "phrase").chmod(0o400)
    with desk.database.write() as connection:
        note_certificate(connection, desk.device_id, made, by="ana", now=now)
    desk.take(desk.kiosk.begin(E1), *desk.kiosk.records(3))
    desk.types(
        "device", "revoke", "mill/gate", "--reason", "lost", "--last-trusted", "frontier",
        "--authority", str(desk.folder / "ca"), "--passphrase-file", str(desk.folder / "phrase"),
    )  # fmt: skip
    [device] = desk.rows(schema.devices)
    assert (device.state, device.ended_by, device.ended_reason) == ("revoked", "ana", "lost")
    assert (device.trusted_epoch, device.trusted_seq) == (E1, 4)
    assert bytes(device.trusted_hash).hex() == desk.kiosk.hash
    assert [row.revoked_reason for row in desk.rows(schema.certificates)] == ["lost"]
    crl = x509.load_pem_x509_crl((desk.folder / "ca" / CRL_FILE).read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(made.serial_number) is not None
    assert (desk.folder / "ca" / "revoked.json").read_text().count(E1) == 1
    assert [row.action for row in desk.rows(schema.audit)][-1] == "device.revoked"


def test_another_event_in_the_place_of_the_last_trusted_one_is_not_it(desk: Desk) -> None:
    desk.kiosk.begin(E1)
    twin = desk.kiosk.restored_copy()
    desk.kiosk.record()
    twin.record(person="99" * 16)
    with desk.database.write() as connection:
        connection.execute(
            schema.devices.update().values(
                state="revoked", trusted_epoch=E1, trusted_seq=2, trusted_hash=bytes.fromhex(desk.kiosk.hash)
            )
        )
    outcome = desk.take(*twin.sent)
    assert (outcome.counts["committed"], outcome.counts["revoked"]) == (1, 1)
    assert desk.take(desk.kiosk.sent[-1]).counts["committed"] == 1


def test_a_kiosk_of_which_nothing_came_has_no_frontier(desk: Desk) -> None:
    with pytest.raises(DeviceRefused, match="no event"):
        desk.types("device", "revoke", "mill/gate", "--reason", "lost", "--last-trusted", "frontier")
