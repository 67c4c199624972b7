"""Transactions on both engines: all or nothing, reads that change nothing, history that stays, named errors."""

import traceback

import pytest
from sqlalchemy import delete, func, insert, select, text, update

from sync.office.database import Database, schema
from sync.office.database.errors import (
    DatabaseConflict,
    DatabaseError,
    DatabaseNotPermitted,
    DatabaseOlder,
    HistoryKept,
)
from tests.sync.office.database.rows import NOW_US, add_device, add_epoch, event_row


def count(database: Database, table: str) -> int:
    with database.read() as connection:
        return int(
            connection.execute(select(func.count()).select_from(schema.metadata.tables[table])).scalar_one()
        )


def test_what_was_written_is_there_for_the_next_transaction(office_database: Database) -> None:
    with office_database.write() as connection:
        device = add_device(connection)
        epoch = add_epoch(connection, device)
        connection.execute(insert(schema.events), [event_row(device, epoch, seq) for seq in (1, 2, 3)])
    with office_database.read() as connection:
        rows = connection.execute(select(schema.events).order_by(schema.events.c.id)).mappings().all()
    assert [row["seq"] for row in rows] == [1, 2, 3]
    written = event_row(device, epoch, 2)
    assert {name: rows[1][name] for name in written} == written
    assert rows[0]["id"] < rows[1]["id"] < rows[2]["id"]


def test_a_block_that_raises_writes_nothing(office_database: Database) -> None:
    with pytest.raises(RuntimeError), office_database.write() as connection:  # noqa: PT012
        add_device(connection)
        raise RuntimeError
    assert count(office_database, "sites") == count(office_database, "devices") == 0


def test_a_read_cannot_write(office_database: Database) -> None:
    with pytest.raises(DatabaseNotPermitted), office_database.read() as connection:
        add_device(connection)
    with office_database.write() as connection:  # and the connection is as good as new
        add_device(connection)
    assert count(office_database, "devices") == 1


def test_a_read_sees_one_moment(office_database: Database) -> None:
    with office_database.read() as reading:
        before = reading.execute(select(func.count()).select_from(schema.sites)).scalar_one()
        with office_database.write() as writing:
            add_device(writing)
        after = reading.execute(select(func.count()).select_from(schema.sites)).scalar_one()
    assert (before, after) == (0, 0)
    assert count(office_database, "sites") == 1


def test_flags_are_booleans_on_both_engines(office_database: Database) -> None:
    with office_database.write() as connection:
        device = add_device(connection)
        connection.execute(insert(schema.device_health).values(device_id=device))
    online = schema.device_health.c.online
    with office_database.write() as connection:
        assert connection.execute(select(online)).scalar_one() is False
        connection.execute(update(schema.device_health).values(online=True))
        assert connection.execute(select(online).where(online)).scalar_one() is True


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("events", "hash", bytes(32)),
        ("events", "envelope", b"forged"),
        ("events", "seq", 99),
        ("events", "time_us", 1),
        ("epochs", "epoch", "000009-00112233aabbccdd"),
        ("devices", "device", "other"),
        ("audit", "actor", "somebody else"),
        ("audit", "hash", bytes(32)),
    ],
)
def test_history_is_not_rewritten(office_database: Database, table: str, column: str, value: object) -> None:
    populate(office_database)
    with pytest.raises(HistoryKept), office_database.write() as connection:
        connection.execute(update(schema.metadata.tables[table]).values({column: value}))


@pytest.mark.parametrize("table", ["events", "epochs", "audit"])
def test_history_is_not_deleted(office_database: Database, table: str) -> None:
    populate(office_database)
    with pytest.raises(HistoryKept), office_database.write() as connection:
        connection.execute(delete(schema.metadata.tables[table]))
    assert count(office_database, table) == 1


def test_history_cannot_be_emptied_at_once_on_postgresql(office_database: Database) -> None:
    populate(office_database)
    if office_database.dialect != "postgresql":
        return  # SQLite has no TRUNCATE
    with pytest.raises(HistoryKept), office_database.write() as connection:
        connection.execute(text("TRUNCATE audit"))


def test_what_is_read_from_an_event_may_be_read_again_by_newer_software(office_database: Database) -> None:
    populate(office_database)
    with office_database.write() as connection:
        connection.execute(update(schema.events).values(interpreted=True, direction="out"))


def test_a_contradiction_is_named_and_quotes_no_row(office_database: Database) -> None:
    with pytest.raises(DatabaseConflict) as caught, office_database.write() as connection:  # noqa: PT012
        for person in ("a" * 32, "b" * 32):
            connection.execute(
                insert(schema.people).values(
                    person=person, employee_number="SECRET-4711", created_us=NOW_US, changed_us=NOW_US
                )
            )
    assert "SECRET-4711" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "values", [{"state": "sideways"}, {"sealing_key": b"short"}, {"trusted_seq": 4}, {"site": "nowhere"}]
)
def test_rules_of_the_tables_hold(office_database: Database, values: dict[str, object]) -> None:
    with office_database.write() as connection:
        add_device(connection)
    with pytest.raises(DatabaseConflict), office_database.write() as connection:  # noqa: PT012
        row = {"site": "mill", "device": "b", "state": "active", "registered_us": 1, "registered_by": "root"}
        connection.execute(insert(schema.devices).values(row | values))


def test_a_text_is_no_number(office_database: Database) -> None:
    with pytest.raises(DatabaseError), office_database.write() as connection:
        connection.execute(text("INSERT INTO followers (name, position) VALUES ('a', 'b')"))


def test_a_missing_table_asks_for_the_upgrade(office_database: Database) -> None:
    with pytest.raises(DatabaseOlder, match="database upgrade"), office_database.read() as connection:
        connection.execute(text("SELECT * FROM from_the_future"))


def populate(database: Database) -> None:
    with database.write() as connection:
        device = add_device(connection)
        epoch = add_epoch(connection, device)
        connection.execute(insert(schema.events), [event_row(device, epoch, 1)])
        connection.execute(
            insert(schema.audit).values(
                seq=1, at_us=NOW_US, actor="root", action="a.b", subject="", detail="",
                prev_hash=bytes(32), hash=b"\1" * 32,
            )
        )  # fmt: skip
