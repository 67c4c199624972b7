"""What the office's tests share: an open, migrated database on each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.office.database import Database, DatabaseSettings, SQLiteSettings, open_database
from tests.sync.office.postgres import Server, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for the whole run; it starts when the first test asks for it."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres: Server) -> Iterator[str]:
    """A migrated database that others are copied from."""
    with postgres.database() as name:
        database = open_database(postgres.settings(name))
        database.upgrade()
        database.close()
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseSettings]:
    """Where an empty database is, on each engine."""
    if request.param == "sqlite":
        yield SQLiteSettings(tmp_path / "office" / "office.db", busy_timeout_s=5)
        return
    server = request.getfixturevalue("postgres")
    with server.database() as name:
        yield server.settings(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def office_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseSettings]:
    """Where a migrated database is, on each engine."""
    if request.param == "sqlite":
        settings = SQLiteSettings(tmp_path / "office" / "office.db", busy_timeout_s=5)
        database = open_database(settings)
        database.upgrade()
        database.close()
        yield settings
        return
    server, template = request.getfixturevalue("postgres"), request.getfixturevalue("migrated_template")
    with server.database(template=template) as name:
        yield server.settings(name)


@pytest.fixture
def office_database(office_settings: DatabaseSettings) -> Iterator[Database]:
    """A migrated database, open, on each engine."""
    database = open_database(office_settings)
    yield database
    database.close()
