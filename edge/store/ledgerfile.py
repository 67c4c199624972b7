"""Looks at a ledger's file before SQLite does: whose it is, what it is, and which version wrote it.

Why: SQLite, once it has a file open for writing, may change it (it empties the write-ahead log at closing). A
file that is foreign, open to others or from a newer Clockface is refused here, untouched.
"""

import os
import sqlite3
import stat
from pathlib import Path

from clockface.secretfiles import sync_folder
from edge.errors import LedgerCorrupt, LedgerMissing, LedgerNewer, LedgerReadOnly, StoreError

HEADER_BYTES = 100  # https://www.sqlite.org/fileformat.html
MAGIC = b"SQLite format 3\x00"
LEDGER_MODE = 0o600


def refuse_existing(path: Path) -> None:
    """Refuse to put a new ledger where something is.

    Raises:
        StoreError: Something of that name exists.
    """
    if os.path.lexists(path):
        raise StoreError(
            "a ledger exists already and is not overwritten", where=str(path), next_step="clockface doctor"
        )


def demand_file(path: Path) -> None:
    """Tell a ledger that is not there from one that this user cannot reach.

    Raises:
        LedgerMissing: There is nothing of that name.
        LedgerReadOnly: The folder cannot be entered.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise LedgerMissing("there is no ledger", where=str(path), next_step="clockface init") from None
    except OSError as error:
        raise LedgerReadOnly(
            f"the ledger cannot be reached: {error.strerror}",
            where=str(path),
            next_step=f"ls -ld {path.parent}; run the command as its owner",
        ) from None


def create_file(path: Path) -> None:
    """Create an empty file of mode 0600.

    Raises:
        LedgerReadOnly: The folder cannot be written.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, LEDGER_MODE)
    except OSError as error:
        raise LedgerReadOnly(
            f"the ledger cannot be created: {error.strerror}",
            where=str(path),
            next_step=f"ls -ld {path.parent}; df -h {path.parent}",
        ) from None
    os.fchmod(handle, LEDGER_MODE)
    os.close(handle)


def publish(draft: Path, path: Path) -> None:
    """Give a finished draft the ledger's name, durably; a ledger that appeared meanwhile wins.

    Raises:
        StoreError: Something of that name exists.
    """
    handle = os.open(draft, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(draft, path)
    except FileExistsError:
        refuse_existing(path)
    sync_folder(path.parent)


def remove_draft(draft: Path) -> None:
    """Remove what a killed creation left behind."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def check_file(path: Path, *, newest: int, application_id: int) -> None:
    """Refuse a file that this Clockface must not open. Reads 100 bytes and changes nothing.

    Args:
        path: Of the ledger.
        newest: Highest schema version known.
        application_id: The number in the header that marks a ledger.

    Raises:
        LedgerCorrupt: Not a ledger.
        LedgerNewer: From a newer Clockface.
        LedgerReadOnly: Cannot be read or written.
        StoreError: Not a file of ours, or open to others.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise LedgerReadOnly(
            f"the ledger cannot be opened for writing: {error.strerror}",
            where=str(path),
            next_step=f"ls -l {path}",
        ) from None
    try:
        _check_owner(os.fstat(handle), path)
        header = os.pread(handle, HEADER_BYTES, 0)
    finally:
        os.close(handle)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise _foreign(path)
    version = int.from_bytes(header[60:64], "big")
    application = int.from_bytes(header[68:72], "big")
    if path.with_name(path.name + "-wal").exists():
        version = max(version, _peek(path))  # a newer Clockface, killed after its migration
    if application != application_id:
        raise _foreign(path)
    if version > newest:
        raise LedgerNewer(
            f"the ledger has version {version}, this Clockface knows {newest}",
            where=str(path),
            next_step="install the newer Clockface again; the ledger was not touched",
        )


def _peek(path: Path) -> int:
    """Read the version through the write-ahead log, without writing; 0 if that fails."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.1)
        try:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error:
        return 0


def _check_owner(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreError("the ledger is not a regular file", where=str(path), next_step=f"ls -l {path}")
    if status.st_uid != os.geteuid():
        raise StoreError(
            f"the ledger belongs to user {status.st_uid}, not to {os.geteuid()} who runs this",
            where=str(path),
            next_step=f"chown {os.geteuid()} {path}",
        )
    if status.st_mode & 0o077:
        raise StoreError(
            f"the ledger is open to others (mode {stat.S_IMODE(status.st_mode):04o})",
            where=str(path),
            next_step=f"chmod 0600 {path}",
        )


def _foreign(path: Path) -> LedgerCorrupt:
    return LedgerCorrupt(
        "the file is not a Clockface ledger",
        where=str(path),
        next_step=f"file {path}; restore the last backup",
    )
