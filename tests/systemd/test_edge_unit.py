"""The edge's unit says what DESIGN promises: no network, no swap, no core, no way around; systemd agrees."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.store.keys import DATA_FILE, FACE_FILE, SIGNING_FILE

UNIT = Path(__file__).parents[2] / "systemd" / "clockface-edge.service"
MOST_EXPOSURE = 1.5

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here"
)


def settings_of(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if match := re.match(r"([A-Z][A-Za-z]+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a command that exists here: verify looks for it."""
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"Exec(Start|StopPost)=\S+", r"Exec\1=/bin/true", UNIT.read_text()))
    return copy


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_unit(unit: Path) -> None:
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
def test_verify_does_speak_about_a_key_that_it_does_not_know(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHouse=yes"))
    assert "ProtectHouse" in analyze("verify", str(unit)).stderr


@needs_systemd
def test_the_exposure_is_low(unit: Path) -> None:
    told = analyze("security", "--offline=true", "--no-pager", str(unit))
    match = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert match, told.stdout + told.stderr
    assert float(match[1]) <= MOST_EXPOSURE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PrivateNetwork", "yes"),
        ("RestrictAddressFamilies", "AF_UNIX"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("NotifyAccess", "main"),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
        ("StateDirectoryMode", "0700"),
    ],
)
def test_the_promises_stand_in_the_unit(key: str, value: str) -> None:
    assert settings_of(UNIT)[key] == [value]


def test_peers_stay_visible_and_the_clock_can_be_asked() -> None:
    settings = settings_of(UNIT)
    assert "PrivateUsers" not in settings
    assert "ProtectClock" not in settings
    assert "adjtimex" in settings["SystemCallFilter"][-1]


def test_the_credentials_have_the_names_that_edge_looks_for() -> None:
    names = {value.partition(":")[0] for value in settings_of(UNIT)["LoadCredentialEncrypted"]}
    assert names == {DATA_FILE, FACE_FILE, SIGNING_FILE}


def test_nothing_newer_than_debian_12_is_asked_for() -> None:
    assert not {"RestartSteps", "RestartMaxDelaySec"} & set(settings_of(UNIT))


def test_pins_come_to_rest_however_the_daemon_ended() -> None:
    assert settings_of(UNIT)["ExecStopPost"] == ["-/opt/clockface/.venv/bin/clockface signals release"]


def test_it_reaches_pins_and_sound_cards_and_asks_for_no_group_that_may_be_missing() -> None:
    settings = settings_of(UNIT)
    assert {"char-gpiochip rw", "char-alsa rw"} <= set(settings["DeviceAllow"])
    assert settings["SupplementaryGroups"] == ["video audio"]  # both are in every Debian
