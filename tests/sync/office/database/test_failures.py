"""Every code of SQLite, and what PostgreSQL and libpq say, becomes a named error without their words."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from psycopg import errors as states

from sync.office.database import PostgreSQLSettings, SQLiteSettings
from sync.office.database.errors import (
    DatabaseConflict,
    DatabaseCorrupt,
    DatabaseDiskFailed,
    DatabaseDiskFull,
    DatabaseError,
    DatabaseLocked,
    DatabaseLoginRefused,
    DatabaseMissing,
    DatabaseNotPermitted,
    DatabaseNotVerified,
    DatabaseOlder,
    DatabaseUnreachable,
    HistoryKept,
)
from sync.office.database.failures import translate

FILE = SQLiteSettings(Path("/srv/office.db"))
SERVER = PostgreSQLSettings(
    host="db", name="office", user="clock", password="pass-word", ca_file=Path("ca.pem")
)
CODES = {
    name: code for name, code in vars(sqlite3).items() if name.startswith("SQLITE_") and isinstance(code, int)
}


def failed(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("UNIQUE constraint failed: people.name = Ada")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_SOMETHING"
    return error


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_code_of_sqlite_has_a_name_and_quotes_nothing(name: str) -> None:
    error = translate(failed(CODES[name]), FILE)
    assert "Ada" not in str(error)
    assert "/srv/office.db" in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, DatabaseDiskFull),
        (sqlite3.SQLITE_BUSY, DatabaseLocked),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, DatabaseLocked),
        (sqlite3.SQLITE_CORRUPT, DatabaseCorrupt),
        (sqlite3.SQLITE_NOTADB, DatabaseCorrupt),
        (sqlite3.SQLITE_READONLY, DatabaseNotPermitted),
        (sqlite3.SQLITE_CANTOPEN, DatabaseNotPermitted),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, DatabaseConflict),
        (sqlite3.SQLITE_CONSTRAINT_TRIGGER, HistoryKept),
        (sqlite3.SQLITE_IOERR_FSYNC, DatabaseDiskFailed),
        (sqlite3.SQLITE_IOERR_SHMSIZE, DatabaseDiskFailed),
    ],
)
def test_codes_of_sqlite_mean(code: int, kind: type[DatabaseError]) -> None:
    assert type(translate(failed(code), FILE)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (states.DiskFull, DatabaseDiskFull),
        (states.LockNotAvailable, DatabaseLocked),
        (states.DeadlockDetected, DatabaseLocked),
        (states.SerializationFailure, DatabaseLocked),
        (states.UniqueViolation, DatabaseConflict),
        (states.ForeignKeyViolation, DatabaseConflict),
        (states.InvalidPassword, DatabaseLoginRefused),
        (states.InvalidCatalogName, DatabaseMissing),
        (states.InsufficientPrivilege, DatabaseNotPermitted),
        (states.ReadOnlySqlTransaction, DatabaseNotPermitted),
        (states.UndefinedTable, DatabaseOlder),
        (states.AdminShutdown, DatabaseUnreachable),
        (states.CannotConnectNow, DatabaseUnreachable),
        (states.TooManyConnections, DatabaseUnreachable),
        (states.ConnectionFailure, DatabaseUnreachable),
        (states.DataCorrupted, DatabaseCorrupt),
        (states.RaiseException, HistoryKept),
        (states.SyntaxError, DatabaseError),
    ],
)
def test_codes_of_postgresql_mean(error: type[psycopg.Error], kind: type[DatabaseError]) -> None:
    named = translate(error("Key (name)=(Ada) already exists."), SERVER)
    assert type(named) is kind
    assert "Ada" not in str(named)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("connection failed: SSL error: certificate verify failed", DatabaseNotVerified),
        ('server certificate for "a" does not match host name "db"', DatabaseNotVerified),
        ("server does not support SSL, but SSL was required", DatabaseNotVerified),
        ("no pg_hba.conf entry for host, no encryption", DatabaseNotVerified),
        ('FATAL:  password authentication failed for user "clock"', DatabaseLoginRefused),
        ('FATAL:  database "office" does not exist', DatabaseMissing),
        ("session is read-only", DatabaseNotPermitted),
        ("connection refused", DatabaseUnreachable),
        ("server closed the connection unexpectedly", DatabaseUnreachable),
    ],
)
def test_what_is_said_before_there_is_a_code_means(said: str, kind: type[DatabaseError]) -> None:
    named = translate(psycopg.OperationalError(f"{said}\nwith pass-word\x1b[31m"), SERVER)
    assert type(named) is kind
    assert "pass-word" not in str(named)
    assert "\x1b" not in str(named)


def test_a_failure_of_no_known_kind_says_its_class_only() -> None:
    assert "OSError" in str(translate(OSError("Ada"), SERVER))
    assert "Ada" not in str(translate(OSError("Ada"), SERVER))
