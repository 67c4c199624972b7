"""`devices`, `alarms`, `gaps`: what is old is marked, and what is hostile stays inert."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, update

from sync.office.alarms import AlarmKind, raise_alarm
from sync.office.cli.gaps import dump
from sync.office.database import Database, schema
from sync.office.errors import GapRefused, RoleMissing
from sync.office.keys import make_key
from sync.office.timesheet import to_us
from tests.sync.office.cli.office import HOSTILE, Office
from tests.sync.office.ingesting import Office as Intake
from tests.sync.office.kiosk import Kiosk

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EPOCH = "000001-00000000000000aa"


@pytest.fixture
def gate(office: Office, office_database: Database, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sync.office.cli.desk.now", lambda: NOW)
    with office_database.write() as connection:
        return Kiosk().register(connection)


def tell(database: Database, device: int, *, age_s: int, pending: int = 3, **more: object) -> None:
    then = to_us(NOW) - age_s * 1_000_000
    edge = {"head": {"epoch": EPOCH, "seq": 40, "hash": "0" * 64}, "clock": {"trust": "unsynchronised"}}
    document = {"edge": edge | more, "courier": {"certificate_days": 12}}
    with database.write() as connection:
        connection.execute(
            insert(schema.device_health).values(
                device_id=device,
                online=True,
                last_seen_us=then,
                telemetry=json.dumps(document),
                telemetry_us=then,
                software="0.1.0",
                pending=pending,
                oldest_pending_us=then - 60_000_000,
            )
        )
        connection.execute(
            insert(schema.epochs).values(
                device_id=device,
                epoch=EPOCH,
                ordinal=1,
                first_received_us=0,
                frontier_seq=37,
                frontier_hash=bytes(32),
            )
        )


def test_a_device_that_talks_is_shown_with_its_lag(
    office: Office, gate: int, office_database: Database
) -> None:
    tell(office_database, gate, age_s=20, fault="no_camera")
    [view] = office.rows("devices")
    assert (view["presence"], view["stale"], view["pending"], view["oldest_pending_s"]) == (
        "online",
        False,
        3,
        80,
    )
    assert (view["behind"], view["frontier"], view["certificate_days"]) == (3, f"{EPOCH}/37", 12)
    shown = office.said("devices")
    assert "3 on the way, oldest 1 min ago" in shown
    assert "as told" not in shown
    assert "fault no_camera" in shown


def test_what_an_online_device_said_hours_ago_is_not_shown_as_fresh(
    office: Office, gate: int, office_database: Database
) -> None:
    tell(office_database, gate, age_s=3 * 86_400, pending=0)
    [view] = office.rows("devices")
    assert (view["presence"], view["stale"], view["certificate_days"]) == ("silent", True, 9)
    shown = office.said("devices")
    assert "all delivered (as told 3 d ago)" in shown
    assert "telemetry is old" in shown


def test_a_device_that_never_spoke_says_nothing(office: Office, gate: int) -> None:
    [view] = office.rows("devices")
    assert (view["presence"], view["pending"], view["certificate_days"]) == ("never", None, None)
    assert "not told yet" in office.said("devices")


def test_alarms_are_listed_cleared_once_and_audited(
    office: Office, gate: int, office_database: Database
) -> None:
    with office_database.write() as connection:
        raise_alarm(connection, AlarmKind.FORK, subject="mill/gate", device_id=gate, detail="7", now_us=1)
    [alarm] = office.rows("alarms", "list")
    assert office.rows("devices")[0]["alarms"] == ["fork"]
    office.said("alarms", "clear", str(alarm["id"]))
    assert office.run("alarms", "clear", str(alarm["id"])).exit_code == 2
    assert office.said("alarms", "list") == "no open alarm\n"
    assert office.rows("alarms", "list", "--all")[0]["cleared"] is not None
    assert "alarm.cleared" in office.said("audit", "list")


def test_gaps_forks_and_refusals_are_counted(office: Office, gate: int, office_database: Database) -> None:
    tell(office_database, gate, age_s=20)
    with office_database.write() as connection:
        connection.execute(insert(schema.gaps).values(epoch_id=1, from_seq=38, to_seq=41, opened_us=1))
        connection.execute(
            insert(schema.waiting).values(
                epoch_id=1, seq=42, hash=bytes(32), prev_hash=bytes(32), received_us=1, envelope=b""
            )
        )
        connection.execute(
            insert(schema.forks).values(
                epoch_id=1, seq=9, known_hash=bytes(32), other_hash=b"\1" * 32, found_in="event", found_us=1
            )
        )
        connection.execute(
            insert(schema.quarantine_totals).values(reason="forged", refused=7, unkept=2, last_us=1)
        )
    gap, fork, refused = office.rows("gaps")
    assert (gap["count"], gap["waiting"]) == (4, 1)
    assert fork["where"] == f"mill/gate/{EPOCH}/9"
    assert (refused["which"], refused["count"]) == ("forged, 2 not kept", 7)
    assert "38 to 41 missing" in office.said("gaps")


def test_what_was_refused_is_shown_as_harmless_letters(
    office: Office, gate: int, office_database: Database
) -> None:
    raw = HOSTILE.encode() + bytes(range(256))
    with office_database.write() as connection:
        connection.execute(
            insert(schema.quarantine).values(
                digest=bytes(32),
                reason="topic",
                detail=HOSTILE,
                topic=HOSTILE,
                raw=raw,
                true_bytes=len(raw),
                first_us=1,
                last_us=1,
            )
        )
    [listed] = office.rows("gaps", "quarantine", "list")
    assert listed["detail"] == HOSTILE
    shown = office.said("gaps", "quarantine", "show", str(listed["id"]))
    assert "DROP TABLE" in shown
    assert ":smile:[/]" in office.said("gaps", "quarantine", "list")
    assert office.rows("gaps", "quarantine", "show", str(listed["id"]))[0]["raw_hex"] == raw.hex()
    assert office.run("gaps", "quarantine", "show", "99").exit_code == 2
    assert all(line.isascii() and line.isprintable() for line in dump(raw))


def test_a_gap_is_accepted_by_command_listed_and_told_with_every_report(
    office: Office, office_database: Database, tmp_path: Path
) -> None:
    intake = Intake(office_database)
    kiosk = Kiosk()
    intake.register(kiosk)
    events = [kiosk.begin(), *kiosk.records(4)]
    intake.take(kiosk, *events[:2], *events[3:])
    key = tmp_path / "keys" / "operator_key"
    make_key(key, Ed25519PrivateKey.generate())
    office.more["CLOCKFACE_OFFICE_PATHS__OPERATOR_KEY"] = str(key)
    words = ("gaps", "accept", f"mill/gate/{kiosk.epoch}", "3-3", "--reason", "burnt", "--yes")
    office.become("carl")
    assert isinstance(office.run(*words).exception, RoleMissing)
    office.become("ana")
    refused = office.run(*words).exception
    assert isinstance(refused, GapRefused)
    assert "device replace mill/gate" in str(refused.next_step)
    with office_database.write() as connection:
        connection.execute(update(schema.devices).values(state="revoked", ended_us=1, ended_by="ana",
            trusted_epoch=kiosk.epoch, trusted_seq=5, trusted_hash=bytes.fromhex(kiosk.hash)))  # fmt: skip
    assert "2 that waited behind them count now" in office.said(*words)
    [row] = office.rows("gaps")
    assert (row["what"], row["count"], row["which"]) == ("accepted", 1, "3 to 3 lost, says ana: burnt")
    shown = office.run("report", "day", "2026-03-02", "--json")
    assert "1 events of gate from 2026-03-02 are lost, as ana accepted: burnt" in shown.stderr
    assert all("lost_events" in json.loads(line)["marks"] for line in shown.stdout.splitlines())
    assert "0 findings" in office.said("verify")
    for wrong in ("3", "4-3", "0-1", HOSTILE):
        assert office.run("gaps", "accept", "mill/gate/x", wrong, "--reason", "x", "--yes").exit_code == 2
