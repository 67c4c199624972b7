"""A throw-away kiosk on which tests run the real daemon as a process: keys, ledger, sockets, recordings.

Recordings are made of one public-domain portrait, moved a little from frame to frame: they prove that the parts
work together, not how well anybody is recognised.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np

from clockface.secretfiles import make_private_folder
from edge.api.client import EdgeClient
from edge.api.protocol.enrolment import PhotoEnrolment
from edge.api.protocol.people import ConsentGiven, PersonProfile
from edge.api.protocol.punches import PunchView
from edge.api.protocol.stage import AnnouncementLine
from edge.clock import SystemClock
from edge.errors import ApiError
from edge.store.keys import generate_keys, load_keyring
from edge.store.store import create_store, ledger_path
from edge.types.faces import BgrImage
from edge.types.identity import DeviceId
from tests.edge.api.clients import ScreenClient

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0  # for anything that takes a moment; a test that waits so long has failed
FPS = 15
CONSENT = ConsentGiven(text_version="1", language="en", how="paper")


def astronaut() -> BgrImage:
    """Head and shoulders of one person, (480, 400, 3)."""
    whole = cv2.imread(str(ROOT / "tests" / "data" / "astronaut.jpg"))
    assert whole is not None
    scaled: BgrImage = cv2.resize(whole[:300, 100:350], (400, 480))
    return scaled


def jpeg(image: BgrImage) -> bytes:
    done, raw = cv2.imencode(".jpg", image)
    assert done
    return bytes(raw)


def standing(portrait: BgrImage, frames: int) -> list[BgrImage]:
    """A person who sways a little in front of a grey wall: (480, 640, 3) pictures."""
    shown = []
    for index in range(frames):
        left = (640 - portrait.shape[1]) // 2 + round(6 * np.sin(index))
        frame = np.full((480, 640, 3), 120, np.uint8)
        begin, end = max(0, left), min(640, left + portrait.shape[1])
        frame[:, begin:end] = portrait[:, begin - left : end - left]
        shown.append(frame)
    return shown


def nobody(frames: int) -> list[BgrImage]:
    return [np.full((480, 640, 3), 120, np.uint8)] * frames


def recording(folder: Path, *pieces: list[BgrImage]) -> Path:
    """A folder of pictures that the replay camera plays in their order."""
    folder.mkdir(parents=True)
    for index, picture in enumerate(picture for piece in pieces for picture in piece):
        cv2.imwrite(str(folder / f"{index:04}.jpg"), picture)
    return folder


def walk_up(folder: Path, portrait: BgrImage) -> Path:
    """Nobody for half a second, then somebody for half a second: looped, one walk-up a second."""
    return recording(folder, nobody(8), standing(portrait, 8))


class Watcher:
    """A screen that notes everything it is told."""

    def __init__(self, run: Path) -> None:
        self.lines: list[AnnouncementLine] = []
        self._changed = threading.Condition()
        self._client = ScreenClient(run)
        self._stream = self._client.stage()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(ApiError):
            for line in self._stream:
                if isinstance(line, AnnouncementLine):
                    with self._changed:
                        self.lines.append(line)
                        self._changed.notify_all()

    def until(self, fits: Callable[[AnnouncementLine], bool], *, after: int = 0) -> AnnouncementLine:
        """The first line from `after` on that fits; fails if none comes in time."""

        def found() -> AnnouncementLine | None:
            return next((line for line in self.lines[after:] if fits(line)), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, PATIENCE_S), [
                (line.notice, line.detail) for line in self.lines
            ]
            line = found()
        assert line is not None
        return line

    def notice(self, notice: str, *, detail: str | None = None, after: int = 0) -> AnnouncementLine:
        """The first line with this notice, and detail if one is named."""
        return self.until(lambda line: line.notice == notice and detail in (None, line.detail), after=after)

    @property
    def confirmed(self) -> list[PunchView]:
        """What employees were told is recorded."""
        return [line.recorded for line in self.lines if line.notice == "recorded" and line.recorded]

    def close(self) -> None:
        """Wait for the stream's end, which the daemon's end brings."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self._client.close()


