"""The daily jobs' units: no network, no device, and no more of the ledger than each needs; systemd agrees."""

import re
from pathlib import Path

import pytest

from edge.cli.main import PROGRAM
from edge.store.keys import DATA_FILE, FACE_FILE
from tests.systemd.test_edge_unit import analyze, needs_systemd, settings_of

UNITS = Path(__file__).parents[2] / "systemd"
JOBS = ("clockface-retention", "clockface-backup")
MOST_EXPOSURE = 1.5


@pytest.fixture(params=JOBS)
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A job's service and timer, with a command that exists here, and an edge for it to follow."""
    for suffix in (".service", ".timer"):
        text = (UNITS / f"{request.param}{suffix}").read_text()
        (tmp_path / f"{request.param}{suffix}").write_text(
            re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text)
        )
    (tmp_path / "clockface-edge.service").write_text("[Service]\nExecStart=/bin/true\n")
    return tmp_path / f"{request.param}.service"


@needs_systemd
def test_systemd_has_nothing_to_say_about_service_and_timer(job: Path) -> None:
    for unit in (job, job.with_suffix(".timer")):
        done = analyze("verify", str(unit))
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
def test_the_exposure_is_low(job: Path) -> None:
    told = analyze("security", "--offline=true", "--no-pager", str(job))
    match = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert match, told.stdout + told.stderr
    assert float(match[1]) <= MOST_EXPOSURE


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "oneshot"),
        ("User", "clockface"),
        ("PrivateNetwork", "yes"),
        ("RestrictAddressFamilies", "AF_UNIX"),
        ("PrivateDevices", "yes"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("Requisite", "clockface-edge.service"),
        ("ReadWritePaths", "-/var/backups/clockface"),
    ],
)
def test_the_promises_stand_in_both(name: str, key: str, value: str) -> None:
    assert settings_of(UNITS / f"{name}.service")[key] == [value]


@pytest.mark.parametrize("name", JOBS)
def test_each_runs_daily_also_where_the_kiosk_is_off_at_night(name: str) -> None:
    settings = settings_of(UNITS / f"{name}.timer")
    assert settings["Persistent"] == ["yes"]
    assert settings["WantedBy"] == ["timers.target"]


def test_retention_sees_neither_ledger_nor_key_and_the_backup_has_the_two_keys_that_it_carries() -> None:
    retention, backup = (settings_of(UNITS / f"{name}.service") for name in JOBS)
    assert retention["InaccessiblePaths"] == ["-/var/lib/clockface"]
    assert "LoadCredentialEncrypted" not in retention
    assert "StateDirectory" not in retention
    assert {each.partition(":")[0] for each in backup["LoadCredentialEncrypted"]} == {DATA_FILE, FACE_FILE}


@pytest.mark.parametrize("name", JOBS)
def test_the_command_is_one_that_clockface_has(name: str) -> None:
    [command] = settings_of(UNITS / f"{name}.service")["ExecStart"]
    group = command.split()[1]
    assert f"edge.cli.{group}" in PROGRAM.groups.values()
