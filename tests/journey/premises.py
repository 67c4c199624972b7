"""A site with real parts: kiosks as processes under a small supervisor, couriers, receiver, signer.

Staff's and the office's commands run in this process, on the files of a temporary folder; every daemon is a
process of its own, and all that goes between kiosk and office goes through Mosquitto with mutual TLS.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import Result
from cryptography import x509
from typer.testing import CliRunner

from clockface.cli.program import Program
from edge.api.protocol.people import PersonView
from edge.cli.main import PROGRAM as CLOCKFACE
from sync.office.authority.certificates import build_leaf, pem
from sync.office.authority.identity import DeviceIdentity
from sync.office.cli.main import PROGRAM as CLOCKFACE_OFFICE
from sync.office.database import Database, SQLiteSettings, open_database
from sync.wire.canonical import read
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.envelope import decode
from sync.wire.provisioning import DeviceRequest
from tests.edge.device import (
    PATIENCE_S,
    ROOT,
    Device,
    ServiceManager,
    Watcher,
    astronaut,
    nobody,
    recording,
    walk_up,
)
from tests.sync.mosquitto import Mosquitto

SITE = "mill"
PASSPHRASE = "a passphrase for the recovery text alone"


@dataclass(frozen=True)
class Surroundings:
    """What processes are given besides: all of them, the couriers, the office's.

    Args:
        everywhere: Variables of every process.
        courier: Settings of couriers, without prefix.
        office: Settings of the office, without prefix.
    """

    everywhere: Mapping[str, str] = field(default_factory=dict)
    courier: Mapping[str, str] = field(default_factory=dict)
    office: Mapping[str, str] = field(default_factory=dict)


PLAIN = Surroundings()


@dataclass
class Supervisor:
    """What systemd does: starts a process, and starts it anew when it ends, until it is told to stop."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    starts: int = 0
    _process: "subprocess.Popen[bytes] | None" = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def signal(self, number: int) -> int:
        """Send a signal to the process that runs now; returns which one that is."""
        with self._lock:
            assert self._process is not None
            self._process.send_signal(number)
            return self._process.pid

    @contextmanager
    def running(self) -> Iterator["Supervisor"]:
        """Until the block ends."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            with self._lock:
                self._stopping.set()
                if self._process is not None:
                    self._process.terminate()
            thread.join(PATIENCE_S)
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
                self._process.wait(PATIENCE_S)

    def _watch(self) -> None:
        with self.log.open("ab") as log:
            while True:
                with self._lock:
                    if self._stopping.is_set() or self.starts > 20:
                        return
                    self.starts += 1
                    self._process = subprocess.Popen(
                        self.command,
                        cwd=ROOT,
                        env=self.environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                    )
                self._process.wait()


def _typed(program: Program, arguments: tuple[str, ...], *, environment: dict[str, str]) -> Result:
    quiet = {"NO_COLOR": "1", "COLUMNS": "200"}
    return CliRunner().invoke(program.app(), arguments, env=quiet | environment)


def _said(done: Result) -> str:
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


class Office:
    """The central office: its files, its commands, its two processes."""

    def __init__(self, folder: Path, broker: Mosquitto, *, around: Surroundings = PLAIN) -> None:
        self.folder, self.broker, self._around = folder, broker, around
        self.processes: dict[str, Supervisor] = {}
        tls = folder / "tls"
        tls.mkdir(parents=True)
        own = broker.office("receiver")
        for name, source in (
            ("office.key", own.key),
            ("office.crt", own.certificate),
            ("ca.crt", own.authority),
        ):
            (tls / name).touch(mode=0o600)
            (tls / name).write_bytes(source.read_bytes())
        self.database_file = folder / "state" / "office.db"
        self.operator_key = folder / "operator" / "operator_key"
        settings = {
            "DATABASE__PATH": str(self.database_file),
            "PATHS__STATE": str(folder / "state"),
            "PATHS__TLS": str(tls),
            "PATHS__OPERATOR_KEY": str(self.operator_key),
            "BROKER__ADDRESSES": json.dumps([f"localhost:{broker.port}"]),
            "BROKER__BACKOFF_MAX_S": "1",
            "METRICS__PORT": "0",
            "RECEIVER__BATCH_WAIT_MS": "5",
            "SIGNER__POLL_S": "0.1",
            **around.office,
        }
        self.environment = {f"CLOCKFACE_OFFICE_{name}": value for name, value in settings.items()}

    def run(self, *arguments: str) -> Result:
        """Type a command."""
        return _typed(CLOCKFACE_OFFICE, arguments, environment=self.environment)

    def said(self, *arguments: str) -> str:
        """What a command that must succeed prints."""
        return _said(self.run(*arguments))

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What it prints as JSON lines."""
        return [json.loads(line) for line in self.said(*arguments, "--json").splitlines()]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Receiver and signer run."""
        environment = {"PATH": os.environ["PATH"], **self._around.everywhere, **self.environment}
        receivers = {key: value for key, value in environment.items() if "OPERATOR" not in key}
        with ExitStack() as stack:
            for name in (("run",), ("signer", "run")):
                command = [sys.executable, "-m", "sync.office", *name]
                log = self.folder / f"{name[0]}.log"
                own = receivers if name == ("run",) else environment
                self.processes[name[0]] = stack.enter_context(Supervisor(command, own, log).running())
            yield

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Its database, for what no command prints."""
        database = open_database(SQLiteSettings(self.database_file, busy_timeout_s=10))
        try:
            yield database
        finally:
            database.close()


