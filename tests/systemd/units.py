"""Reading units, and asking systemd about them: `systemd-analyze` on copies whose commands exist here."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "systemd"
UNITS = tuple(sorted(path.name for path in FOLDER.iterdir()))
SERVICES = tuple(name for name in UNITS if name.endswith(".service"))

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here"
)


def settings_of(unit: Path | str) -> dict[str, list[str]]:
    """Every setting of a unit with its values, in order."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / unit).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Z][A-Za-z0-9]+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Ask systemd-analyze."""
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def copies(folder: Path) -> Path:
    """All units in one folder, with a command that exists here: verify looks for it."""
    for name in UNITS:
        text = (FOLDER / name).read_text(encoding="utf-8")
        (folder / name).write_text(
            re.sub(r"^(Exec\w+)=-?\S+", r"\1=/bin/true", text, flags=re.M), encoding="utf-8"
        )
    (folder / "seatd.service").write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    return folder


def exposures(folder: Path) -> dict[str, float]:
    """What `systemd-analyze security` says of every service, 0 (nothing left) to 10."""
    found = {}
    for name in SERVICES:
        told = analyze("security", "--offline=true", "--no-pager", str(folder / name))
        match = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
        assert match, told.stdout + told.stderr
        found[name] = float(match[1])
    return found
