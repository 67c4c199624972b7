"""`privacy`: what is over goes, receipts name the last backup's day, a dossier holds one person alone."""

import json
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, insert, select

from sync.office import audit, keeping
from sync.office.config.office import RetentionSection
from sync.office.database import Database, schema
from sync.office.errors import AttendanceRemoved, RoleMissing
from sync.office.ingest import Limits, ingest
from sync.office.keys import make_key
from sync.office.outbox import take_result
from sync.office.verification import Verified, verify_message
from sync.wire.commands import Removed, Result
from sync.wire.documents import sign_document
from tests.sync.office.cli.office import HOSTILE, Office
from tests.sync.office.kiosk import Kiosk
from tests.sync.office.people import registered

DAY_US = 86_400_000_000
NOW_US = 1_800_000_000_000_000


def fill(database: Database) -> None:
    """One of everything that is over, one that is not, and what is never over by its age."""
    (device,) = registered(database, Kiosk())
    with database.write() as connection:
        for number, age_days in enumerate((400, 1)):
            at = NOW_US - age_days * DAY_US
            connection.execute(
                insert(schema.quarantine).values(
                    digest=bytes([number]) * 32, reason="topic", detail="", topic="t", raw=b"x",
                    true_bytes=1, first_us=at, last_us=at,
                )
            )  # fmt: skip
            connection.execute(
                insert(schema.crash_reports).values(
                    device_id=device.id, parcel_id=f"{number:032x}", process="edge", body="{}", received_us=at
                )
            )
            for handled, kind in ((at, "done"), (None, "open")):
                connection.execute(
                    insert(schema.parcels).values(
                        device_id=device.id, parcel_id=f"{kind}{number}", kind=kind, digest=bytes(32),
                        received_us=at, envelope=b"sealed", handled_us=handled,
                    )
                )  # fmt: skip
            for cleared, subject in ((at, "was"), (None, "is")):
                connection.execute(
                    insert(schema.alarms).values(
                        kind="gap", subject=f"{subject}{number}", detail="", raised_us=at, last_us=at,
                        cleared_us=cleared,
                    )
                )  # fmt: skip


def left(database: Database) -> tuple[int, int, int, int]:
    with database.read() as connection:
        parcels = schema.parcels
        return (
            *(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (schema.quarantine, schema.crash_reports, schema.alarms)
            ),
            connection.execute(
                select(func.count()).select_from(parcels).where(parcels.c.envelope.is_not(None))
            ).scalar_one(),
        )  # type: ignore[return-value]


def test_what_is_over_goes_and_what_somebody_must_still_see_stays(office_database: Database) -> None:
    fill(office_database)
    rules = RetentionSection()
    with office_database.write() as connection:
        counts = keeping.counted(connection, rules, now_us=NOW_US)
        assert counts == {"quarantine": 1, "crash_reports": 1, "parcels": 1, "alarms": 1}
        assert keeping.prune(connection, rules, now_us=NOW_US) == counts
        assert set(keeping.prune(connection, rules, now_us=NOW_US).values()) == {0}
    assert left(office_database) == (1, 1, 3, 3)
    with office_database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.parcels)).scalar_one() == 4


def test_only_an_administrator_runs_it_by_hand_and_the_audit_has_counts(
    office: Office, office_database: Database
) -> None:
    fill(office_database)
    office.become("carl")
    assert isinstance(office.run("privacy", "retention").exception, RoleMissing)
    assert left(office_database) == (2, 2, 4, 4)
    office.become("ana")
    assert "dry run" in office.said("privacy", "retention", "--dry-run")
    assert left(office_database) == (2, 2, 4, 4)
    office.said("privacy", "retention")
    with office_database.read() as connection:
        (entry,) = [each for each in audit.entries(connection) if each.action == "retention.applied"]
    assert entry.detail.startswith("quarantine=")


