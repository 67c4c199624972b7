"""`events`, `verify`, `export` as they are typed."""

import csv
import io
import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from clockface.spreadsheet import unguard
from sync.office.cli import events as command
from sync.office.database import Database, schema
from tests.sync.office.cli.office import HOSTILE, Office
from tests.sync.office.ingesting import E1
from tests.sync.office.ingesting import Office as Receiver
from tests.sync.office.kiosk import Kiosk

ANA = "ab" * 16


@pytest.fixture
def mill(office: Office, office_database: Database) -> Office:
    receiver, kiosk = Receiver(office_database), Kiosk()
    receiver.register(kiosk)
    receiver.take(kiosk, kiosk.begin(E1), *kiosk.records(2), kiosk.record(person=ANA))
    with office_database.write() as connection:
        connection.execute(
            insert(schema.people).values(
                person=ANA, employee_number="7", name=HOSTILE, department="=1+1", created_us=0, changed_us=0
            )
        )
    return office


def test_events_are_listed_by_person_day_and_type(mill: Office) -> None:
    assert [row["seq"] for row in mill.rows("events")] == [1, 2, 3, 4]
    assert [row["seq"] for row in mill.rows("events", "--person", "7")] == [4]
    assert [row["seq"] for row in mill.rows("events", "--type", "attendance.recorded", "--last", "1")] == [4]
    assert "attendance.recorded" in mill.said("events", "--day", "2026-03-02")
    assert mill.said("events", "--site", HOSTILE) == "no such event\n"
    assert mill.run("events", "--person", HOSTILE).exit_code == 2


def test_following_goes_on_until_it_is_stopped(mill: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "pause", stopped)
    assert [row["seq"] for row in mill.rows("events", "--follow", "--last", "2")] == [3, 4]


def test_verify_says_how_much_it_checked_and_fails_on_a_change(mill: Office, office_database: Database) -> None:
    assert mill.said("verify") == "4 events in 1 epochs, 0 waiting: 0 findings\n"
    assert mill.rows("verify", "--device", "gate")[-1]["findings"] == 0
    on = " ON events" if office_database.dialect == "postgresql" else ""
    with office_database.write() as connection:
        connection.execute(text(f"DROP TRIGGER events_kept{on}"))
        connection.execute(text("UPDATE events SET person = :person WHERE seq = 4"), {"person": HOSTILE})
    done = mill.run("verify")
    assert getattr(done.exception, "exit_code", None) == 127
    assert f"mill/gate/{E1}/4: columns differ from its original: person" in done.stdout


@pytest.mark.parametrize("what", ["events", "days"])
def test_an_export_is_private_inert_and_complete(mill: Office, tmp_path: Path, what: str) -> None:
    span = ("--from", "2026-03-01", "--to", "2026-03-31")
    sheet, lines = tmp_path / "out.csv", tmp_path / "out.jsonl"
    mill.said("export", what, *span, "--output", str(sheet))
    mill.said("export", what, *span, "--format", "jsonl", "--output", str(lines))
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    header, *rows = csv.reader(io.StringIO(sheet.read_text(encoding="utf-8"), newline=""))
    objects = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(objects) == 3
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    if what == "days":
        [ana] = [row for row in rows if "7" in row]
        assert unguard(ana[header.index("department")]) == "=1+1"
    assert mill.run("export", what, *span, "--output", str(sheet)).exit_code == 2
    mill.said("export", what, *span, "--output", str(sheet), "--force")
