"""dpkg, systemd and the daemon, as the updater asks them: commands of fixed words, bounded in time.

Trust boundary: root runs this; what the commands print is only text.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

INSTALL_S: Final = 900.0
ASK_S: Final = 60.0
UNITS: Final = ("clockface-edge.service", "clockface-sync.service")
COMMAND: Final = "/usr/bin/clockface"


class System(Protocol):
    """What the updater needs of the machine."""

    def architecture(self) -> str:
        """Debian's name of the processor."""
        ...

    def python(self) -> str:
        """The interpreter's version, such as 3.11."""
        ...

    def installed(self) -> str:
        """The version that dpkg has installed."""
        ...

    def newer(self, version: str) -> bool:
        """Whether a version is newer than the installed one, as dpkg compares."""
        ...

    def file_name(self, version: str) -> str:
        """What the package of a version is called."""
        ...

    def install(self, package: Path) -> bool:
        """Install a package, older or newer; returns whether dpkg was content."""
        ...

    def recover(self) -> None:
        """Finish what dpkg had begun when the power went."""
        ...

    def stop(self) -> None:
        """Stop the kiosk."""
        ...

    def start(self) -> None:
        """Start what is enabled."""
        ...

    def running(self) -> str | None:
        """The version of the daemon that is ready and answers; None while none does, or a service is down."""
        ...

    def restarts(self) -> int:
        """How often systemd started services again."""
        ...

    def failing(self) -> set[str]:
        """Which of doctor's checks fail."""
        ...

    def faces_seen(self) -> str | None:
        """Something that changes with every face; None where the daemon does not answer."""
        ...


class Debian:
    """The real one."""

    def architecture(self) -> str:
        """Debian's name of the processor."""
        return _said(("dpkg", "--print-architecture"))

    def python(self) -> str:
        """The version of the interpreter that runs this: the package is for it."""
        return f"{sys.version_info.major}.{sys.version_info.minor}"

    def installed(self) -> str:
        """The version that dpkg has installed."""
        return _said(("dpkg-query", "-W", "-f", "${Version}", "clockface"))

    def newer(self, version: str) -> bool:
        """Whether a version is newer than the installed one, as dpkg compares."""
        return _done(("dpkg", "--compare-versions", version, "gt", self.installed())).returncode == 0

    def file_name(self, version: str) -> str:
        """What the package of a version is called."""
        return f"clockface_{version}_{self.architecture()}.deb"

    def install(self, package: Path) -> bool:
        """Install a package, older or newer; configuration files stay as they are."""
        command = ("dpkg", "--force-confold", "--force-downgrade", "--install", str(package))
        return _done(command, within_s=INSTALL_S).returncode == 0

    def recover(self) -> None:
        """Finish what dpkg had begun when the power went."""
        _done(("dpkg", "--force-confold", "--configure", "--pending"), within_s=INSTALL_S)

    def stop(self) -> None:
        """Stop the kiosk."""
        _done(("systemctl", "stop", "clockface.target", *UNITS))

    def start(self) -> None:
        """Start what is enabled."""
        _done(("systemctl", "daemon-reload"))
        _done(("systemctl", "reset-failed", "clockface*"))
        _done(("systemctl", "start", "--no-block", "clockface.target"))

    def running(self) -> str | None:
        """The daemon's version, where it and the courier are ready."""
        states = _said(("systemctl", "show", "--value", "--property=ActiveState", *UNITS)).split()
        if states != ["active"] * len(UNITS):
            return None
        found = _json((COMMAND, "status", "--json"))
        return None if found is None else str(found.get("version"))

    def restarts(self) -> int:
        """How often systemd started services again."""
        counts = _said(("systemctl", "show", "--value", "--property=NRestarts", *UNITS)).split()
        return sum(int(each) for each in counts if each.isdigit())

    def failing(self) -> set[str]:
        """Which of doctor's checks fail."""
        found = _json((COMMAND, "doctor", "--json"), codes=(0, 100))
        if found is None:
            return {"doctor"}
        checks = found.get("checks")
        return (
            {str(each["name"]) for each in checks if each["status"] == "fail"}
            if isinstance(checks, list)
            else {"doctor"}
        )

    def faces_seen(self) -> str | None:
        """The timings of the embedder: each face changes them, also when the ring of the last runs is full."""
        found = _json((COMMAND, "status", "--json"))
        stages = None if found is None else found.get("stages")
        if not isinstance(stages, list):
            return None
        return str([each for each in stages if each.get("stage") == "embed"])


def _done(command: Sequence[str], *, within_s: float = ASK_S) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        "LANG": "C.UTF-8",
    }
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=within_s, check=False, stdin=subprocess.DEVNULL,
            env=environment, process_group=0,  # an interrupted terminal does not interrupt dpkg
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess(list(command), 124, "", "")


def _said(command: Sequence[str]) -> str:
    return _done(command).stdout.strip()


def _json(command: Sequence[str], *, codes: tuple[int, ...] = (0,)) -> dict[str, object] | None:
    done = _done(command)
    if done.returncode not in codes:
        return None
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
