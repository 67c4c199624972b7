"""Where the office's database is and how it is reached: frozen values that the configuration produces.

Trust boundary: a host that is not a unix socket is reached over TLS with the server's certificate verified
against `ca_file` and its name against `host`; no field weakens this. The password is never in a repr.
"""

from dataclasses import dataclass, field
from pathlib import Path

from sync.office.config.database import SYSTEM_AUTHORITIES
from sync.office.database.errors import DatabaseSettingsInvalid

MAX_PASSWORD_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class SQLiteSettings:
    """A database in one file of this machine.

    Args:
        path: Of the file; its folder is ours alone (0700), the file too (0600).
        busy_timeout_s: How long a writer waits for another process, seconds.
    """

    path: Path
    busy_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.busy_timeout_s <= 600:
            raise DatabaseSettingsInvalid("busy_timeout_s must be above 0 and at most 600 seconds")

    @property
    def where(self) -> str:
        """How messages name this database."""
        return str(self.path)


@dataclass(frozen=True, slots=True)
class PostgreSQLSettings:
    """A database on a PostgreSQL server.

    Args:
        host: One host name or address, or the folder of a unix socket (it begins with /).
        name: Of the database.
        user: Role to log in as.
        password: Its password; empty only over a unix socket (peer authentication).
        port: TCP port, also the socket's number.
        ca_file: Certificates that the server's must lead to (sslrootcert), or "system" for the operating
            system's. Required unless host is a unix socket.
        conn_max_age_s: Seconds after which a connection is not used again; 0 opens one a transaction.
        connect_timeout_s: For a new connection, seconds.
        lock_timeout_s: How long a statement waits for a row that another transaction holds, seconds.
        pool_size: Connections of one process at most.
    """

    host: str
    name: str
    user: str
    password: str = field(repr=False)
    port: int = 5432
    ca_file: Path | str | None = None
    conn_max_age_s: int = 600
    connect_timeout_s: int = 10
    lock_timeout_s: float = 10.0
    pool_size: int = 5

    def __post_init__(self) -> None:
        for name in ("host", "name", "user"):
            _check_text(name, getattr(self, name))
        # libpq takes lists of hosts: "/run/x,evil.example" would look like a socket and be a TCP host.
        if "," in self.host or self.host.startswith("@"):
            raise DatabaseSettingsInvalid(
                "it must be one host name, one address or one folder", where="OFFICE_DB_HOST"
            )
        if any(ord(character) < 32 for character in self.password) or len(self.password) > MAX_PASSWORD_LENGTH:
            raise DatabaseSettingsInvalid(
                "the password holds control characters or is too long", where="OFFICE_DB_PASSWORD"
            )
        if not self.over_socket:
            self._check_network()
        self._check_numbers()

    @property
    def over_socket(self) -> bool:
        """Whether the server is on this machine, behind a unix socket."""
        return self.host.startswith("/")

    @property
    def where(self) -> str:
        """How messages name this database."""
        return f"PostgreSQL {self.name} at {self.host}:{self.port} as {self.user}"

    def _check_network(self) -> None:
        if not self.password:
            raise DatabaseSettingsInvalid(
                "a password is required unless OFFICE_DB_HOST is a unix socket's folder",
                where="OFFICE_DB_PASSWORD",
            )
        if self.ca_file is None or (isinstance(self.ca_file, str) and self.ca_file != SYSTEM_AUTHORITIES):
            raise DatabaseSettingsInvalid(
                "the server's certificate authority is required unless OFFICE_DB_HOST is a socket's folder",
                where="the database's ca_file",
                next_step=f'name a PEM file, or "{SYSTEM_AUTHORITIES}" for the operating system\'s authorities',
            )

    def _check_numbers(self) -> None:
        limits = {
            "port": (1, 65_535),
            "conn_max_age_s": (0, 7 * 86_400),
            "connect_timeout_s": (2, 120),  # libpq knows no shorter one
            "lock_timeout_s": (0.1, 600),
            "pool_size": (1, 100),
        }
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise DatabaseSettingsInvalid(f"{name} must be {least} to {most}", where=f"OFFICE_DB: {name}")


DatabaseSettings = SQLiteSettings | PostgreSQLSettings


def _check_text(name: str, value: str) -> None:
    if not value or len(value) > 255 or any(ord(character) < 32 for character in value):
        raise DatabaseSettingsInvalid(
            f"{name} must be 1 to 255 characters without control characters", where=f"OFFICE_DB_{name.upper()}"
        )