class ServiceManager:
    """Stands in for systemd: hears everything at once: the kernel keeps ten messages, no more."""

    def __init__(self, address: Path) -> None:
        address.unlink(missing_ok=True)
        self.address = address
        self.told: list[str] = []
        self._changed = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while message := self._socket.recv(4096).decode():
            with self._changed:
                self.told.append(message)
                self._changed.notify_all()

    def until(self, text: str, *, times: int = 1, process: "subprocess.Popen[bytes] | None" = None) -> None:
        """Wait until it was told this so often in all, or the process has ended."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.times(text) >= times or _ended(process), PATIENCE_S)

    def times(self, text: str) -> int:
        """How often it was told this."""
        return sum(text in message for message in tuple(self.told))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.address))  # an empty message ends the thread
        self._thread.join(PATIENCE_S)
        self._socket.close()


def _ended(process: "subprocess.Popen[bytes] | None") -> bool:
    return process is not None and process.poll() is not None


@dataclass
class Daemon:
    """A running daemon."""

    process: "subprocess.Popen[bytes]"
    manager: ServiceManager

    def terminate(self) -> float:
        """SIGTERM; returns the seconds until it was gone, of its own accord and well."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0
        return time.monotonic() - began

    def kill(self) -> None:
        """As a power cut does, as far as a process can tell."""
        self.process.kill()
        self.process.wait(PATIENCE_S)


class Device:
    """A kiosk's folder: state, sockets, configuration, log.

    Args:
        folder: Short, because sockets lie in it.
        sections: Of the configuration, over the device's own.
    """

    def __init__(self, folder: Path, **sections: dict[str, Any]) -> None:
        self.folder = folder
        self.state, self.run, self.log = folder / "state", folder / "run", folder / "log"
        self.config = folder / "clockface.toml"
        self.run.mkdir(mode=0o700, exist_ok=True)
        tree: dict[str, dict[str, Any]] = {
            "device": {"site": "lab", "name": "door"},
            "paths": {"state": str(self.state), "run": str(self.run)},
            "camera": {"source": "replay", "replay_loop": True, "fps": FPS, "replay_pace": "fast"},
            "attendance": {"repeat_s": 0.0},
            "liveness": {"policy": "off"},  # a portrait that sways is a photograph, and is refused as one
        }
        for name, fields in sections.items():
            tree[name] = tree.get(name, {}) | fields
        self.config.write_text(
            "\n".join(
                line
                for name, fields in tree.items()
                for line in (f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in fields.items()))
            ),
            encoding="utf-8",
        )

    def provision(self) -> "Device":
        """Keys and an empty ledger, as `clockface init` makes them."""
        make_private_folder(self.state, made_by="clockface init")
        generate_keys(self.state)
        keyring = load_keyring(state=self.state, environment={}, allow_environment=False)
        clock = SystemClock(zone=ZoneInfo("UTC"))
        create_store(
            ledger_path(self.state), keyring=keyring, clock=clock, device=DeviceId("door"), site="lab"
        ).close()
        return self

    def like(self, state: Path) -> "Device":
        """Start from another device's state."""
        shutil.copytree(state, self.state)
        return self

    def environment(self, **more: str) -> dict[str, str]:
        """A clean environment, so that nothing of the tester's reaches the daemon."""
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        return kept | {"NO_COLOR": "1", "COLUMNS": "200"} | more

    def clockface(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """One command, as staff type it."""
        return subprocess.run(
            self._command(*arguments),
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "edge", "--config", str(self.config), *arguments]

    @contextmanager
    def running(self, **environment: str) -> Iterator[Daemon]:
        """The daemon, ready; killed at the end if it still runs."""
        manager = ServiceManager(self.folder / "notify")
        with contextlib.closing(manager):
            process = subprocess.Popen(
                self._command("run"),
                cwd=ROOT,
                env=self.environment(NOTIFY_SOCKET=str(manager.address), **environment),
                stdout=subprocess.PIPE,  # as under systemd, where a full disk is not the daemon's to notice
                stderr=subprocess.STDOUT,
            )
            journal = threading.Thread(target=self._keep_log, args=(process,), daemon=True)
            journal.start()
            try:
                manager.until("READY=1", process=process)
                assert process.poll() is None, self.log.read_text(encoding="utf-8")
                yield Daemon(process, manager)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait(PATIENCE_S)
                journal.join(PATIENCE_S)

    def _keep_log(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout, self.log.open("ab", buffering=0) as log:
            for line in process.stdout:
                log.write(line)

    def client(self) -> EdgeClient:
        return EdgeClient(self.run)

    def watch(self) -> Watcher:
        return Watcher(self.run)

    def ledger_bytes(self) -> bytes:
        """Everything that the ledger keeps on disk."""
        return b"".join(path.read_bytes() for path in sorted(self.state.glob("ledger.db*")))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return str(value) if isinstance(value, int | float) else '"' + str(value) + '"'


def enrol(device: Device, portrait: BgrImage, *, name: str, number: str) -> str:
    """Enrol a person through the running daemon; returns the random id."""
    profile = PersonProfile(name=name, number=number, greeting=name.split(maxsplit=1)[0])
    request = PhotoEnrolment(profile=profile, consent=CONSENT)
    with device.client() as client:
        return client.enrol_photo(request, jpeg(portrait)).person.person_id
