"""New hardware in a kiosk's place: the old key ends where it was trusted last, the new history is no alarm."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import insert, select

from sync.office.authority.errors import AuthorityUnavailable
from sync.office.database import Database, schema
from sync.office.errors import DeviceRefused
from sync.office.registration import register
from sync.office.replacement import last_of, replace_device
from sync.office.revocation import FRONTIER, Trusted
from sync.wire.provisioning import DeviceRequest
from sync.wire.topics import Address
from tests.sync.office.kiosk import Kiosk
from tests.sync.office.test_revocation import E1, Desk

NOW = datetime(2026, 3, 2, tzinfo=UTC)
E2 = "000001-00000000000000bb"


@pytest.fixture
def desk(office_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr("sync.office.operators.account_of", lambda: "ana")
    made = Desk(office_database, tmp_path)
    yield made
    made.intake.close()


def asks(kiosk: Kiosk, *, device: str = "gate") -> DeviceRequest:
    """What the new hardware asks for."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return DeviceRequest(
        site="mill",
        device=device,
        id="0a" * 16,
        signing_key=base64.urlsafe_b64encode(kiosk.public).decode().rstrip("="),
        sealing_key="A" * 43,
        certificate_request=request.public_bytes(serialization.Encoding.PEM).decode(),
        software="0.1.0",
        at="2026-03-02T00:00:00.000000Z",
    )


def replaced(desk: Desk, new: Kiosk, *, trusted: str = FRONTIER) -> Trusted | None:
    with desk.database.write() as connection:
        last = last_of(connection, desk.kiosk.address, trusted)
        replace_device(connection, asks(new), trusted=last, reason="lost", by="ana", now=NOW)
    return last


def test_the_old_key_counts_no_more_and_the_new_history_raises_no_alarm(desk: Desk) -> None:
    first, *later = [desk.kiosk.begin(E1), *desk.kiosk.records(3)]
    desk.take(first, *later[:2])
    new = Kiosk()
    last = replaced(desk, new)
    assert last is not None
    assert (last.epoch, last.seq) == (E1, 3)
    outcome = desk.take(later[2])
    assert outcome.counts["unknown_key"] == 1
    outcome = desk.take(new.begin(E2, reason="replaced"), *new.records(2))
    assert outcome.counts["committed"] == 3
    assert [row.kind for row in desk.rows(schema.alarms)] == ["forgery"]
    [device] = desk.rows(schema.devices)
    assert device.state == "active"
    assert [row.withdrawn_us is None for row in desk.rows(schema.device_keys)] == [False, True]
    audited = {row.action: row.detail for row in desk.rows(schema.audit)}
    assert audited["device.replaced"] == f"reason=lost,last_trusted={E1}/3"


def test_a_new_history_of_the_same_key_is_still_an_alarm(desk: Desk) -> None:
    desk.take(desk.kiosk.begin(E1))
    desk.take(desk.kiosk.begin(E2, reason="replaced", linked=False))
    assert "history_ended" in [row.kind for row in desk.rows(schema.alarms)]


def test_documents_for_the_old_hardware_are_withdrawn_and_the_roster_begins_anew(desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.execute(
            insert(schema.outbox).values(
                device_id=desk.device_id, channel="roster", number=1, document_id="d", kind="roster",
                envelope=b"sealed to the old one", created_us=1, created_by="signer",
            )
        )  # fmt: skip
        connection.execute(insert(schema.device_health).values(device_id=desk.device_id, roster_version=7))
    assert replaced(desk, Kiosk()) is None, "nothing of it ever came"
    assert [row.withdrawn_us is not None for row in desk.rows(schema.outbox)] == [True]
    assert [row.roster_version for row in desk.rows(schema.device_health)] == [0]


def test_what_was_named_at_the_revocation_stands_and_the_device_is_in_use_again(desk: Desk) -> None:
    desk.take(desk.kiosk.begin(E1), *desk.kiosk.records(3))
    with desk.database.write() as connection:
        connection.execute(schema.devices.update().values(state="revoked", trusted_epoch=E1, trusted_seq=2))
    last = replaced(desk, Kiosk())
    assert last is not None
    assert last.seq == 2
    assert desk.rows(schema.devices)[0].state == "active"


def test_the_same_hardware_a_retired_device_and_an_unknown_one_are_refused(desk: Desk) -> None:
    with pytest.raises(DeviceRefused, match="very hardware"):
        replaced(desk, desk.kiosk)
    with pytest.raises(AuthorityUnavailable):
        replaced(desk, Kiosk(), trusted="yesterday")
    with desk.database.write() as connection:
        connection.execute(schema.devices.update().values(state="retired"))
    with pytest.raises(DeviceRefused, match="in good order"):
        replaced(desk, Kiosk())
    with desk.database.read() as connection, pytest.raises(DeviceRefused, match="no such device"):
        last_of(connection, Address("mill", "dock"), FRONTIER)


def test_a_retired_kiosk_makes_the_site_key_due_where_others_hold_templates(desk: Desk) -> None:
    with desk.database.write() as connection:
        register(connection, asks(Kiosk(), device="dock"), by="ana", now=NOW)
        connection.execute(
            insert(schema.sealed_templates).values(
                site="mill", template_id="1" * 32, person="a" * 32, model=bytes(32), site_key_id="f" * 32,
                sealed=b"x", origin_device_id=desk.device_id, received_us=1,
            )
        )  # fmt: skip
    desk.take(desk.kiosk.begin(E1), desk.kiosk.retire())
    [alarm] = desk.rows(schema.alarms)
    assert (alarm.kind, alarm.subject) == ("site_key_due", "mill")
    assert "without gate" in alarm.detail
    with desk.database.read() as connection:
        states = connection.execute(select(schema.devices.c.device, schema.devices.c.state)).all()
    assert {tuple(row) for row in states} == {("gate", "retired"), ("dock", "active")}
