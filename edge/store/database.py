"""One SQLite file, owned by one process: how it is created, opened, guarded and written.

Why so strict: a confirmed punch must survive a power cut at any instant (WAL, synchronous=FULL), and a ledger
that is damaged, foreign or newer must be refused before anything is written to it. Trust boundary: the file
comes from a disk that may be full, read-only, restored or altered; only `edge` opens it.
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from clockface.secretfiles import sync_folder
from edge import __version__
from edge.errors import LedgerCorrupt, LedgerLocked, LedgerMissing, LedgerNewer, LedgerReadOnly, StoreError
from edge.store.failures import translate
from edge.store.ledgerfile import check_file, create_file, demand_file, publish, refuse_existing, remove_draft
from edge.store.schema import APPLICATION_ID, MIGRATIONS, NEWEST, Migration

BUSY_TIMEOUT_S = 2.0  # only a foreign SQLite tool can hold the file; waiting longer would stall the kiosk
COPY_PAGES = 64  # 256 KiB at a time: about a millisecond, in which nobody else has the connection
COPY_REST_S = 0.002
CHECKED_AT_OPEN = (
    "identity",
    "people",
    "consents",
    "templates",
    "epochs",
    "frontier",
    "last_punches",
    "office",
    "committed",
    "superseded",
    "office_progress",
)


class Database:
    """The open ledger file. Threads share its one connection; `write` and `read` take turns."""

    def __init__(self, connection: sqlite3.Connection, *, path: Path, lock: int) -> None:
        self._connection: sqlite3.Connection | None = connection
        self.path = path
        self._lock_handle = lock
        self._turn = threading.RLock()
        self._depth = 0
        self._scrub_due = False
        self._copying = threading.Lock()

    @classmethod
    def create(cls, path: Path, populate: Callable[["Database"], None]) -> None:
        """Make a new ledger that is complete or absent after a power cut; nothing that exists is touched.

        Args:
            path: Of the ledger; its folder exists.
            populate: Fills the tables of a draft, which then takes its name.

        Raises:
            StoreError: A file of that name exists, or one of the named reasons why it cannot be made.
        """
        lock = _take_lock(path)
        draft = path.with_name(f".{path.name}.new")
        try:
            refuse_existing(path)
            remove_draft(draft)
            create_file(draft)
            database = cls._prepare(draft, os.dup(lock))
            try:
                populate(database)
            finally:
                database.close()
            publish(draft, path)
        finally:
            remove_draft(draft)
            os.close(lock)

    @classmethod
    def open(cls, path: Path) -> "Database":
        """Open an existing ledger, migrate it, and check what the kiosk needs at once.

        Raises:
            LedgerMissing: There is no file.
            LedgerLocked: Another process holds it.
            LedgerNewer: A newer Clockface wrote it; it is left untouched.
            LedgerCorrupt: It is not a ledger, or it is damaged.
            LedgerReadOnly: It or its folder cannot be written.
        """
        demand_file(path)
        lock = _take_lock(path)
        try:
            check_file(path, newest=NEWEST, application_id=APPLICATION_ID)
            return cls._prepare(path, lock)
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def _prepare(cls, path: Path, lock: int) -> "Database":
        try:
            connection = _connect(path)
            try:
                _migrate(connection, path)
                _quick_check(connection, path)
            except BaseException:
                connection.close()
                raise
            sync_folder(path.parent)
        except sqlite3.Error as error:
            raise translate(error, path) from None
        return cls(connection, path=path, lock=lock)

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection for a consistent read.

        Raises:
            StoreError: SQLite failed, or the ledger is closed.
        """
        with self._turn:
            try:
                yield self._open()
            except sqlite3.Error as error:
                raise translate(error, self.path) from error

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection in a transaction that is on disk when the block ends, or gone when it raises.

        A `write` within a `write` of the same thread is part of the outer one: a savepoint.

        Raises:
            StoreError: SQLite failed; nothing of this block was written.
        """
        with self._turn:
            connection = self._open()
            mark = f"inner_{self._depth}"
            begin, end, undo = (
                (f"SAVEPOINT {mark}", f"RELEASE {mark}", (f"ROLLBACK TO {mark}", f"RELEASE {mark}"))
                if self._depth
                else ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
            )
            try:
                connection.execute(begin)
                self._depth += 1
                try:
                    yield connection
                    connection.execute(end)
                finally:
                    self._depth -= 1
            except BaseException as error:
                if connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        for statement in undo:
                            connection.execute(statement)
                if isinstance(error, sqlite3.Error):
                    raise translate(error, self.path) from error
                raise
            if self._scrub_due and not self._depth:
                self._scrub_due = False
                self.scrub()

    def scrub(self) -> None:
        """Empty the write-ahead log, so that erased rows do not linger in it.

        Within a `write` that happens once its outermost block is on disk.
        """
        with self.read() as connection:
            if self._depth:
                self._scrub_due = True
                return
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def reusable_bytes(self) -> int:
        """Bytes of the file that hold nothing any more: they are written before the file grows."""
        with self.read() as connection:
            pages = connection.execute("PRAGMA freelist_count").fetchone()[0]
            size = connection.execute("PRAGMA page_size").fetchone()[0]
        return int(pages * size)

    def copy_to(self, target: Path) -> None:
        """Copy the ledger as of one moment into a new file, while it is read and written.

        SQLite's online backup, in pieces between which others take their turn; what is committed meanwhile is
        in the copy too. The file is the caller's to remove, also after an error.

        Raises:
            StoreError: The target exists or cannot be written, the ledger failed, or was closed meanwhile.
        """
        create_file(target)
        with self._copying:
            try:
                with contextlib.closing(sqlite3.connect(target)) as copy:
                    self._open().backup(
                        copy, pages=COPY_PAGES, progress=self._between_pieces, sleep=COPY_REST_S
                    )
                _sync(target)
            except sqlite3.Error as error:
                raise translate(error, target) from error

    def _between_pieces(self, _status: int, _left: int, _total: int) -> None:
        self._open()  # closed meanwhile: the copy ends here
        time.sleep(COPY_REST_S)

    def close(self) -> None:
        """Close the file and let go of it. May be called twice."""
        with self._turn:
            if self._connection is None:
                return
            connection, self._connection = self._connection, None
            try:
                with self._copying:  # it notices, and ends
                    connection.close()
            except sqlite3.Error as error:
                raise translate(error, self.path) from error
            finally:
                os.close(self._lock_handle)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError("the ledger is closed", where=str(self.path))
        return self._connection


@contextlib.contextmanager
def owning(path: Path) -> Iterator[None]:
    """Own a ledger without opening it, so that no daemon can.

    Raises:
        LedgerLocked: A process has it open.
    """
    handle = _take_lock(path)
    try:
        yield
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _take_lock(path: Path) -> int:
    """Own the ledger: flock on a file beside it, held while it is open, freed by the kernel on death."""
    file = path.with_name(path.name + ".lock")
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        raise LedgerMissing(
            "the state folder does not exist", where=str(path.parent), next_step="clockface init"
        ) from None
    except OSError as error:
        raise LedgerReadOnly(
            f"the ledger's folder cannot be written: {error.strerror}",
            where=str(path.parent),
            next_step=f"ls -ld {path.parent}; mount | grep ' ro'",
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise LedgerLocked(
            "another process holds the ledger",
            where=str(path),
            next_step="systemctl status clockface-edge; only one daemon may own a ledger",
        ) from None
    return handle


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in (
            "locking_mode = EXCLUSIVE",  # no other process reads half a picture, and no -shm file
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "temp_store = MEMORY",  # no row ever reaches a temporary file
            "journal_size_limit = 4194304",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    except BaseException:
        connection.close()
        raise
    if mode != "wal":
        connection.close()
        raise StoreError(f"SQLite keeps {mode} instead of a write-ahead log", where=str(path))
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > NEWEST:
        raise newer(path, version)
    for migration in MIGRATIONS:
        if migration.version > version:
            apply_migration(connection, migration)


def apply_migration(connection: sqlite3.Connection, migration: Migration) -> None:
    """Take one step and record it, both or neither."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in migration.statements:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO migrations (version, name, software) VALUES (?, ?, ?)",
            (migration.version, migration.name, __version__),
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {migration.version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _quick_check(connection: sqlite3.Connection, path: Path) -> None:
    """Check the small tables; the events, which may be many, are checked by `Store.verify`."""
    for table in CHECKED_AT_OPEN:
        found = connection.execute(f"PRAGMA quick_check('{table}')").fetchone()[0]
        if found != "ok":
            raise LedgerCorrupt(
                f"the table {table} is damaged",
                where=str(path),
                next_step="keep a copy of the file, restore the last backup",
            )


def newer(path: Path, version: int) -> LedgerNewer:
    """The error for a ledger from the future."""
    return LedgerNewer(
        f"the ledger has version {version}, this Clockface ({__version__}) knows {NEWEST}",
        where=str(path),
        next_step="install the newer Clockface again; the ledger was not touched",
    )