class Kiosk(Device):
    """A kiosk of the site, with its courier."""

    def __init__(
        self, folder: Path, *, name: str, pictures: Path, broker: Mosquitto, around: Surroundings = PLAIN
    ) -> None:
        folder.mkdir()
        self._around = around
        self.processes: dict[str, Supervisor] = {}
        super().__init__(
            folder,
            device={"site": SITE, "name": name},
            camera={"replay_path": str(pictures), "replay_pace": "realtime"},
        )
        self.name, self.tls = name, folder / "tls"
        self.tls.mkdir(mode=0o750)
        self._watchers: list[Watcher] = []
        settings = {
            "DEVICE__SITE": SITE,
            "DEVICE__NAME": name,
            "PATHS__RUN": str(self.run),
            "PATHS__TLS": str(self.tls),
            "BROKER__ADDRESSES": json.dumps([f"localhost:{broker.port}"]),
            "BROKER__BACKOFF_MAX_S": "1",
            "CERTIFICATE__RENEW_DAYS": "0",
            **around.courier,
        }
        self.courier = {f"CLOCKFACE_SYNC_{key}": value for key, value in settings.items()}

    def type(self, *arguments: str) -> str:
        """What a command that must succeed prints; typed on this kiosk."""
        return _said(_typed(CLOCKFACE, ("--config", str(self.config), *arguments), environment={}))

    def introduce(self, office: Office) -> str:
        """Kiosk and office come to know each other; returns the kiosk's fingerprint."""
        request, bundle = self.folder / "request", self.folder / "bundle"
        self.type("init")
        asked = json.loads(
            self.type("provision", "request", "--out", str(request), "--tls", str(self.tls), "--json")
        )
        fingerprint: str = asked["fingerprint"]
        chain = self.folder / "certificate"
        chain.write_bytes(certified(request, office.broker))
        known = ("--fingerprint", fingerprint, "--certificate", str(chain))
        told = office.said("device", "add", str(request), "--out", str(bundle), *known)
        operator = told.split("office's fingerprint: ")[1].splitlines()[0]
        given = ("--office-fingerprint", operator, "--tls", str(self.tls))
        self.type("provision", "apply", str(bundle), *given)
        return fingerprint

    @contextmanager
    def open(self) -> Iterator[Supervisor]:
        """Daemon and courier run; the daemon is ready."""
        manager = ServiceManager(self.folder / "notify")
        environment = self.environment(NOTIFY_SOCKET=str(manager.address), **self._around.everywhere)
        daemon = Supervisor(self._command("run"), environment, self.log)
        courier = Supervisor(
            [sys.executable, "-m", "sync", "run"],
            {"PATH": os.environ["PATH"], **self._around.everywhere, **self.courier},
            self.folder / "courier.log",
        )
        self.processes = {"edge": daemon, "sync": courier}
        try:
            with daemon.running():
                manager.until("READY=1")
                with courier.running():
                    yield daemon
        finally:
            for watcher in self._watchers:
                watcher.close()
            manager.close()

    def watch(self) -> Watcher:
        """A screen, which is there until the kiosk closes."""
        self._watchers.append(super().watch())
        return self._watchers[-1]

    def people(self) -> dict[str, PersonView]:
        """Whom it knows, by employee number."""
        with self.client() as client:
            return {person.profile.number: person for person in client.everyone()}

    def templates(self, number: str) -> int:
        """How many templates it has of somebody."""
        person = self.people().get(number)
        return 0 if person is None else sum(person.templates.values())


