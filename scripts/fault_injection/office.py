"""The office of a run: its folder, its keys, its database on SQLite or PostgreSQL, its receiver process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from scripts.fault_injection.clocks import MovedClock
from scripts.fault_injection.processes import ROOT, Child
from sync.office.database import Database, DatabaseSettings, SQLiteSettings, open_database
from sync.office.keys import read_receiver_keys, read_signing_key
from sync.office.registration import OfficeIdentityKeys
from tests.sync.mosquitto import Credentials, free_port
from tests.sync.office.postgres import ADMIN, Server

COMMAND_S = 60.0


class OfficeHome:
    """One office.

    Args:
        folder: Its own.
        credentials: Of its receiver.
        port: Where the broker answers.
        server: A PostgreSQL server; None for SQLite.
        database: The name of a database there.
        name: What the receiver's log is called.
        state: Of another receiver of the same office, whose keys it shares.
        settings: More environment, such as an interval.
    """

    def __init__(
        self,
        folder: Path,
        *,
        credentials: Credentials,
        port: int,
        server: Server | None = None,
        database: str = "",
        name: str = "receiver",
        state: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.state = state or folder / "state"
        self.operator_key = folder / "operator" / "operator_key"
        self.metrics_port = free_port()
        self.port = port
        self._server, self._database = server, database
        folder.mkdir(parents=True, exist_ok=True)
        if state is None:
            self.state.mkdir(mode=0o700, exist_ok=True)
        self.tls = folder / "tls"
        self.tls.mkdir(exist_ok=True)
        self.install(credentials)
        self.clock = MovedClock(folder / "clock")
        self.environment = self._environment() | (settings or {})
        self.receiver = Child(
            name, ["-m", "sync.office", "run"], environment=self.environment, log=folder / f"{name}.log"
        )

    def _environment(self) -> dict[str, str]:
        own = {
            "PATHS__STATE": str(self.state),
            "PATHS__TLS": str(self.tls),
            "BROKER__ADDRESSES": json.dumps([f"localhost:{self.port}"]),
            "BROKER__BACKOFF_MAX_S": "1",
            "BROKER__CONNECT_TIMEOUT_S": "5",
            "BROKER__KEEPALIVE_S": "5",
            "METRICS__PORT": str(self.metrics_port),
        }
        server: dict[str, str] = {}
        if self._server is None:
            own["DATABASE__PATH"] = str(self.state / "office.db")
        else:
            own["DATABASE__ENGINE"] = "postgresql"
            own["DATABASE__SSLROOTCERT"] = str(self._server.folder / "ca.pem")
            server = {
                "OFFICE_DB_HOST": "localhost",
                "OFFICE_DB_PORT": str(self._server.port),
                "OFFICE_DB_NAME": self._database,
                "OFFICE_DB_USER": ADMIN,
                "OFFICE_DB_PASSWORD": self._server.password,
                "OFFICE_DB_CONN_MAX_AGE": "60",
            }
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        return kept | server | {f"CLOCKFACE_OFFICE_{name}": value for name, value in own.items()}

    def install(self, credentials: Credentials) -> None:
        """Put key and certificates where the receiver looks for them."""
        named = {"office.key": credentials.key, "ca.crt": credentials.authority}
        for name, source in {**named, "office.crt": credentials.certificate}.items():
            draft = self.tls / f".{name}"
            draft.unlink(missing_ok=True)
            draft.touch(mode=0o600)
            draft.write_bytes(source.read_bytes())
            draft.replace(self.tls / name)

    def init(self) -> None:
        """Keys and database, by the office's own command."""
        done = subprocess.run(
            [sys.executable, "-m", "sync.office", "init", "--operator-key", str(self.operator_key)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"clockface-office init failed: {done.stderr}")

    def start(self) -> None:
        """Start the receiver on this office's clock."""
        self.receiver.tools = self.clock.environment
        self.receiver.start()

    def await_ready(self, *, within_s: float) -> None:
        """Wait, bounded, until the receiver says that broker and database are well.

        Raises:
            RuntimeError: It does not.
        """
        deadline = time.monotonic() + within_s
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{self.metrics_port}/health").status_code == 200:
                    return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the receiver is not ready; see {self.receiver.log}")
            time.sleep(0.1)

    @property
    def identity(self) -> OfficeIdentityKeys:
        """What devices must know of it, and the operator's key that signs their bundles."""
        keys = read_receiver_keys(
            online=self.state / "keys/online_key", sealing=self.state / "keys/sealing_key"
        )
        return OfficeIdentityKeys(
            name="Head office",
            online=keys.online.public_key(),
            operator=read_signing_key(self.operator_key),
            sealing=keys.sealing.public_key(),
            brokers=(f"localhost:{self.port}",),
            authorities=(self.tls / "ca.crt").read_text(encoding="ascii"),
        )

    @property
    def settings(self) -> DatabaseSettings:
        """How the judge reaches the database."""
        if self._server is not None:
            return self._server.settings(self._database)
        return SQLiteSettings(self.state / "office.db", busy_timeout_s=20)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database, open."""
        database = open_database(self.settings)
        try:
            yield database
        finally:
            database.close()
