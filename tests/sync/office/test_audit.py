from sqlalchemy import text

from sync.office import audit
from sync.office.database import Database


def _fill(database: Database, entries: int = 5) -> None:
    for number in range(entries):
        with database.write() as connection:
            audit.append(
                connection,
                at_us=number,
                actor="ana",
                action="report.read",
                subject="lab",
                detail=f"day={number}",
            )


def test_entries_are_gapless_and_hold(office_database: Database) -> None:
    _fill(office_database)
    with office_database.read() as connection:
        found = audit.verify(connection)
        assert [each.seq for each in audit.entries(connection, after=2)] == [3, 4, 5]
    assert (found.entries, found.broken_at) == (5, None)


def test_an_act_that_fails_leaves_no_entry(office_database: Database) -> None:
    class ActFailedError(Exception):
        pass

    try:
        with office_database.write() as connection:
            audit.append(connection, at_us=1, actor="ana", action="person.removed")
            raise ActFailedError
    except ActFailedError:
        pass
    with office_database.read() as connection:
        assert audit.count(connection) == 0


def test_an_entry_that_was_taken_out_shows(office_database: Database) -> None:
    _fill(office_database)
    with office_database.write() as connection:  # whoever owns the file can drop its trigger
        if office_database.dialect == "sqlite":
            for (name,) in connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
            ).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        connection.execute(text("DELETE FROM audit WHERE seq = 3"))
    with office_database.read() as connection:
        assert audit.verify(connection).broken_at == 4


def test_an_altered_entry_shows(office_database: Database) -> None:
    _fill(office_database)
    with office_database.write() as connection:
        if office_database.dialect == "sqlite":
            for (name,) in connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
            ).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE audit SET actor = 'eve' WHERE seq = 2"))
    with office_database.read() as connection:
        assert audit.verify(connection).broken_at == 2