def certified(request: Path, broker: Mosquitto) -> bytes:
    """The certificate that an authority of the company's own makes for a request."""
    payload = decode(request.read_bytes().strip(), max_payload_bytes=MAX_DOCUMENT_BYTES).payload
    asked = read(DeviceRequest, payload, max_bytes=MAX_DOCUMENT_BYTES)
    key = x509.load_pem_x509_csr(asked.certificate_request.encode()).public_key()
    return pem(
        build_leaf(
            authority=broker.authority.certificate,
            authority_key=broker.authority.key,
            public_key=key,  # type: ignore[arg-type]
            identity=DeviceIdentity(asked.site, asked.device),
            now=datetime.now(UTC),
            valid_for=timedelta(days=2),
        )
    )


def share_site_key(first: Kiosk, second: Kiosk, *, fingerprint: str) -> None:
    """Make the site key on one kiosk and hand it to another, as staff do."""
    passphrase = first.folder / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE, encoding="ascii")
    first.type("site", "init", "--passphrase-file", str(passphrase), "--yes")
    wrapped = first.folder / "wrapped"
    told = first.type(
        "site", "wrap", str(second.folder / "request"), "--out", str(wrapped), "--fingerprint", fingerprint
    )
    site_key = told.split("Site key: ")[1].splitlines()[0]
    second.type("site", "accept", str(wrapped), "--fingerprint", site_key)


@dataclass
class Premises:
    """Office, a kiosk at the gate before which nobody stands, one at the dock before which somebody does."""

    broker: Mosquitto
    office: Office
    gate: Kiosk
    dock: Kiosk
    dock_daemon: Supervisor


@contextmanager
def opened(broker: Mosquitto, *, around: Surroundings = PLAIN) -> Iterator[Premises]:
    """Make everything known to each other, as people do, and let it run."""
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        folder = Path(name)
        office = Office(folder / "office", broker, around=around)
        office.said("init")
        empty = recording(folder / "nobody", nobody(4))
        gate = Kiosk(folder / "g", name="gate", pictures=empty, broker=broker, around=around)
        dock = Kiosk(
            folder / "d",
            name="dock",
            pictures=walk_up(folder / "somebody", astronaut()),
            broker=broker,
            around=around,
        )
        gate.introduce(office)
        share_site_key(gate, dock, fingerprint=dock.introduce(office))
        with office.open(), gate.open(), dock.open() as daemon:
            yield Premises(broker, office, gate, dock, daemon)


def until(holds: Callable[[], object], what: str, *, within_s: float = PATIENCE_S) -> float:
    """Wait, bounded, until something holds; returns after how long, seconds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within_s, f"not within {within_s} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began
