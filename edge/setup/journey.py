"""The steps from an unpacked machine to a kiosk whose test event the office has confirmed.

Each step looks whether it is done before it does anything, so that an interruption costs nothing. Trust
boundary: whoever runs it owns the device; answers were validated; what comes from the office is judged by
`take_bundle`.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from clockface.cli.context import Invocation as AnyInvocation
from clockface.configuration import ConfigReader
from edge.config.tree import Config
from edge.configuration import READER as EDGE
from edge.errors import ProvisioningError
from edge.kiosk.screen.config import READER as SCREEN
from edge.setup.answers import EDGE_SECTIONS, SCREEN_SECTIONS, Answers
from edge.setup.files import Draft, Standing, draft, standing, write
from edge.setup.owners import package_groups
from edge.setup.progress import Progress

COURIER_SETTINGS: Final = {
    "device.site": "The site's name: as in clockface.toml and in the certificate.",
    "device.name": "The device's name: likewise.",
    "paths.run": "Folder of edge's sockets.",
    "paths.tls": "Folder with device.key, device.crt and ca.crt.",
    "broker.addresses": "Where the office's broker answers, as its bundle says.",
}
TARGET = "clockface.target"
# Stopped with the target, and named all the same: somebody may have started one by itself.
SERVICES = ("clockface-edge", "clockface-sync", "clockface-screen", "clockface-kiosk", "clockface-capture")


class Waiting(Exception):
    """Provisioning goes on when somebody has done something; the text says what."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step found or did.

    Args:
        note: For people, on one line or more.
        well: False where staff should look, though it goes on.
    """

    note: str
    well: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `run` raises `Waiting` where somebody else is next."""

    name: str
    title: str
    run: Callable[[], Outcome]


@dataclass(frozen=True, slots=True)
class Question:
    """A yes or no.

    Args:
        about: Code: edited (a file is to be replaced), remarks (a step is not well).
        text: For people.
    """

    about: str
    text: str


@dataclass
class Journey:
    """One device's way.

    Args:
        progress: Answers, and what is done.
        folder: Of the configuration files.
        environment: The process's.
        confirm: Asks yes or no; on no terminal it says no.
        groups: Settings that name a group, where the package made it; an answer goes before them.
    """

    progress: Progress
    folder: Path
    environment: Mapping[str, str]
    confirm: Callable[[Question], bool]
    groups: Mapping[str, str] = field(default_factory=package_groups)

    @property
    def answers(self) -> Answers:
        """What was answered."""
        return self.progress.answers

    @property
    def config_path(self) -> Path:
        """Edge's file."""
        return self.folder / "clockface.toml"

    @property
    def invocation(self) -> AnyInvocation[Config]:
        """As a command of its own would be given it, after the file was written."""
        return AnyInvocation(reader=EDGE, config_path=self.config_path, environment=self.environment)

    def put(self, wanted: Draft) -> str:
        """Write one configuration file, unless somebody edited it and does not want it replaced.

        Returns:
            What became of it.

        Raises:
            ProvisioningError: Somebody's edits stand there, or it cannot be written.
        """
        found = standing(wanted)
        if found is Standing.SAME:
            return f"{wanted.path} stands"
        edited = found is Standing.EDITED
        if edited and not self.confirm(
            Question("edited", f"{wanted.path} was edited by hand. Replace it (it is kept as .bak)?")
        ):
            raise ProvisioningError(
                "a configuration file was edited by hand, and is not overwritten",
                where=str(wanted.path),
                next_step=f"move it away, or repeat with --replace-edited (it is kept as {wanted.path}.bak)",
            )
        write(wanted)
        return f"{wanted.path} written" + ("" if found is Standing.ABSENT else ", the one before is .bak")

    def drafts(self) -> tuple[Draft, ...]:
        """Edge's and the screen's files from the answers."""
        edge = self._draft(self.config_path, EDGE, EDGE_SECTIONS)
        screen = self._draft(self.folder / "screen.toml", SCREEN, SCREEN_SECTIONS)
        return (edge, screen) if "\n[" in screen.text else (edge,)

    def courier_draft(self, brokers: tuple[str, ...]) -> Draft:
        """The courier's file: who the kiosk is, and the brokers that the bundle names."""
        device, paths = self.answers.device, self.answers.paths
        values = {
            "device.site": device.site,
            "device.name": device.name,
            "paths.run": str(paths.run),
            "paths.tls": str(paths.tls),
            "broker.addresses": list(brokers),
        }
        return draft(
            self.folder / "sync.toml",
            values,
            described=COURIER_SETTINGS,
            about=self.head,
            check=_courier_problems,
        )

    def _draft(self, path: Path, reader: ConfigReader[Any], sections: tuple[str, ...]) -> Draft:
        tree = self.answers.model_dump(mode="json", include=set(sections))
        values = {
            key: value
            for section in sections
            for name, value in tree[section].items()
            if _told(key := f"{section}.{name}", self.progress.given) and _known(key, reader)
        }
        for key, group in self.groups.items():
            if key in reader.settings and key not in values:
                values[key] = group
        described = {key: setting.description for key, setting in reader.settings.items()}
        described["camera.region"] = "The part of the picture that is looked at."
        return draft(
            path,
            values,
            described=described,
            about=self.head,
            check=lambda file: [str(each) for each in reader.examine(file, self.environment)[1]],
        )

    @property
    def head(self) -> str:
        """The line at the head of the files."""
        device = self.answers.device
        return f"{device.name} at {device.site}" + (f": {device.place}" if device.place else "")


