"""The central office's only state: one schema on SQLite or PostgreSQL, through SQLAlchemy Core and Alembic.

Read `schema` first. `open_database(settings)` gives a `Database`; its `write()` and `read()` give a
SQLAlchemy connection in a transaction; statements are built from the tables in `schema`.
"""

from sync.office.database.engine import Database, open_database
from sync.office.database.settings import DatabaseSettings, PostgreSQLSettings, SQLiteSettings

__all__ = ["Database", "DatabaseSettings", "PostgreSQLSettings", "SQLiteSettings", "open_database"]
