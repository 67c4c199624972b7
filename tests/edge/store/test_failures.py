"""Every result code of SQLite becomes a named error."""

import sqlite3
from pathlib import Path

import pytest

from edge.errors import LedgerCorrupt, LedgerDiskFull, LedgerLocked, LedgerReadOnly, StoreError
from edge.store.failures import translate

PATH = Path("/var/lib/clockface/ledger.db")
# What SQLite returns when all is well, or to callbacks; never in an exception.
NOT_FAILURES = {"SQLITE_OK", "SQLITE_ROW", "SQLITE_DONE", "SQLITE_NOTICE", "SQLITE_WARNING"}
NAMED = {
    "SQLITE_CORRUPT": LedgerCorrupt,
    "SQLITE_NOTADB": LedgerCorrupt,
    "SQLITE_FORMAT": LedgerCorrupt,
    "SQLITE_FULL": LedgerDiskFull,
    "SQLITE_READONLY": LedgerReadOnly,
    "SQLITE_PERM": LedgerReadOnly,
    "SQLITE_CANTOPEN": LedgerReadOnly,
    "SQLITE_AUTH": LedgerReadOnly,
    "SQLITE_BUSY": LedgerLocked,
    "SQLITE_LOCKED": LedgerLocked,
    "SQLITE_PROTOCOL": LedgerLocked,
}
# The library's own misuse or ours; nothing that staff could name better than "the ledger refused".
GENERAL = {
    "SQLITE_ERROR", "SQLITE_INTERNAL", "SQLITE_ABORT", "SQLITE_NOMEM", "SQLITE_INTERRUPT", "SQLITE_IOERR",
    "SQLITE_NOTFOUND", "SQLITE_EMPTY", "SQLITE_SCHEMA", "SQLITE_TOOBIG", "SQLITE_CONSTRAINT",
    "SQLITE_MISMATCH", "SQLITE_MISUSE", "SQLITE_NOLFS", "SQLITE_RANGE",
}  # fmt: skip


def failure(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("near 'Ada Lovelace': syntax error")
    error.sqlite_errorcode = getattr(sqlite3, name)
    error.sqlite_errorname = name
    return error


def codes() -> list[str]:
    """Result codes only; the module has other constants (authoriser actions, limits) of other names."""
    known = NOT_FAILURES | NAMED.keys() | GENERAL
    return [name for name in dir(sqlite3) if any(name == base or name.startswith(f"{base}_") for base in known)]


def test_every_result_code_of_the_library_is_known_here() -> None:
    primary = {name for name in codes() if getattr(sqlite3, name) < 0x100}
    assert primary == (NOT_FAILURES | NAMED.keys() | GENERAL) & set(dir(sqlite3))
    assert len(codes()) > 80


@pytest.mark.parametrize("name", [name for name in codes() if not name.startswith(tuple(NOT_FAILURES))])
def test_a_result_code_becomes_its_named_error_with_a_next_step(name: str) -> None:
    base = next(b for b in sorted(NAMED.keys() | GENERAL, key=len, reverse=True) if name.startswith(b))
    error = translate(failure(name), PATH)
    assert type(error) is NAMED.get(base, StoreError)
    assert name in str(error)
    assert str(PATH.parent) in str(error)
    assert error.next_step


def test_the_librarys_own_message_which_may_quote_a_value_is_dropped() -> None:
    assert "Ada" not in str(translate(failure("SQLITE_ERROR"), PATH))


def test_an_error_without_a_code_is_translated_too() -> None:
    assert "ProgrammingError" in str(translate(sqlite3.ProgrammingError("closed"), PATH))
