"""What the office's tests share: an open, migrated database on each engine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.office.database import Database, DatabaseSettings, SQLiteSettings, open_database
from tests.sync.office.migrated import Migrated
from tests.sync.office.postgres import Server, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for the whole run; it starts when the first test asks for it."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Server) -> Iterator[Migrated]:
    """Migrated databases on that server, lent to one test after another."""
    with postgres.database() as template:
        database = open_database(postgres.settings(template))
        database.upgrade()
        database.close()
        yield Migrated(postgres, template)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a migrated SQLite database that others are copied from."""
    settings = SQLiteSettings(tmp_path_factory.mktemp("migrated") / "office" / "office.db")
    database = open_database(settings)
    database.upgrade()
    database.close()
    return settings.path.parent


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
        folder = shutil.copytree(request.getfixturevalue("migrated_file"), tmp_path / "office")
        yield SQLiteSettings(folder / "office.db", busy_timeout_s=5)
        return
    server, migrated = request.getfixturevalue("postgres"), request.getfixturevalue("migrated")
    with migrated.lent() as name:
        yield server.settings(name)


@pytest.fixture
def office_database(office_settings: DatabaseSettings) -> Iterator[Database]:
    """A migrated database, open, on each engine."""
    database = open_database(office_settings)
    yield database
    database.close()
