"""Turns what SQLite reports into Clockface's named errors, each with the next command.

Pure; the test beside it holds it against every result code that SQLite knows. Trust boundary: SQLite's own
message is dropped, because it may quote a value; its code says enough.
"""

import sqlite3
from pathlib import Path

from edge.errors import (
    LedgerCorrupt,
    LedgerDiskFull,
    LedgerLocked,
    LedgerReadOnly,
    StoreError,
)

# Primary result codes (https://www.sqlite.org/rescode.html); extended ones carry the primary in the low byte.
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


def translate(error: sqlite3.Error, path: Path) -> StoreError:
    """Name a failure of SQLite on the ledger at `path`. Never raises."""
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    where = str(path)
    primary = None if code is None else code & 0xFF
    if primary in _CORRUPT:
        return LedgerCorrupt(
            f"the ledger's file is damaged ({name})",
            where=where,
            next_step="stop the daemon, keep a copy of the file, restore the last backup",
        )
    if primary == sqlite3.SQLITE_FULL:
        return LedgerDiskFull(f"the disk is full ({name})", where=where, next_step=f"df -h {path.parent}")
    if primary in _READ_ONLY:
        return LedgerReadOnly(
            f"the ledger cannot be written ({name})",
            where=where,
            next_step=f"ls -ld {path.parent} {path}; mount | grep ' ro'",
        )
    if primary in _LOCKED:
        return LedgerLocked(
            f"another process holds the ledger ({name})", where=where, next_step=f"fuser -v {path}"
        )
    if primary == sqlite3.SQLITE_IOERR:
        return StoreError(f"the disk failed ({name})", where=where, next_step="dmesg | tail; clockface doctor")
    return StoreError(f"the ledger refused an operation ({name})", where=where, next_step="clockface doctor")
