"""The receiver's unit: the network, the database and its own keys, and nothing of authority or operator."""

import re
from pathlib import Path

import pytest

from tests.systemd.test_edge_unit import analyze, needs_systemd, settings_of

UNIT = Path(__file__).parents[2] / "systemd" / "clockface-office.service"
MOST_EXPOSURE = 1.7


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
        ("ProtectSystem", "strict"),
        ("PrivateDevices", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("StateDirectoryMode", "0700"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
    ],
)
def test_the_promises_stand_in_the_unit(key: str, value: str) -> None:
    assert settings_of(UNIT)[key] == [value]


def test_it_sees_neither_the_authority_nor_a_device_nor_the_operators_key() -> None:
    [hidden] = settings_of(UNIT)["InaccessiblePaths"]
    assert hidden.split() == [
        "-/var/lib/clockface-ca",
        "-/var/lib/clockface",
        "-/var/lib/clockface-signer",
        "-/run/credentials/clockface-office-signer.service",
        "-/run/credentials/clockface-office-authority.service",
    ]
