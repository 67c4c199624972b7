"""The unit of the browser: the screen's network, its own sandbox kept, nothing of edge's; systemd agrees."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.systemd.test_edge_unit import analyze, needs_systemd, settings_of

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "clockface-kiosk.service"
SCRIPT = ROOT / "scripts" / "kiosk-browser"
MOST_EXPOSURE = 2.5
SEATD = "[Service]\nExecStart=/bin/true\n"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit beside those that it needs, with commands that exist here: verify looks for them."""
    for name in ("clockface-kiosk.service", "clockface-screen.service"):
        text = (UNIT.parent / name).read_text()
        (tmp_path / name).write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    (tmp_path / "seatd.service").write_text(SEATD)
    return tmp_path / UNIT.name


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
        ("JoinsNamespaceOf", "clockface-screen.service"),
        ("PrivateNetwork", "yes"),
        ("IPAddressDeny", "any"),
        ("IPAddressAllow", "localhost"),
        ("RestrictNamespaces", "user pid net"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
    ],
)
def test_the_promises_stand_in_the_unit(key: str, value: str) -> None:
    assert settings_of(UNIT)[key] == [value]


def test_it_reaches_no_socket_of_edge_s_and_no_ledger() -> None:
    hidden = settings_of(UNIT)["InaccessiblePaths"][0].split()
    assert {"-/var/lib/clockface", "-/run/clockface", "-/etc/clockface"} <= set(hidden)
    assert settings_of(UNIT)["DevicePolicy"] == ["closed"]
    assert not {"char-video4linux rw", "char-gpiochip rw"} & set(settings_of(UNIT)["DeviceAllow"])


def test_the_screen_has_a_network_of_its_own_to_join() -> None:
    assert settings_of(UNIT.parent / "clockface-screen.service")["PrivateNetwork"] == ["yes"]


def test_no_browser_is_ever_started_without_its_sandbox() -> None:
    text = SCRIPT.read_text()
    assert "--no-sandbox" not in text
    assert "--disable-setuid-sandbox" not in text
    assert "--disable-web-security" not in text


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed here")
def test_without_what_it_needs_the_script_says_what_to_do_next(tmp_path: Path) -> None:
    start = tmp_path / "start.html"
    start.touch()
    path = {"PATH": "/usr/bin:/bin", "CLOCKFACE_START": str(start)}
    bare = subprocess.run([SCRIPT], env=path, capture_output=True, text=True, timeout=60, check=False)
    assert bare.returncode != 0
    assert "Next: systemctl start clockface-kiosk" in bare.stderr
