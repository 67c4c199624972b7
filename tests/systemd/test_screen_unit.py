"""The screen's unit: loopback in a network of its own, and nothing that edge owns; systemd agrees."""

import re
from pathlib import Path

import pytest

from tests.systemd.test_edge_unit import analyze, needs_systemd, settings_of

UNIT = Path(__file__).parents[2] / "systemd" / "clockface-screen.service"
MOST_EXPOSURE = 1.5


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
        ("PrivateNetwork", "yes"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET"),
        ("IPAddressDeny", "any"),
        ("IPAddressAllow", "localhost"),
        ("PrivateDevices", "yes"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("LimitCORE", "0"),
        ("RuntimeDirectoryMode", "0711"),
        ("RuntimeDirectoryPreserve", "restart"),
    ],
)
def test_the_promises_stand_in_the_unit(key: str, value: str) -> None:
    assert settings_of(UNIT)[key] == [value]


def test_it_is_given_no_key_and_sees_no_ledger() -> None:
    settings = settings_of(UNIT)
    assert not {"LoadCredential", "LoadCredentialEncrypted", "StateDirectory"} & set(settings)
    assert "-/var/lib/clockface" in settings["InaccessiblePaths"][0]
