"""The demo's central office on this machine: authority, broker and receiver, set up by staff's own commands.

Nothing is simulated: a certificate authority is made, Mosquitto runs with the shipped configuration and mutual
TLS, the receiver commits to its database, and the kiosk becomes known by request and bundle, fingerprints
compared.
"""

import getpass
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from sync.office.database import SQLiteSettings, open_database, schema
from sync.wire.events import ATTENDANCE_RECORDED

ROOT = Path(__file__).resolve().parent.parent
OFFICE, SYNC = (
    (sys.executable, "-m", "sync.office"),
    (sys.executable, "-m", "sync"),
)  # this tree's, wherever .venv is
START_TIMEOUT_S = 30.0

OFFICE_CONFIG = """\
[office]
name = "demo-office"

[[office.sites]]
name = "demo"
timezone = "Europe/Madrid"

[database]
path = "{folder}/office/office.db"

[paths]
state = "{folder}/office"
tls = "{folder}/office-tls"

[broker]
addresses = ["localhost:{port}"]

[metrics]
port = 0
"""

SYNC_CONFIG = """\
[device]
site = "demo"
name = "front-door"

[paths]
run = "{run}"
tls = "{tls}"

[broker]
addresses = {brokers}
"""

Say = Callable[[str, list[str]], None]


@dataclass(frozen=True)
class Received:
    """When an event was recorded, seconds since boot, and how long after that the office had it, seconds."""

    recorded_s: float
    took_s: float


class OfficeFailed(Exception):
    """A command or process of the office failed; the text is its output."""


@dataclass(frozen=True)
class Office:
    """An office in a temporary folder.

    Args:
        folder: Of everything.
        port: The broker's.
        say: Shows a command before it runs.
    """

    folder: Path
    port: int
    say: Say

    def run(self, *arguments: str, show: bool = True) -> str:
        """Run one `clockface-office` command; a failure ends the demo with its message."""
        if show:
            self.say("clockface-office", list(arguments))
        command = [*OFFICE, "--config", str(self.config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise OfficeFailed(f"clockface-office {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    @property
    def config(self) -> Path:
        """The office's configuration."""
        return self.folder / "office.toml"

    @property
    def operator_key(self) -> Path:
        """Not in the configuration: the receiver, which reads that, must not have it."""
        return self.folder / "operator" / "operator_key"

    def set_up(self) -> None:
        """Authority, certificates, the broker's configuration, keys and database."""
        self.config.write_text(OFFICE_CONFIG.format(folder=self.folder, port=self.port), encoding="utf-8")
        phrase = self.folder / "passphrase"
        phrase.touch(mode=0o600)
        phrase.write_text(secrets.token_urlsafe(24), encoding="ascii")
        phrase.chmod(0o400)
        broker, ca = self.folder / "broker", [*self._authority(), "--passphrase-file", str(phrase)]
        self.run("ca", "init", *ca)
        self.run("ca", "issue", "localhost", "--out", str(broker), *ca)
        self.run("ca", "issue", "@office/receiver", "--out", str(self.folder / "office-tls"), *ca)
        (self.folder / "broker-state").mkdir()
        paths = ("--certificates", str(broker), "--persistence", str(self.folder / "broker-state"))
        where = ("--out", str(self.folder / "mosquitto"), "--user", getpass.getuser(), "--bind", "127.0.0.1")
        self.run("broker", "config", *paths, *where, "--port", str(self.port))
        self.run("init", "--operator-key", str(self.operator_key))

    def make_known(self, request: Path, bundle: Path, fingerprint: str) -> str:
        """Answer a kiosk's request with a bundle; returns the office's own fingerprint."""
        authority = (
            "--authority",
            str(self.folder / "ca"),
            "--passphrase-file",
            str(self.folder / "passphrase"),
        )
        told = self.run(
            "device",
            "add",
            str(request),
            "--out",
            str(bundle),
            "--fingerprint",
            fingerprint,
            "--operator-key",
            str(self.operator_key),
            *authority,
        )
        found = re.search(r"office's fingerprint: ([0-9a-f ]{32,})", told)
        if found is None:
            raise OfficeFailed(f"device add did not tell the office's fingerprint:\n{told}")
        return found.group(1).replace(" ", "")

    @contextmanager
    def open(self) -> Iterator[None]:
        """Broker and receiver, running; ended at the end."""
        with (self.folder / "office.log").open("ab") as log:
            mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
            if mosquitto is None:
                raise OfficeFailed("mosquitto is not installed. Next: scripts/setup broker")
            receiver = [*OFFICE, "--config", str(self.config), "run"]
            with _process([mosquitto, "-c", str(self.folder / "mosquitto/mosquitto.conf")], log) as broker:
                self._wait_for_broker(broker)
                with _process(receiver, log):
                    yield

    def received(self) -> dict[tuple[str, int], Received]:
        """Every attendance event that was committed here, by (epoch, seq)."""
        database = open_database(SQLiteSettings(self.folder / "office/office.db"))
        events, epochs = schema.events, schema.epochs
        wanted = (
            select(epochs.c.epoch, events.c.seq, events.c.boottime_us, events.c.time_us, events.c.received_us)
            .join(epochs, epochs.c.id == events.c.epoch_id)
            .where(events.c.type == ATTENDANCE_RECORDED)
        )
        try:
            with database.read() as connection:
                rows = connection.execute(wanted).all()
        finally:
            database.close()
        return {
            (row.epoch, row.seq): Received(row.boottime_us / 1e6, (row.received_us - row.time_us) / 1e6)
            for row in rows
        }

    def _authority(self) -> tuple[str, str]:
        return "--folder", str(self.folder / "ca")

    def _wait_for_broker(self, broker: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until and broker.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise OfficeFailed((self.folder / "office.log").read_text(encoding="utf-8"))


@contextmanager
def courier(folder: Path, *, run: Path, tls: Path, brokers: list[str]) -> Iterator[None]:
    """`clockface-sync run` on the kiosk; ended at the end."""
    config = folder / "sync.toml"
    config.write_text(SYNC_CONFIG.format(run=run, tls=tls, brokers=json.dumps(brokers)), encoding="utf-8")
    with (
        (folder / "sync.log").open("ab") as log,
        _process([*SYNC, "--config", str(config), "run"], log),
    ):
        yield


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(command: list[str], log: Any) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)
