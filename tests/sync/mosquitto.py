"""A real Mosquitto with the shipped configuration, on a loopback port, with certificates made when it runs.

For every test that needs a broker: `with Mosquitto(folder, authority) as broker`, or the fixtures of
tests/sync/conftest.py. Nothing sleeps: its answer is awaited in a bounded loop.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from sync.office.authority.certificates import build_authority, build_leaf, key_pem, new_key, pem
from sync.office.authority.identity import BrokerIdentity, DeviceIdentity, Identity, OfficeIdentity
from sync.office.broker.configuration import BrokerFiles, BrokerSettings, write

HOST = "127.0.0.1"
START_S = 20.0
STOP_S = 20.0


def find_mosquitto() -> str | None:
    """The broker's program; Debian keeps it in /usr/sbin, which is not on every PATH."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


@dataclass(frozen=True)
class Credentials:
    """A folder with `client.key`, `client.crt` and `ca.crt` (PEM), or with another stem than client."""

    folder: Path
    stem: str = "client"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.stem}.key"

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.stem}.crt"

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    def context(self) -> ssl.SSLContext:
        """A client's TLS context as the product's: verified, TLS 1.2 or later, this certificate."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


class TestAuthority:
    """An authority in memory that makes certificates in milliseconds, good and bad ones."""

    __test__ = False

    def __init__(self, folder: Path, *, valid_for: timedelta = timedelta(days=30)) -> None:
        self.folder = folder
        self.key = new_key()
        self.certificate = build_authority(
            self.key, name="Clockface test authority", now=datetime.now(UTC), valid_for=valid_for
        )
        self.file = folder / "ca.crt"
        self.crl = folder / "ca.crl"
        self._made: dict[tuple[Identity, str], Credentials] = {}
        self._revoked: list[x509.Certificate] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(pem(self.certificate))
        self.write_crl()

    def credentials(self, site: str, device: str) -> Credentials:
        """A device's, made once."""
        return self.credentials_of(DeviceIdentity(site, device))

    def office(self, name: str = "receiver") -> Credentials:
        """An office process', made once."""
        return self.credentials_of(OfficeIdentity(name))

    def credentials_of(self, identity: Identity, *, label: str = "", made: datetime | None = None,
                       valid_for: timedelta = timedelta(days=2)) -> Credentials:  # fmt: skip
        """Anybody's; `label` tells several of one identity apart, `made` in the past makes an expired one."""
        known = self._made.get((identity, label))
        if known is not None:
            return known
        key = new_key()
        certificate = build_leaf(
            authority=self.certificate,
            authority_key=self.key,
            public_key=key.public_key(),
            identity=identity,
            now=made or datetime.now(UTC),
            valid_for=valid_for,
        )
        credentials = self.write(f"{len(self._made):04d}", key, certificate)
        self._made[(identity, label)] = credentials
        return credentials

    def write(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Credentials:
        """Write a pair into a folder of its own, beside this authority's certificate."""
        credentials = Credentials(self.folder / name)
        credentials.folder.mkdir()
        credentials.key.touch(mode=0o600)
        credentials.key.write_bytes(key_pem(key))
        credentials.certificate.write_bytes(pem(certificate))
        credentials.authority.write_bytes(pem(self.certificate))
        return credentials

    def revoke(self, credentials: Credentials) -> None:
        """Revoke a certificate and write the list; a running broker must be told."""
        self.revoke_certificate(x509.load_pem_x509_certificate(credentials.certificate.read_bytes()))

    def revoke_certificate(self, certificate: x509.Certificate) -> None:
        """The same for a certificate that was made elsewhere."""
        self._revoked.append(certificate)
        self.write_crl()

    def write_crl(self, *, next_update: timedelta = timedelta(days=1)) -> None:
        """Write the revocation list."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(min(now, now + next_update) - timedelta(hours=1))
            .next_update(now + next_update)
        )
        for certificate in self._revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(now - timedelta(minutes=1))
                .build()
            )
        self.crl.write_bytes(pem(builder.sign(self.key, hashes.SHA256())))


class Mosquitto:
    """One broker process; `port` stays the same over restarts.

    Args:
        folder: Of its own; holds configuration, persistence and log.
        authority: Whose certificates it takes.
        receivers: Office identities `@office/NAME`.
        monitors: Office identities that may read $SYS.
        settings: Fields of `BrokerSettings` to change, such as `max_queued_messages=10`.
    """

    def __init__(
        self,
        folder: Path,
        authority: TestAuthority,
        *,
        receivers: tuple[str, ...] = ("receiver", "receiver-2"),
        monitors: tuple[str, ...] = ("monitor",),
        **settings: object,
    ) -> None:
        self.authority = authority
        self.folder = folder
        self.host = HOST
        self.port = free_port()
        self.persistence = folder / "persistence"
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.persistence.mkdir(parents=True)
        own = authority.credentials_of(BrokerIdentity(("localhost", HOST)))
        self.settings = BrokerSettings(
            files=BrokerFiles(
                authority=authority.file,
                certificate=own.certificate,
                key=own.key,
                revocations=authority.crl,
                persistence=self.persistence,
            ),
            user=getpass.getuser(),
            port=self.port,
            bind=HOST,
            receivers=receivers,
            monitors=monitors,
            **settings,  # type: ignore[arg-type]
        )
        self.configuration = write(self.settings, folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the running process."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """Everything it has logged, over all restarts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def credentials(self, site: str, device: str) -> Credentials:
        """A folder with key, certificate and the authority's certificate for a device."""
        return self.authority.credentials(site, device)

    def office(self, name: str = "receiver") -> Credentials:
        """The same for an office process."""
        return self.authority.office(name)

    def start(self) -> None:
        """Start it and wait until it answers in TLS."""
        assert not self.alive, "it runs already"
        self._process = _spawn(self.configuration, self._log)
        _await_answer(self._process, self.port, authority=self.authority.file, log=self._log)

    def stop(self) -> None:
        """End it as its service would (SIGTERM): it writes its persistence. Nothing if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """SIGHUP."""
        self._running().send_signal(signal.SIGHUP)

    def save(self) -> None:
        """Make it write its persistence now (SIGUSR1) and wait for it; else it does every ten seconds."""
        before = self._saved()
        self._running().send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + STOP_S
        while self._saved() == before:
            assert time.monotonic() < deadline, f"mosquitto did not save:\n{self.log()[-4000:]}"
            time.sleep(0.01)

    def _saved(self) -> int:
        file = self.persistence / "mosquitto.db"  # replaced by a rename: a new inode each time
        return file.stat().st_ino ^ file.stat().st_mtime_ns if file.exists() else 0

    def pause(self) -> None:
        """Stop answering without closing anything: connections become half-open until `resume`."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End `pause`."""
        self._running().send_signal(signal.SIGCONT)

    def restart(self, *, graceful: bool = True, wipe: bool = False) -> None:
        """End it (SIGTERM, or kill -9) and start it again; `wipe`: no sessions, queues, retained messages."""
        self._end(signal.SIGTERM if graceful else signal.SIGKILL)
        if wipe:
            self.wipe()
        self.start()

    def wipe(self) -> None:
        """Delete its persistence; it must not run."""
        assert not self.alive, "stop it first: it writes its persistence when it ends"
        for file in self.persistence.iterdir():
            file.unlink()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was never started"
        return self._process

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            if how is signal.SIGTERM:
                self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
            raise


@contextlib.contextmanager
def run_configuration(configuration: Path, port: int, *, authority: Path, log: Path) -> Iterator[None]:
    """Run Mosquitto with a configuration that somebody else wrote."""
    process = _spawn(configuration, log)
    try:
        _await_answer(process, port, authority=authority, log=log)
        yield
    finally:
        process.terminate()
        process.wait(STOP_S)


def _spawn(configuration: Path, log: Path) -> subprocess.Popen[bytes]:
    program = find_mosquitto()
    if program is None:
        raise FileNotFoundError("mosquitto is not installed. Next: scripts/setup broker")
    with log.open("ab") as file:
        return subprocess.Popen(
            [program, "-c", str(configuration)], stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )


def _await_answer(process: subprocess.Popen[bytes], port: int, *, authority: Path, log: Path) -> None:
    context = ssl.create_default_context(cafile=str(authority))
    deadline = time.monotonic() + START_S
    while not _answers(port, context):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait(STOP_S)
            raise AssertionError(f"mosquitto did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.01)


def _answers(port: int, context: ssl.SSLContext) -> bool:
    """Whether it answers in TLS: it listens before it has read its files, and may yet end because of them."""
    try:
        with (
            socket.create_connection((HOST, port), timeout=1) as plain,
            context.wrap_socket(plain, server_hostname=HOST),
        ):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
