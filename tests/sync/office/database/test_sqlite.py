"""The office's SQLite file: private, durable, one writer at a time, and refused where it is not ours alone."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from sync.office.database import Database, SQLiteSettings, open_database, schema
from sync.office.database.errors import (
    DatabaseCorrupt,
    DatabaseDiskFull,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseNotPermitted,
    DatabaseSettingsInvalid,
)
from tests.sync.office.database.rows import NOW_US


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "office" / "office.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = open_database(SQLiteSettings(path, busy_timeout_s=0.05))
    database.upgrade()
    yield database
    database.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_and_its_folder_are_ours_alone(database: Database, path: Path) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.office).values(name="a", value="b"))
    assert mode(path.parent) == 0o700
    assert {file.name: mode(file) for file in path.parent.iterdir()} == {
        "office.db": 0o600,
        "office.db-wal": 0o600,
        "office.db-shm": 0o600,
    }


def test_every_connection_is_durable_and_keeps_references(database: Database) -> None:
    with database.write() as one, database.read() as other:
        for connection in (one, other):
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "trusted_schema")
            }
            assert found == {
                "journal_mode": "wal",
                "synchronous": 2,
                "foreign_keys": 1,
                "secure_delete": 1,
                "trusted_schema": 0,
            }


def test_a_second_writer_waits_and_is_then_told_who_may_hold_it(database: Database, path: Path) -> None:
    other = open_database(SQLiteSettings(path, busy_timeout_s=0.05))
    with database.write(), pytest.raises(DatabaseLocked, match="fuser"), other.write():
        pass
    with other.write():
        pass
    other.close()


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.office).values(name="a", value="b"))
        with database.read() as reading:
            assert reading.execute(schema.office.select()).all() == []


def test_a_missing_database_is_not_made_by_looking(path: Path) -> None:
    database = open_database(SQLiteSettings(path))
    with pytest.raises(DatabaseMissing), database.read():
        pass
    database.close()
    assert not path.parent.exists()


def test_a_file_that_others_may_read_is_refused(database: Database, path: Path) -> None:
    database.close()
    path.chmod(0o640)
    with pytest.raises(DatabaseNotPermitted, match="chmod 600"), database.read():
        pass


def test_a_folder_that_others_may_write_is_refused(database: Database, path: Path) -> None:
    database.close()
    path.parent.chmod(0o770)
    with pytest.raises(DatabaseNotPermitted, match="chmod 700"), database.read():
        pass


def test_a_link_is_refused(database: Database, path: Path) -> None:
    database.close()
    link = path.with_name("link.db")
    link.symlink_to(path)
    with (
        pytest.raises(DatabaseNotPermitted, match="not a plain file"),
        open_database(SQLiteSettings(link)).read(),
    ):
        pass


def test_a_file_of_another_kind_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(b"not a database at all" * 100)
    before = path.read_bytes()
    with pytest.raises(DatabaseCorrupt):
        open_database(SQLiteSettings(path)).upgrade()
    assert path.read_bytes() == before


def test_a_full_disk_is_named_and_nothing_is_half_written(database: Database) -> None:
    with pytest.raises(DatabaseDiskFull, match="df -h"), database.write() as connection:  # noqa: PT012
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for number in range(1000):
            connection.execute(insert(schema.office).values(name=f"{number}", value="x" * 4000))
    with database.read() as connection:
        assert connection.execute(schema.office.select()).all() == []


def test_what_an_upgrade_switched_off_is_on_again(path: Path) -> None:
    database = open_database(SQLiteSettings(path))
    database.upgrade()
    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        connection.execute(insert(schema.sites).values(site="a", name="a", time_zone="UTC", created_us=NOW_US))
    database.close()


@pytest.mark.parametrize("busy_timeout_s", [0, -1, 601, float("nan")])
def test_a_wait_must_be_sensible(path: Path, busy_timeout_s: float) -> None:
    with pytest.raises(DatabaseSettingsInvalid):
        SQLiteSettings(path, busy_timeout_s=busy_timeout_s)
