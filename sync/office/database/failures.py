"""Turns what SQLite, PostgreSQL and libpq report into the office's named errors, each with the next command.

Trust boundary: a driver's message may quote a row ("Key (employee_number)=(17) already exists"), so only its
code and the name of a constraint are passed on. What libpq says about a connection that never was holds no row;
it is quoted, without the password.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
from sqlalchemy import exc

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
from sync.office.database.migration import UPGRADE_COMMAND
from sync.office.database.settings import DatabaseSettings, PostgreSQLSettings, SQLiteSettings

MAX_QUOTED = 240
_RULE = "a row contradicts another or a rule"
_KEPT = "what is history is not rewritten"

# SQLite's primary result codes (https://www.sqlite.org/rescode.html): the error, what failed, the next command.
_SQLITE: Mapping[int, tuple[type[DatabaseError], str, str | None]] = {
    code: outcome
    for codes, outcome in (
        (
            (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT),
            (DatabaseCorrupt, "the database's file is damaged", "stop the receiver, restore the last backup"),
        ),
        ((sqlite3.SQLITE_FULL,), (DatabaseDiskFull, "the disk is full", "df -h {folder}")),
        (
            (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH),
            (
                DatabaseNotPermitted,
                "the database cannot be written",
                "ls -ld {folder} {path}; mount | grep ' ro'",
            ),
        ),
        (
            (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
            (DatabaseLocked, "another process holds the database", "fuser -v {path}"),
        ),
        ((sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH), (DatabaseConflict, _RULE, None)),
        ((sqlite3.SQLITE_IOERR,), (DatabaseDiskFailed, "the disk failed", "df -h {folder}; dmesg | tail")),
    )
    for code in codes
}

# SQLSTATE codes or their beginnings (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_STATES: tuple[tuple[tuple[str, ...], type[DatabaseError], str, str | None], ...] = (
    (("P0001",), HistoryKept, _KEPT, None),
    (("3D000",), DatabaseMissing, "the server has no such database", "createdb --owner={user} {name}"),
    (
        ("28",),
        DatabaseLoginRefused,
        "the server refuses the login",
        "psql -h {host} -p {port} -U {user} {name}",
    ),
    (
        ("40001", "40P01", "55P03", "55006", "57014"),
        DatabaseLocked,
        "another transaction holds what this one needs",
        'try again; psql -c "SELECT * FROM pg_stat_activity" shows who holds it',
    ),
    (("53100", "53200", "53400"), DatabaseDiskFull, "the server is out of space", "df -h (on the server)"),
    (
        ("08", "53300", "57P", "25P03", "25P04"),
        DatabaseUnreachable,
        "the server ended the connection",
        "pg_isready -h {host} -p {port}",
    ),
    (
        ("25006", "42501"),
        DatabaseNotPermitted,
        "the server does not allow it",
        "look at the rights of {user}; is the server a read-only standby?",
    ),
    (("42P01", "42703", "42883"), DatabaseOlder, "the database lacks a table or a column", UPGRADE_COMMAND),
    (("XX001", "XX002"), DatabaseCorrupt, "the server found damage", "look at the server's log"),
)

# What a server says before it can give a code, and the code that it means.
_SIGNS = (
    (("password authentication failed", "no password supplied", "peer authentication failed"), "28"),
    (('fatal: database "',), "3D000"),
)


@contextlib.contextmanager
def named(settings: DatabaseSettings) -> Iterator[None]:
    """Let no exception of SQLAlchemy or a driver out; its traceback would quote what it knows."""
    try:
        yield
    except exc.TimeoutError:
        raise DatabaseLocked(
            "every connection of this process is in use", where=settings.where, next_step="try again"
        ) from None
    except exc.DBAPIError as error:
        raise translate(error.orig, settings) from None
    except (sqlite3.Error, psycopg.Error) as error:
        raise translate(error, settings) from None


def translate(error: BaseException | None, settings: DatabaseSettings) -> DatabaseError:
    """Name a driver's failure. Never raises."""
    if isinstance(error, DatabaseError):
        return error
    if isinstance(error, sqlite3.Error) and isinstance(settings, SQLiteSettings):
        return _of_sqlite(error, settings.path)
    if isinstance(error, psycopg.Error) and isinstance(settings, PostgreSQLSettings):
        return _of_connecting(error, settings) if error.sqlstate is None else _of_state(error, settings)
    return DatabaseError(f"the database failed ({type(error).__name__})", where=settings.where)


def _of_sqlite(error: sqlite3.Error, path: Path) -> DatabaseError:
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    where = str(path)
    if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return HistoryKept(_KEPT, where=where)
    if code == sqlite3.SQLITE_ERROR and str(error).startswith(("no such table", "no such column")):
        return DatabaseOlder("the database lacks a table or a column", where=where, next_step=UPGRADE_COMMAND)
    unnamed = (DatabaseError, "the database refused an operation", None)
    kind, what, step = _SQLITE.get(-1 if code is None else code & 0xFF, unnamed)
    step = step and step.format(folder=path.parent, path=path)
    return kind(f"{what} ({name})", where=where, next_step=step)


def _of_state(error: psycopg.Error, settings: PostgreSQLSettings) -> DatabaseError:
    state = error.sqlstate or ""
    if state.startswith("23"):
        rule = error.diag.constraint_name or type(error).__name__
        return DatabaseConflict(f"{_RULE} ({rule})", where=settings.where)
    for states, kind, what, step in _STATES:
        if state.startswith(states):
            return kind(f"{what} ({state})", where=settings.where, next_step=step and _step(step, settings))
    return DatabaseError(
        f"the server refused a statement ({state})", where=settings.where, next_step="look at the server's log"
    )


def _step(text: str, settings: PostgreSQLSettings) -> str:
    return text.format(host=settings.host, port=settings.port, user=settings.user, name=settings.name)


def _of_connecting(error: psycopg.Error, settings: PostgreSQLSettings) -> DatabaseError:
    """No SQLSTATE: the connection never was, or it broke. The server's words may be in its own language."""
    said = _quoted(error, settings)
    lower = said.lower()
    if "read-only" in lower:
        step = "name the primary server in OFFICE_DB_HOST"
        return DatabaseNotPermitted("the server is a read-only standby", where=settings.where, next_step=step)
    for signs, state in _SIGNS:
        if any(sign in lower for sign in signs):
            kind, what, command = next(row[1:] for row in _STATES if row[0][0] == state)
            return kind(what, where=settings.where, next_step=command and _step(command, settings))
    if any(sign in lower for sign in ("certificate", "ssl", "tls", "no encryption")):
        return _not_verified(settings, said)
    return DatabaseUnreachable(
        f"the database server cannot be reached: {said}",
        where=settings.where,
        next_step=f"pg_isready -h {settings.host} -p {settings.port}",
    )


def _quoted(error: psycopg.Error, settings: PostgreSQLSettings) -> str:
    text = " ".join(str(error).split())
    if settings.password:
        text = text.replace(settings.password, "********")
    return "".join(character if character.isprintable() else "?" for character in text)[:MAX_QUOTED]


def _not_verified(settings: PostgreSQLSettings, said: str) -> DatabaseNotVerified:
    step = (
        f"openssl s_client -starttls postgres -connect {settings.host}:{settings.port} -verify_return_error "
        f"-verify_hostname {settings.host} -CAfile {settings.ca_file}"
    )
    return DatabaseNotVerified(
        f"the database server's identity does not hold: {said}", where=settings.where, next_step=step
    )
