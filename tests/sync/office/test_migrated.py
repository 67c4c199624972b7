"""What the tests' databases promise: lent again without a row, and never after more than rows has changed."""

import pytest

from sync.office.database import open_database
from tests.sync.office.migrated import Migrated
from tests.sync.office.postgres import Server


def test_what_a_test_wrote_is_gone_and_numbers_begin_anew(postgres: Server, migrated: Migrated) -> None:
    numbers = []
    for _ in range(2):
        with migrated.lent() as name:
            assert postgres.admin("SELECT count(*) FROM sites", database=name) == [(0,)]
            postgres.admin(
                "INSERT INTO sites (site, name, time_zone, created_us) VALUES ('mill', 'Mill', 'UTC', 0)",
                database=name,
            )
            counted = postgres.admin(
                "SELECT sequencename, nextval(sequencename::regclass) FROM pg_sequences", database=name
            )
            numbers.append((name, sorted(counted)))
    assert numbers[0] == numbers[1]
    assert {number for _, number in numbers[0][1]} == {1}


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE sites ADD COLUMN more text",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "ALTER TABLE sites ALTER COLUMN time_zone DROP NOT NULL",
        "GRANT SELECT ON sites TO PUBLIC",
        "CREATE TABLE stranger (name text)",
        "CREATE SCHEMA strange",
        "UPDATE alembic_version SET version_num = 'later'",
        "DROP TABLE alembic_version",
        "ALTER DATABASE {name} SET lock_timeout = '1s'",
    ],
)
def test_a_database_of_which_more_than_rows_has_changed_is_not_lent_again(
    postgres: Server, migrated: Migrated, change: str
) -> None:
    with migrated.lent() as name:
        postgres.admin(change.format(name=name), database=name)
    assert postgres.admin(f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == [(0,)]  # noqa: S608


def test_who_is_still_connected_is_not_connected_to_the_next(postgres: Server, migrated: Migrated) -> None:
    with migrated.lent() as name:
        left = open_database(postgres.settings(name))
        with left.read():
            pass
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
    with migrated.lent() as again:
        assert again == name
        assert postgres.admin(sessions) == [(0,)]
    left.close()
