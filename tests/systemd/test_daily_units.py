"""The daily jobs' units: no network, no device, and no more of the ledger than each needs."""

import pytest

from edge.cli.main import PROGRAM
from edge.store.keys import DATA_FILE, FACE_FILE
from tests.systemd.units import settings_of

JOBS = ("clockface-retention", "clockface-backup")


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "oneshot"),
        ("User", "clockface"),
        ("PrivateNetwork", "yes"),
        ("RestrictAddressFamilies", "AF_UNIX"),
        ("PrivateDevices", "yes"),
        ("Requisite", "clockface-edge.service"),
        ("ReadWritePaths", "-/var/backups/clockface"),
    ],
)
def test_the_promises_stand_in_both(name: str, key: str, value: str) -> None:
    assert settings_of(f"{name}.service")[key] == [value]


@pytest.mark.parametrize("name", JOBS)
def test_each_runs_daily_also_where_the_kiosk_is_off_at_night(name: str) -> None:
    settings = settings_of(f"{name}.timer")
    assert settings["Persistent"] == ["yes"]
    assert settings["WantedBy"] == settings["PartOf"] == ["clockface.target"]
    assert f"{name}.timer" in settings_of("clockface.target")["Also"][0]


def test_retention_sees_neither_ledger_nor_key_and_the_backup_has_the_two_keys_that_it_carries() -> None:
    retention, backup = (settings_of(f"{name}.service") for name in JOBS)
    assert retention["InaccessiblePaths"] == ["-/var/lib/clockface"]
    assert "LoadCredentialEncrypted" not in retention
    assert "StateDirectory" not in retention
    assert {each.partition(":")[0] for each in backup["LoadCredentialEncrypted"]} == {DATA_FILE, FACE_FILE}


@pytest.mark.parametrize("name", JOBS)
def test_the_command_is_one_that_clockface_has(name: str) -> None:
    [command] = settings_of(f"{name}.service")["ExecStart"]
    group = command.split()[1]
    assert f"edge.cli.{group}" in PROGRAM.groups.values()
