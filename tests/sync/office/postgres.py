"""A real PostgreSQL server for one test run: TLS with certificates made now, scram only, loopback only.

PostgreSQL refuses to run as root; then it runs as an unprivileged user in a folder of its own. It is stopped,
and its folder removed, when the run ends.
"""

import contextlib
import datetime
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sync.office.database import PostgreSQLSettings

START_S = 60
STOP_S = 30
ADMIN = "admin"
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
ssl = on
ssl_min_protocol_version = 'TLSv1.2'
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
password_encryption = 'scram-sha-256'
max_connections = 60
shared_buffers = '32MB'
fsync = off
autovacuum = off
logging_collector = off
"""
_ACCESS = "hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Args:
        folder: Holds its socket, ca.pem (its authority), other_ca.pem (one that is not), its log.
        port: On loopback, and the socket's number.
        password: Of the role "admin", a superuser.
        pid: Of the postmaster.
    """

    folder: Path
    port: int
    password: str
    pid: int

    def settings(self, database: str, **changes: object) -> PostgreSQLSettings:
        """How the software reaches a database over TLS."""
        fields: dict[str, object] = {
            "host": "localhost",
            "port": self.port,
            "name": database,
            "user": ADMIN,
            "password": self.password,
            "ca_file": self.folder / "ca.pem",
            "lock_timeout_s": 5.0,
        }
        return PostgreSQLSettings(**(fields | changes))  # type: ignore[arg-type]

    def session(self, database: str = "postgres") -> psycopg.Connection:
        """The superuser's, over the socket, each statement a transaction; to be closed, as `with` does."""
        return psycopg.connect(
            host=str(self.folder),
            port=self.port,
            dbname=database,
            user=ADMIN,
            password=self.password,
            autocommit=True,
        )

    def admin(self, statement: str, *, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the superuser, over the socket, outside a transaction."""
        with self.session(database) as session:
            cursor = session.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, *, template: str = "template0") -> str:
        """Make a database; returns its name."""
        name = f"office_{secrets.token_hex(6)}"
        self.admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever still uses it."""
        self.admin(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A database without tables for the length of the block."""
        name = self.create()
        try:
            yield name
        finally:
            self.drop(name)

    @contextlib.contextmanager
    def without_tls(self) -> Iterator[None]:
        """The server offers no TLS for the length of the block."""
        self._set_tls("off")
        try:
            yield
        finally:
            self._set_tls("on")

    def _set_tls(self, value: str) -> None:
        self.admin(f"ALTER SYSTEM SET ssl = {value}")
        self.admin("SELECT pg_reload_conf()")
        deadline = time.monotonic() + START_S
        while self.admin("SHOW ssl") != [(value,)]:
            assert time.monotonic() < deadline, "PostgreSQL did not reload its configuration"
            time.sleep(0.02)


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Start a server, and stop it at the end."""
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="clockface-pg-"))
    try:
        password = secrets.token_hex(16)
        _write(folder / "password", password.encode())
        make_certificates(folder)
        _give(folder, owner)
        binaries = find_binaries()
        _run(
            [binaries / "initdb", "-D", folder / "data", "-U", ADMIN, "--pwfile", folder / "password",
             "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"],
            owner,
        )  # fmt: skip
        port = _free_port()
        _write(folder / "data/postgresql.conf", _CONFIGURATION.format(port=port, folder=folder).encode())
        _write(folder / "data/pg_hba.conf", _ACCESS.encode())
        _give(folder, owner)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data"],
                stdout=log, stderr=log, cwd=folder, start_new_session=True, **_as(owner),
            )  # fmt: skip
        try:
            server = Server(folder, port, password, process.pid)
            _await(server, process)
            yield server
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_binaries() -> Path:
    """The folder of the newest PostgreSQL server that is installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL's server is not installed. Next: scripts/setup dev"
    return Path(on_path).resolve().parent


def make_certificates(folder: Path) -> None:
    """Write ca.pem, other_ca.pem, and server.pem with server.key for the name localhost."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("the office's authority", key=authority_key, signer=authority_key, authority=True)
    other_key = ec.generate_private_key(ec.SECP256R1())
    other = _certificate("another authority", key=other_key, signer=other_key, authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    own = _certificate("localhost", key=key, signer=authority_key, issuer=authority.subject)
    _write(folder / "ca.pem", authority.public_bytes(Encoding.PEM), mode=0o644)
    _write(folder / "other_ca.pem", other.public_bytes(Encoding.PEM), mode=0o644)
    _write(folder / "server.pem", own.public_bytes(Encoding.PEM))
    _write(folder / "server.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _certificate(
    name: str,
    *,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: x509.Name | None = None,
    authority: bool = False,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=3650))  # clocks are moved by weeks in some runs
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _owner() -> pwd.struct_passwd | None:
    """Whom to run as; null: as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("PostgreSQL cannot run as root, and there is no user postgres or nobody")


def _as(owner: pwd.struct_passwd | None) -> dict[str, object]:
    return {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _give(folder: Path, owner: pwd.struct_passwd | None) -> None:
    if owner is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _write(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def _run(command: list[object], owner: pwd.struct_passwd | None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        timeout=START_S,
        cwd="/",
        check=False,
        **_as(owner),
    )  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(server: Server, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            server.admin("SELECT 1")
        except psycopg.OperationalError:
            said = (server.folder / "log").read_text(errors="replace")
            assert process.poll() is None, f"PostgreSQL ended: {said}"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer: {said}"
            time.sleep(0.05)
        else:
            return


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)  # "fast": ends sessions, then itself
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)
