"""Where the office's database is.

How PostgreSQL is reached is given by the variables OFFICE_DB_* alone, so that its password stands in no file of
settings; it is in no repr, log or argument either.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator, model_validator

from clockface.config import Section
from sync.connection import checked_host

SYSTEM_AUTHORITIES = "system"  # libpq's word for the operating system's certificate authorities
_DATABASE_NAME = (
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$"  # libpq would take a name with = or :// for more than a name
)
_DATABASE_USER = r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}$"


def _database_host(text: str) -> str:
    if not text.startswith("/"):
        return checked_host(text)
    if not re.fullmatch(r"/[A-Za-z0-9_./-]{1,80}", text):  # libpq takes a comma for the start of another host
        raise ValueError("a unix socket's folder is at most 81 letters, digits and / . _ -")
    return text


class DatabaseConfig(Section):
    """The office's database. Over the network PostgreSQL is reached with sslmode verify-full, always.

    With `engine = "postgresql"` all OFFICE_DB_* variables must be given, but for OFFICE_DB_PASSWORD where
    OFFICE_DB_HOST is a unix socket's folder; with "sqlite" none may be.
    """

    engine: Literal["sqlite", "postgresql"] = Field(
        default="sqlite", description="sqlite: one file, one receiver. postgresql: a server, several receivers."
    )
    path: Path = Field(
        default=Path("/var/lib/clockface-office/office.db"), description="sqlite: the file; mode 0600."
    )
    host: Annotated[str, AfterValidator(_database_host)] | None = Field(
        default=None,
        description="postgresql: one host name, IP address, or the folder of a unix socket (begins with /).",
        json_schema_extra={"variable": "OFFICE_DB_HOST"},
    )
    name: Annotated[str, StringConstraints(pattern=_DATABASE_NAME)] | None = Field(
        default=None,
        description="postgresql: the database's name.",
        json_schema_extra={"variable": "OFFICE_DB_NAME"},
    )
    user: Annotated[str, StringConstraints(pattern=_DATABASE_USER)] | None = Field(
        default=None,
        description="postgresql: the role to log in as.",
        json_schema_extra={"variable": "OFFICE_DB_USER"},
    )
    password: Annotated[SecretStr, Field(min_length=1, max_length=1024)] | None = Field(
        default=None,
        description="postgresql: its password.",
        json_schema_extra={"variable": "OFFICE_DB_PASSWORD"},
    )
    port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        default=None,
        description="postgresql: the TCP port, also the unix socket's number.",
        json_schema_extra={"variable": "OFFICE_DB_PORT"},
    )
    conn_max_age_s: Annotated[int, Field(ge=0, le=604_800)] | None = Field(
        default=None,
        description="postgresql: age at which a connection is not used again, seconds; 0 opens one for each "
        "transaction.",
        json_schema_extra={"variable": "OFFICE_DB_CONN_MAX_AGE"},
    )
    sslrootcert: str = Field(
        default="",
        max_length=1000,
        description="postgresql over the network: the PEM file of the authorities that its certificate must "
        'lead to, or "system" for the operating system\'s.',
    )

    @property
    def over_socket(self) -> bool:
        """Whether PostgreSQL is on this machine, behind a unix socket."""
        return self.host is not None and self.host.startswith("/")

    @field_validator("sslrootcert")
    @classmethod
    def _a_file_or_the_system(cls, value: str) -> str:
        if value not in ("", SYSTEM_AUTHORITIES) and not value.startswith("/"):
            raise ValueError(f'an absolute path, or "{SYSTEM_AUTHORITIES}"')
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        values = {_variable(name): getattr(self, name) for name in _SERVER_FIELDS}
        if self.engine == "sqlite":
            idle = [variable for variable, value in values.items() if value is not None]
            idle += ["sslrootcert"] if self.sslrootcert else []
            if idle:
                raise ValueError(f'{", ".join(idle)} change nothing with engine = "sqlite": unset them')
            return self
        missing = [variable for variable, value in values.items() if value is None]
        if self.over_socket:
            missing = [variable for variable in missing if variable != _variable("password")]
        if missing:
            raise ValueError(f'engine = "postgresql" needs {", ".join(missing)}: nothing of it has a default')
        if self.over_socket == bool(self.sslrootcert):
            raise ValueError(
                "sslrootcert changes nothing with a unix socket: unset it"
                if self.over_socket
                else 'PostgreSQL over the network needs sslrootcert: a PEM file, or "system"'
            )
        return self


_SERVER_FIELDS = ("host", "name", "user", "password", "port", "conn_max_age_s")


def _variable(name: str) -> str:
    return f"OFFICE_DB_{name.removesuffix('_s').upper()}"
