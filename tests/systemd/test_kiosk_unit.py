"""The unit of the browser: the screen's network, its own sandbox kept, nothing of edge's; and its script."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.systemd.units import FOLDER, settings_of

UNIT = "clockface-kiosk.service"
SCRIPT = FOLDER.parent / "scripts" / "kiosk-browser"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("JoinsNamespaceOf", "clockface-screen.service"),
        ("PrivateNetwork", "yes"),
        ("IPAddressDeny", "any"),
        ("IPAddressAllow", "localhost"),
        ("RestrictNamespaces", "user pid net"),
        ("ProtectControlGroups", "yes"),
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
    assert settings_of("clockface-screen.service")["PrivateNetwork"] == ["yes"]


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
