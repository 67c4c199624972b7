"""Brings the database to this software's schema, under a lock, all steps and their record in one transaction.

Why one: a power cut leaves the schema as it was or as it should be, never between. Trust boundary: a database
that a newer Clockface migrated, or that is not ours, is refused and left untouched.
"""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from sync.office.database.errors import DatabaseCorrupt, DatabaseForeign, DatabaseNewer, DatabaseOlder

UPGRADE_COMMAND = "clockface-office database upgrade"
ADVISORY_KEY = 0x434C4B4F_00000001  # "CLKO" and what the lock is for
VERSION_TABLE = "alembic_version"
_one_at_a_time = threading.Lock()  # Alembic keeps the running migration in module globals


def newest() -> str:
    """The newest revision that this software knows."""
    head = _scripts().get_current_head()
    if head is None:
        raise DatabaseCorrupt("the software was installed without its migrations")
    return head


def present(connection: Connection) -> str | None:
    """The database's revision; null for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def demand_current(connection: Connection, *, where: str) -> None:
    """Refuse a database that is not exactly of this software's schema.

    Raises:
        DatabaseOlder: Migrations are outstanding.
        DatabaseNewer: A newer Clockface migrated it.
        DatabaseForeign: It holds tables, but not ours.
    """
    revision = present(connection)
    _demand_known(connection, revision, where=where)
    if revision != newest():
        raise DatabaseOlder(
            f"the database is at schema {revision or 'none'}, this software needs {newest()}",
            where=where,
            next_step=UPGRADE_COMMAND,
        )


def upgrade(connection: Connection, *, where: str) -> tuple[str | None, str]:
    """Take every outstanding step within the caller's transaction, which holds the lock from here to its end.

    Returns:
        The revision before and after.

    Raises:
        DatabaseNewer, DatabaseForeign: As `demand_current`.
        DatabaseCorrupt: A reference between tables does not hold after the steps.
    """
    if connection.dialect.name == "postgresql":  # SQLite's transaction is exclusive already
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_KEY})
    before = present(connection)
    _demand_known(connection, before, where=where)
    config = configuration()
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, "head")
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise DatabaseCorrupt("a migration left a reference to a row that is not there", where=where)
    return before, newest()


def configuration() -> Config:
    """Alembic's configuration; no file, the steps are beside this module."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())


def _demand_known(connection: Connection, revision: str | None, *, where: str) -> None:
    if revision is None:
        if set(inspect(connection).get_table_names()) - {VERSION_TABLE}:
            raise DatabaseForeign(
                "the database holds tables that are not the office's",
                where=where,
                next_step="name an empty database, or the right one",
            )
        return
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision not in known:
        raise DatabaseNewer(
            f"the database is at schema {revision}, the newest that this software knows is {newest()}",
            where=where,
            next_step="install the newer Clockface again; the database was not touched",
        )