def _told(key: str, given: tuple[str, ...]) -> bool:
    return any(each == key or each.startswith(f"{key}.") for each in given)


def _known(key: str, reader: ConfigReader[Any]) -> bool:
    return any(each == key or each.startswith(f"{key}.") for each in reader.settings)


def _courier_problems(file: Path) -> Sequence[str]:
    """What the courier itself says of its file: it is another program, so it is asked as one."""
    asked = [sys.executable, "-m", "sync", "--config", str(file), "config", "check"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLOCKFACE_")}
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False, env=kept)
    return () if done.returncode == 0 else (done.stdout.strip() or "clockface-sync refuses it",)


def start_services() -> bool:
    """Have systemd start what runs on a kiosk, where it runs and knows the units. Returns whether it did.

    Raises:
        ProvisioningError: It would not.
    """
    systemctl = shutil.which("systemctl")
    if systemctl is None or not Path("/run/systemd/system").is_dir():
        return False
    known = subprocess.run([systemctl, "cat", TARGET], capture_output=True, timeout=30, check=False)
    if known.returncode != 0:
        return False
    done = subprocess.run(
        [systemctl, "enable", "--now", TARGET], capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode != 0:
        raise ProvisioningError(
            "systemd did not start the services",
            where=TARGET,
            next_step="systemctl status 'clockface*'; journalctl -u clockface-edge -n 20",
        )
    return True


def stop_services() -> bool:
    """Have systemd stop what runs on a kiosk, and not start it again. Returns whether it did.

    Raises:
        ProvisioningError: It would not.
    """
    systemctl = shutil.which("systemctl")
    if systemctl is None or not Path("/run/systemd/system").is_dir():
        return False
    units = [
        unit
        for unit in (TARGET, *(f"{name}.service" for name in SERVICES))
        if subprocess.run([systemctl, "cat", unit], capture_output=True, timeout=30, check=False).returncode
        == 0
    ]
    if not units:
        return False
    done = subprocess.run(
        [systemctl, "disable", "--now", *units], capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode != 0:
        raise ProvisioningError(
            "systemd did not stop the services",
            where=", ".join(units),
            next_step="systemctl status clockface-edge clockface-sync; then repeat the command",
        )
    return True


def until(found: Callable[[], bool], *, within_s: float, every_s: float = 0.5) -> bool:
    """Look again and again until something is found or the time is up."""
    end_s = time.monotonic() + within_s
    while not found():
        if time.monotonic() >= end_s:
            return False
        time.sleep(every_s)
    return True
