"""The courier's unit says what DESIGN promises: network, no devices, no ledger, no listener; systemd agrees."""

import re
from pathlib import Path

import pytest

from sync.pulse import LIMIT_S
from tests.systemd.test_edge_unit import MOST_EXPOSURE, analyze, needs_systemd, settings_of

UNIT = Path(__file__).parents[2] / "systemd" / "clockface-sync.service"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a command that exists here: verify looks for it."""
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text()))
    return copy


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_unit(unit: Path) -> None:
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
def test_the_exposure_is_low(unit: Path) -> None:
    told = analyze("security", "--offline=true", "--no-pager", str(unit))
    match = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert match, told.stdout + told.stderr
    assert float(match[1]) <= MOST_EXPOSURE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("User", "clockface-sync"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
        ("SocketBindDeny", "any"),
        ("PrivateDevices", "yes"),
        ("InaccessiblePaths", "-/var/lib/clockface"),
        ("ProtectSystem", "strict"),
        ("ReadWritePaths", "-/etc/clockface/tls"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("NotifyAccess", "main"),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
    ],
)
def test_the_promises_stand_in_the_unit(key: str, value: str) -> None:
    assert settings_of(UNIT)[key] == [value]


def test_systemds_watchdog_waits_for_longer_than_ours() -> None:
    [limit] = settings_of(UNIT)["WatchdogSec"]
    assert float(limit.removesuffix("s")) > LIMIT_S


def test_it_has_no_credentials_and_no_group_of_another() -> None:
    settings = settings_of(UNIT)
    assert not {"LoadCredential", "LoadCredentialEncrypted", "SupplementaryGroups"} & set(settings)


def test_nothing_newer_than_debian_12_is_asked_for() -> None:
    assert not {"RestartSteps", "RestartMaxDelaySec"} & set(settings_of(UNIT))