def test_a_receipt_names_the_day_on_which_the_last_backup_dies(
    office: Office, office_database: Database
) -> None:
    kiosk = Kiosk()
    (device,) = registered(office_database, kiosk)
    office.become("carl")
    person = office.said("roster", "add", "--number", "1", "--name", "Ann", "--site", "mill").strip()
    assert "ordered at: mill" in office.said("privacy", "erase", "1", "--yes")
    assert "no kiosk has confirmed" in office.said("privacy", "receipts", person)
    result = Result(
        site="mill",
        device="gate",
        answers="a" * 32,
        outcome="done",
        roster_version=2,
        removed=[Removed(person=person, templates=3, backups_until="2026-12-24")],
        at="2026-11-22T06:00:00.000000Z",
    )
    with office_database.write() as connection:
        take_result(connection, device, sign_document(result, key=kiosk.key), now_us=NOW_US)
    [row] = office.rows("privacy", "receipts", person)
    assert (row["device"], row["templates"], row["backups_until"]) == ("mill/gate", 3, "2026-12-24")


def test_a_person_gets_everything_that_the_office_holds_on_them_and_nothing_of_others(
    office: Office, office_database: Database, tmp_path: Path
) -> None:
    registered(office_database, Kiosk())
    office.become("carl")
    hostile = "<script>Ann</script>"
    person = office.said("roster", "add", "--number", "1", "--name", hostile, "--site", "mill").strip()
    office.said("roster", "add", "--number", "2", "--name", "Ben Other", "--site", "mill")
    office.said("privacy", "export", "1", "--to", str(tmp_path))
    files = [tmp_path / f"office-person-{person}{suffix}" for suffix in (".json", ".html")]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    text, page = (file.read_text() for file in files)
    assert "Ben Other" not in text + page
    assert "<script" not in page
    told = json.loads(text)
    assert (told["person"]["name"], told["person"]["employee_number"]) == (hostile, "1")
    assert [each["site"] for each in told["sites"]] == ["mill"]
    assert {each["action"] for each in told["audit"]} == {"roster.added", "person.exported"}
    assert office.run("privacy", "export", "1", "--to", str(tmp_path)).exit_code == 2
    office.become("vera")
    assert office.run("privacy", "export", "1", "--to", str(tmp_path), "--force").exit_code != 0


def test_a_hostile_name_leaves_the_terminal_alone(office: Office, office_database: Database) -> None:
    registered(office_database, Kiosk())
    office.become("carl")
    assert office.run("privacy", "receipts", HOSTILE).exit_code == 2


def test_how_long_attendance_stays_is_decided_held_and_applied_by_command(
    office: Office, office_database: Database, tmp_path: Path
) -> None:
    kiosk = Kiosk()
    (device,) = registered(office_database, kiosk)
    with office_database.write() as connection:
        events = [kiosk.begin(), *kiosk.records(3)]
        verified = verify_message(b"\n".join(events), address=kiosk.address, keys=device.keys)
        assert all(isinstance(each, Verified) for each in verified)
        ingest(connection, [(device, verified)], now_us=1_772_000_000_000_000, limits=Limits())  # type: ignore[list-item]
    office.become("carl")
    refused = office.run("privacy", "policy", "--site", "mill", "--attendance-days", "365", "--yes")
    assert isinstance(refused.exception, RoleMissing)
    assert office.rows("privacy", "policy") == [
        {"site": "mill", "attendance_days": "for ever", "decided_by": "configuration", "removed_through": None}
    ]
    office.become("ana")
    office.said("privacy", "policy", "--site", "mill", "--attendance-days", "31", "--yes")
    said = office.said("privacy", "hold", "place", f"{0:032x}", "--reason", "a claim at court")
    assert "hold 1" in said
    [counted] = office.rows("privacy", "retention", "--dry-run")
    assert (counted["attendance"], counted["kept"]) == (2, ["mill: a person is held"])
    told = office.run("privacy", "retention")
    assert "2 attendance events and 0 sheets are over; the signer takes them" in told.output
    key = tmp_path / "keys" / "operator_key"
    make_key(key, Ed25519PrivateKey.generate())
    office.more["CLOCKFACE_OFFICE_PATHS__OPERATOR_KEY"] = str(key)
    [done] = office.rows("privacy", "retention")
    assert done["attendance"] == 2
    office.said("privacy", "hold", "end", "1")
    assert office.rows("privacy", "hold", "list") == []
    assert office.rows("privacy", "retention")[0]["attendance"] == 1
    assert "3 of them without their content" in office.said("verify")
    assert office.rows("privacy", "policy")[0]["removed_through"] == "2026-03-05"
    gone = office.run("report", "day", "2026-03-02")
    assert isinstance(gone.exception, AttendanceRemoved)
    assert [each["ended_by"] for each in office.rows("privacy", "hold", "list", "--all")] == ["ana"]
