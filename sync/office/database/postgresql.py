"""PostgreSQL through psycopg 3: TLS with the certificate and the host name verified, or a unix socket.

Every parameter that decides about safety is passed, so that libpq takes none of them from the environment or a
service file. Trust boundary: nothing is sent to a server whose certificate does not hold.
"""

import math
from typing import Any

import psycopg
from sqlalchemy import Engine, NullPool, QueuePool, create_engine

from sync.office.database.settings import PostgreSQLSettings

APPLICATION = "clockface-office"
NO_FILE = "/dev/null"  # where libpq would look into somebody's ~/.pgpass or service file
IDLE_IN_TRANSACTION_S = 120


def make_engine(settings: PostgreSQLSettings) -> Engine:
    """An engine for the server; nothing is connected yet. The password is in no URL."""
    parameters = connection_parameters(settings)

    def connect() -> "psycopg.Connection[Any]":
        return psycopg.connect(**parameters)

    url = "postgresql+psycopg://"
    if settings.conn_max_age_s == 0:
        return create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)
    return create_engine(
        url,
        creator=connect,
        poolclass=QueuePool,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_recycle=settings.conn_max_age_s,
        pool_pre_ping=True,
        pool_timeout=settings.connect_timeout_s,
        hide_parameters=True,
    )


def connection_parameters(settings: PostgreSQLSettings) -> dict[str, Any]:
    """What libpq is told. verify-full also over a socket, where libpq ignores it: a misread host stays safe."""
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.name,
        "user": settings.user,
        "password": settings.password or None,
        "passfile": NO_FILE,
        "sslmode": "verify-full",
        "sslrootcert": str(settings.ca_file or NO_FILE),
        "ssl_min_protocol_version": "TLSv1.2",
        "sslcertmode": "disable",  # a password is the login; no certificate of some home folder is offered
        "gssencmode": "disable",
        "connect_timeout": settings.connect_timeout_s,
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,  # ms; a half-open connection is found
        "target_session_attrs": "read-write",
        "application_name": APPLICATION,
        "client_encoding": "UTF8",
        "options": _session_options(settings),
    }


def _session_options(settings: PostgreSQLSettings) -> str:
    options = {
        "synchronous_commit": "on",  # an acknowledgement means: on disk
        "lock_timeout": f"{math.ceil(settings.lock_timeout_s * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_S}s",  # a hung client frees its rows
        "timezone": "UTC",
        "search_path": "public",
    }
    return " ".join(f"-c {name}={value}" for name, value in options.items())
