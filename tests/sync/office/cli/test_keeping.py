"""`database`, `operator`, `site`, `audit`: who may do what, and that it is written down."""

from pathlib import Path

import pytest

from sync.office import audit
from sync.office.database import Database, DatabaseSettings
from sync.office.errors import RoleMissing
from tests.sync.office.cli.office import HOSTILE, Office, holidays_file


def test_from_nothing_to_an_administrator(
    empty_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    office = Office(empty_settings, monkeypatch)
    office.become("ana")
    file = holidays_file(tmp_path, "2026-12-25  # Christmas", "2026-01-06")
    office.more["CLOCKFACE_OFFICE_OFFICE__SITES"] = (
        f'[{{"name": "mill", "timezone": "Europe/Madrid", "holidays_file": "{file}"}}]'
    )
    assert "sites: mill" in office.said("database", "upgrade")
    assert "sites" not in office.said("database", "upgrade")
    assert isinstance(office.run("operator", "add", "ben", "--role", "administrator").exception, RoleMissing)
    assert isinstance(office.run("operator", "add", "ana", "--role", "viewer").exception, RoleMissing)
    office.said("operator", "add", "ana", "--role", "administrator")
    office.said("operator", "add", "ben", "--role", "clerk")
    assert office.rows("operator", "list") == [
        {"account": "ana", "role": "administrator"},
        {"account": "ben", "role": "clerk"},
    ]
    assert office.rows("site", "list") == [
        {
            "site": "mill",
            "time_zone": "Europe/Madrid",
            "devices": 0,
            "holidays": ["2026-01-06", "2026-12-25"],
        }
    ]
    [checked] = office.rows("database", "check")
    assert checked["whole"]


def test_configured_sites_reach_the_database_and_changes_are_audited(office: Office) -> None:
    office.more["CLOCKFACE_OFFICE_OFFICE__SITES"] = '[{"name": "mill", "timezone": "UTC"}]'
    assert office.said("site", "sync") == "changed: mill\n"
    office.more["CLOCKFACE_OFFICE_OFFICE__SITES"] = (
        '[{"name": "mill", "timezone": "Europe/Madrid", "holidays": ["2026-12-25"]}]'
    )
    office.said("site", "sync")
    assert office.said("site", "sync") == "the database has what is configured\n"
    told = [row["detail"] for row in office.rows("audit", "list") if row["action"] == "site.changed"]
    assert told == ["added, UTC", "UTC became Europe/Madrid, 1 holidays added"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("operator", "add", "vera", "--role", "administrator"),
        ("operator", "remove", "ana"),
        ("site", "sync"),
        ("audit", "list"),
        ("gaps", "quarantine", "show", "1"),
        ("alarms", "clear", "1"),
    ],
)
def test_what_a_viewer_may_not_do_is_refused_and_changes_nothing(
    office: Office, office_database: Database, arguments: tuple[str, ...]
) -> None:
    office.become("vera")
    with office_database.read() as connection:
        before = audit.count(connection)
    assert isinstance(office.run(*arguments).exception, RoleMissing)
    with office_database.read() as connection:
        assert audit.count(connection) == before


@pytest.mark.parametrize("account", [HOSTILE, "", "-x", "Ana", "a" * 80])
def test_an_account_that_cannot_be_one_is_refused(office: Office, account: str) -> None:
    assert office.run("operator", "add", "--role", "viewer", "--", account).exit_code == 2


def test_the_last_administrator_stays_and_a_role_that_is_not_there_is_not_removed(office: Office) -> None:
    assert isinstance(office.run("operator", "remove", "ana").exception, RoleMissing)
    assert office.run("operator", "remove", "nobody").exit_code == 2
    office.said("operator", "remove", "carl")
    assert "carl" not in office.said("operator", "list")


def test_reads_are_in_the_audit_and_a_head_noted_elsewhere_is_found_again(office: Office) -> None:
    office.become("vera")
    office.said("devices", "--site", "mill")
    office.become("ana")
    head = office.said("audit", "head").strip()
    office.said("alarms", "list")
    office.said("audit", "verify", "--head", head)
    rows = office.rows("audit", "list")
    assert ("vera", "device.listed", "mill") in [(r["actor"], r["action"], r["subject"]) for r in rows]
    assert [row["seq"] for row in office.rows("audit", "list", "--last", "2")] == [
        rows[-1]["seq"],
        rows[-1]["seq"] + 1,
    ]
    seq, _, digest = head.partition(":")
    done = office.run("audit", "verify", "--head", f"{seq}:{digest[::-1]}")
    assert getattr(done.exception, "exit_code", None) == 123
    assert office.run("audit", "verify", "--head", HOSTILE.replace("\x1b", "")).exit_code == 2
