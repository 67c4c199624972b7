"""`report`, `correction`, `period` as they are typed, with hostile names in every field."""

import csv
import io
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from clockface.spreadsheet import unguard
from sync.office.database import Database, schema
from sync.office.errors import RoleMissing
from tests.sync.office.cli.office import HOSTILE, Office
from tests.sync.office.test_timesheet import ANA
from tests.sync.office.test_timesheet import Office as Lab

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GONE = "c" * 32


@pytest.fixture
def lab(office: Office, office_database: Database, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr("sync.office.cli.desk.now", lambda: NOW)
    with office_database.write() as connection:
        lab = Lab(connection)
        common = {"created_us": 0, "changed_us": 0}
        named = {"employee_number": "=7", "name": HOSTILE, "department": HOSTILE}
        connection.execute(insert(schema.people).values(person=ANA, **named, **common))
        connection.execute(insert(schema.people).values(person=GONE, removed_us=1, **common))
        connection.execute(insert(schema.holidays).values(site="lab", day="2026-11-09", name=HOSTILE))
        lab.punch("09 08:00")
        lab.punch("09 16:45", trust="unsynchronised")
        lab.punch("10 22:00", person=GONE)
        lab.punch("11 06:30", person=GONE)
        lab.punch("12 08:00")
    return office


def test_a_day_has_number_name_times_hours_and_marks(lab: Office) -> None:
    [row] = lab.rows("report", "day", "2026-11-09")
    assert (row["number"], row["name"], row["first_in"], row["last_out"]) == ("=7", HOSTILE, "08:00", "16:45")
    assert (row["hours"], row["marks"]) == ("8:45", ["holiday", "untrusted_clock"])
    assert row["stays"][0]["in"] == "2026-11-09T08:00:00+01:00"
    assert "red]:smile:[/]" in lab.said("report", "day", "2026-11-09")


def test_whoever_was_removed_stands_there_by_random_id_and_the_night_by_its_first_day(lab: Office) -> None:
    [row] = lab.rows("report", "day", "2026-11-10")
    assert (row["number"], row["name"], row["last_out"], row["hours"]) == (GONE, None, "06:30 (+1d)", "8:30")


def test_a_month_adds_up(lab: Office) -> None:
    seven, gone, total = lab.rows("report", "month", "2026-11")
    assert (seven["days"], seven["hours"], gone["hours"], total["hours"]) == (2, "8:45", "8:30", "17:15")
    assert "missing_out 1" in seven["marks"]
    [theirs, _] = lab.rows("report", "department", HOSTILE, "2026-11")
    assert theirs["person"] == ANA


def test_csv_is_inert_and_comes_back(lab: Office) -> None:
    done = lab.run("report", "day", "2026-11-09", "--csv")
    header, row = csv.reader(io.StringIO(done.stdout, newline=""))
    assert header[:3] == ["day", "number", "name"]
    assert (row[1], unguard(row[2])) == ("'=7", HOSTILE)
    assert row[2].startswith("'=")


def test_a_person_is_found_by_number_and_the_audit_has_no_name(lab: Office) -> None:
    lab.become("vera")
    rows = lab.rows("report", "person", "=7", "--to", "2026-11-12")
    assert [row["day"] for row in rows] == ["2026-11-09", "2026-11-12"]
    lab.become("ana")
    [entry] = [row for row in lab.rows("audit", "list") if row["action"] == "report.read"]
    assert (entry["actor"], entry["subject"]) == ("vera", ANA)
    assert entry["detail"] == "lab person 2026-10-13 to 2026-11-12"


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "day", "yesterday"),
        ("report", "month", "2026-13"),
        ("report", "department", "nobody's", "2026-11"),
        ("report", "person", HOSTILE),
        ("report", "person", "=7", "--from", "2020-01-01"),
        ("correction", "request", "=7", "add_event", "--reason", "x", "--at", "2026-10-25 02:30"),
        ("correction", "request", "=7", "add_event", "--reason", "x", "--at", HOSTILE),
        ("period", "late", "2026-11-01"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(lab: Office, arguments: tuple[str, ...]) -> None:
    assert lab.run(*arguments).exit_code == 2


def test_from_a_request_to_a_closed_period(lab: Office, office_database: Database) -> None:
    lab.become("carl")
    said = lab.said(
        "correction", "request", "=7", "add_event", "--at", "2026-11-12 17:00", "--direction", "out",
        "--reason", "=forgot [red]",
    )  # fmt: skip
    assert said.startswith("request 1:")
    assert getattr(lab.run("correction", "approve", "1").exception, "exit_code", None) == 126
    lab.become("clara")
    assert lab.rows("correction", "list")[0]["reason"] == "=forgot [red]"
    lab.said("correction", "approve", "1")
    assert lab.rows("report", "day", "2026-11-12")[0]["marks"] == ["corrected"]
    assert isinstance(lab.run("period", "close", "2026-11-01", "2026-11-15").exception, RoleMissing)
    lab.become("ana")
    assert getattr(lab.run("period", "close", "2026-11-01", "2026-11-15").exception, "exit_code", None) == 124
    lab.said("period", "close", "2026-11-01", "2026-11-15", "--incomplete")
    assert "closed" in lab.rows("report", "day", "2026-11-12")[0]["marks"]
    assert lab.said("period", "late", "2026-11-01") == "nothing came after the closing\n"
    with office_database.write() as connection:
        connection.execute(
            insert(schema.correction_requests).values(
                person=ANA, site="lab", day="2026-11-09", kind="void_event", event_id=2, reason="x",
                requested_by="carl", requested_us=1, state="approved", decided_by="ana", decided_us=1,
            )
        )  # fmt: skip
    assert lab.rows("report", "day", "2026-11-09")[0]["hours"] == "8:45"
    [late] = lab.rows("period", "late", "2026-11-01")
    assert (late["closed_hours"], late["hours_today"], late["difference"]) == ("8:45", "0:00", "-8:45")
    assert lab.rows("period", "list")[0]["by"] == "ana"


def test_a_viewer_asks_for_nothing(lab: Office) -> None:
    lab.become("vera")
    for arguments in (("request", "=7", "void_event", "--event", "1", "--reason", "x"), ("list",)):
        assert isinstance(lab.run("correction", *arguments).exception, RoleMissing)
