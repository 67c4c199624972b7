"""SQLite: one file of this machine, private to its owner, durable at every commit.

Why so strict: an acknowledged event must survive a power cut (WAL, synchronous=FULL), and a file that others
may read holds names. Writers begin with BEGIN IMMEDIATE, so that none fails half-way for a lock. Trust
boundary: a file that is a link, another user's or open to others is refused before SQLite sees it.
"""

import contextlib
import os
import sqlite3
import stat
import tempfile
from pathlib import Path

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from clockface.secretfiles import sync_folder
from sync.office.database.errors import DatabaseMissing, DatabaseNotPermitted
from sync.office.database.settings import SQLiteSettings

FILE_MODE = 0o600
FOLDER_MODE = 0o700
APPLICATION_ID = 0x434C4B4F  # "CLKO"
MODE_OPTION = "clockface_mode"  # execution option of a connection: one of _BEGIN
POOL_SIZE = 5

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = ON",  # an erased name leaves no trace in free pages
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "temp_store = MEMORY",  # no row ever reaches a temporary file
    "journal_size_limit = 67108864",
    "wal_autocheckpoint = 4000",  # pages: pages that every batch touches are copied back a quarter as often
    "cache_size = -32768",  # KiB
)
_BEGIN = {
    "read": ("PRAGMA query_only = ON", "BEGIN DEFERRED"),
    "write": ("PRAGMA query_only = OFF", "BEGIN IMMEDIATE"),
    # A step may rebuild a table that others refer to; `migration` checks every reference before the commit.
    "migrate": ("PRAGMA query_only = OFF", "PRAGMA foreign_keys = OFF", "BEGIN EXCLUSIVE"),
}


def make_engine(settings: SQLiteSettings) -> Engine:
    """An engine for the file; nothing is opened yet."""

    def connect() -> sqlite3.Connection:
        check_file(settings.path)
        connection = sqlite3.connect(
            f"{settings.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=settings.busy_timeout_s,
            isolation_level=None,  # transactions are begun below, not guessed by the driver
            check_same_thread=False,  # the pool lends a connection to one thread at a time
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}").fetchall()
            _demand_log(connection, settings.path)
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=POOL_SIZE,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    return engine


def _demand_log(connection: sqlite3.Connection, path: Path) -> None:
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":
        raise DatabaseNotPermitted(
            f"SQLite keeps {mode} instead of a write-ahead log",
            where=str(path),
            next_step=f"df -T {path.parent}; the folder must be on a disk of this machine",
        )


def _begin(connection: Connection) -> None:
    for statement in _BEGIN[connection.get_execution_options().get(MODE_OPTION, "write")]:
        connection.exec_driver_sql(statement)


def create_file(path: Path) -> None:
    """Make the folder (0700) and an empty database (0600) where there is none; what exists is left as it is.

    The file gets its name once it is ready, so that two who create it at the same time do not meet half-way.

    Raises:
        DatabaseNotPermitted: The folder or the file cannot be made.
        sqlite3.Error: SQLite cannot write there.
    """
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if os.path.lexists(path):
            return
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            draft = Path(folder) / "draft"
            _write_empty(draft)
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        sync_folder(path.parent)
    except OSError as error:
        raise DatabaseNotPermitted(
            f"the database cannot be created: {error.strerror}",
            where=str(path),
            next_step=f"ls -ld {path.parent}; df -h {path.parent}; mount | grep ' ro'",
        ) from None


def _write_empty(path: Path) -> None:
    """An empty database that keeps a write-ahead log already: to switch later, one would have to be alone."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    finally:
        connection.close()
    path.chmod(FILE_MODE)


def check_file(path: Path) -> None:
    """Refuse a file that is missing, not a plain file, another user's, or open to others.

    Raises:
        DatabaseMissing: There is nothing of that name.
        DatabaseNotPermitted: It is not ours alone.
    """
    try:
        found, folder = path.lstat(), path.parent.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise DatabaseMissing(
            "there is no database", where=str(path), next_step="clockface-office database upgrade"
        ) from None
    except OSError as error:
        raise DatabaseNotPermitted(
            f"the database cannot be reached: {error.strerror}",
            where=str(path),
            next_step=f"ls -ld {path.parent}; run the command as its owner",
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise DatabaseNotPermitted(
            "the database is not a plain file", where=str(path), next_step=f"ls -l {path}"
        )
    if found.st_uid != os.geteuid():
        raise DatabaseNotPermitted(
            "the database belongs to another user",
            where=str(path),
            next_step=f"ls -l {path}; run this as its owner",
        )
    if found.st_mode & 0o077:
        raise DatabaseNotPermitted(
            "others may read the database", where=str(path), next_step=f"chmod 600 {path}"
        )
    if folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX:
        raise DatabaseNotPermitted(
            "others may replace the database", where=str(path.parent), next_step=f"chmod 700 {path.parent}"
        )
