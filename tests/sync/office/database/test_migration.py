"""The schema: steps and tables agree, upgrades are all or nothing, newer or foreign ones are left alone."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from sync.office.database import Database, DatabaseSettings, SQLiteSettings, migration, open_database
from sync.office.database.errors import DatabaseForeign, DatabaseMissing, DatabaseNewer, DatabaseOlder
from sync.office.database.schema import metadata

VERSIONS = Path(migration.__file__).with_name("migrations") / "versions"


def test_the_migrations_lead_to_the_tables_of_the_software(office_database: Database) -> None:
    with office_database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_the_migrations_make_every_rule_and_partial_index_of_the_tables(office_database: Database) -> None:
    with office_database.read() as connection:
        inspector = sa.inspect(connection)
        for table in metadata.tables.values():
            made = {each["name"] for each in inspector.get_check_constraints(table.name)}
            assert made == {c.name for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            partial = {i["name"] for i in inspector.get_indexes(table.name) if _is_partial(i)}
            assert partial == {
                i.name for i in table.indexes if i.dialect_options["sqlite"]["where"] is not None
            }


def _is_partial(index: object) -> bool:
    options = index.get("dialect_options", {})  # type: ignore[attr-defined]
    return any(key.endswith("_where") for key in options)


def test_every_table_of_sqlite_is_strict(tmp_path: Path) -> None:
    database = open_database(SQLiteSettings(tmp_path / "office.db"))
    database.upgrade()
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT name, strict FROM pragma_table_list WHERE type = 'table'"
        ).all()
    database.close()
    strict = {name for name, is_strict in rows if is_strict}
    assert strict == set(metadata.tables)


def test_an_upgrade_is_done_once_and_repeating_it_changes_nothing(empty_settings: DatabaseSettings) -> None:
    database = open_database(empty_settings)
    assert database.upgrade() == (None, migration.newest())
    assert database.upgrade() == (migration.newest(), migration.newest())
    database.demand_current()
    database.close()


def test_upgrades_at_the_same_time_take_turns(empty_settings: DatabaseSettings) -> None:
    databases = [open_database(empty_settings) for _ in range(3)]
    befores: list[str | None] = []
    threads = [
        threading.Thread(target=lambda each=each: befores.append(each.upgrade()[0])) for each in databases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for database in databases:
        database.close()
    assert sorted(befores, key=str) == [migration.newest(), migration.newest(), None]


def test_a_step_that_fails_leaves_the_database_as_it_was(
    empty_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(empty_settings)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("sync.office.database.migrations.history.keep", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            database.upgrade()
    with database.read() as connection:
        assert sa.inspect(connection).get_table_names() == []
    assert database.upgrade() == (None, migration.newest())
    database.close()


def test_a_database_from_a_newer_clockface_is_refused_and_left_alone(office_database: Database) -> None:
    with office_database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (office_database.upgrade, office_database.demand_current):
        with pytest.raises(DatabaseNewer, match="9999"):
            attempt()
    with office_database.read() as connection:
        assert migration.present(connection) == "9999"


def test_a_database_of_somebody_else_is_refused_and_left_alone(empty_settings: DatabaseSettings) -> None:
    database = open_database(empty_settings)
    database.upgrade()
    with database.write() as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))
    for attempt in (database.upgrade, database.demand_current):
        with pytest.raises(DatabaseForeign):
            attempt()
    database.close()


def test_outstanding_migrations_are_named_with_the_command_that_takes_them(
    empty_settings: DatabaseSettings,
) -> None:
    database = open_database(empty_settings)
    expected = DatabaseMissing if isinstance(empty_settings, SQLiteSettings) else DatabaseOlder
    with pytest.raises(expected, match="clockface-office database upgrade"):
        database.demand_current()
    database.close()


def test_the_steps_form_one_line() -> None:
    names = sorted(path.stem for path in VERSIONS.glob("step_*.py"))
    assert [name.split("_")[1] for name in names] == [f"{n:04d}" for n in range(1, len(names) + 1)]
    assert migration.newest() == f"{len(names):04d}"
