"""The office's open database: transactions to read and to write, on SQLite or PostgreSQL alike.

What leaves here as an error is named (`failures`); a driver's exception, which may quote a row, does not.
Threads may share a `Database`; each transaction borrows a connection of its own.
"""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine

from sync.office.database import migration, postgresql, sqlite
from sync.office.database.failures import named
from sync.office.database.settings import DatabaseSettings, SQLiteSettings


def open_database(settings: DatabaseSettings) -> "Database":
    """Prepare the database; the first transaction connects.

    Before anything else call `upgrade` (it also creates an SQLite file) or `demand_current`.
    """
    if isinstance(settings, SQLiteSettings):
        return Database(sqlite.make_engine(settings), settings=settings)
    return Database(postgresql.make_engine(settings), settings=settings)


class Database:
    """The office's database."""

    def __init__(self, engine: Engine, *, settings: DatabaseSettings) -> None:
        self._engine = engine
        self.settings = settings

    @property
    def dialect(self) -> str:
        """Which engine it is: sqlite or postgresql."""
        return self._engine.dialect.name

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on disk when the block ends, or gone when it raises.

        SQLite has one writer at a time; on PostgreSQL (READ COMMITTED) lock what must not move.

        Raises:
            DatabaseError: One of its children; nothing of this block was written. Only after a
                DatabaseUnreachable during the commit nobody knows: what is done again must be idempotent.
        """
        with self._connected("write") as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the database and can change nothing.

        Raises:
            DatabaseError: One of its children.
        """
        with self._connected("read") as connection, connection.begin():
            yield connection

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the schema to this software's, creating an SQLite file where there is none. Safe to repeat.

        Returns:
            The revision before (null: empty) and after.

        Raises:
            DatabaseNewer: A newer Clockface migrated it; it was not touched.
            DatabaseForeign: It is not a database of the office.
            DatabaseError: One of its other children.
        """
        if isinstance(self.settings, SQLiteSettings):
            with named(self.settings):
                sqlite.create_file(self.settings.path)
        with self._connected("migrate") as connection:
            with connection.begin():
                steps = migration.upgrade(connection, where=self.settings.where)
            connection.invalidate()  # SQLite's had references unchecked
        return steps

    def demand_current(self) -> None:
        """Refuse a database that is not exactly of this software's schema.

        Raises:
            DatabaseOlder: Migrations are outstanding.
            DatabaseNewer: A newer Clockface migrated it.
            DatabaseForeign: It is not a database of the office.
            DatabaseError: One of its other children.
        """
        with self.read() as connection:
            migration.demand_current(connection, where=self.settings.where)

    def close(self) -> None:
        """Let go of every connection. May be called twice."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _connected(self, mode: str) -> Iterator[Connection]:
        with named(self.settings), self._engine.connect() as connection:
            if self.dialect == "sqlite":
                connection.execution_options(**{sqlite.MODE_OPTION: mode})
            elif mode == "read":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection
