"""Storing events in bulk, once; and following them without missing one."""

import pytest
from sqlalchemy import insert, select

from sync.office.database import Database, arrivals, ingest, schema
from sync.office.database.errors import DatabaseConflict
from tests.sync.office.database.rows import add_device, add_epoch, event_row


def start(database: Database) -> tuple[int, int]:
    with database.write() as connection:
        device = add_device(connection)
        return device, add_epoch(connection, device)


def stored(database: Database, *, above: int = 0, up_to: int = 2**62) -> list[int]:
    rows = schema.events
    with database.read() as connection:
        chosen = select(rows.c.seq).where(rows.c.id > above, rows.c.id <= up_to).order_by(rows.c.id)
        return list(connection.execute(chosen).scalars())


def test_an_event_that_is_there_already_is_a_conflict_and_nothing_is_stored(office_database: Database) -> None:
    device, epoch = start(office_database)
    with office_database.write() as connection:
        ingest.append_events(connection, [event_row(device, epoch, seq) for seq in (1, 2)])
    with pytest.raises(DatabaseConflict), office_database.write() as connection:
        ingest.append_events(connection, [event_row(device, epoch, seq) for seq in (3, 2)])
    assert stored(office_database) == [1, 2]


def test_every_column_of_an_event_comes_back_as_it_was(office_database: Database) -> None:
    device, epoch = start(office_database)
    row = event_row(device, epoch, 1) | {
        "interpreted": False, "work_code": "'; DROP TABLE events --\N{SNOWMAN}", "envelope": bytes(range(256)),
        "reissues_epoch": "000001-00112233aabbccdd", "reissues_seq": 2**31 - 1, "reissues_hash": b"\xff" * 32,
    }  # fmt: skip
    with office_database.write() as connection:
        ingest.append_events(connection, [row])
    with office_database.read() as connection:
        found = dict(connection.execute(select(schema.events)).mappings().one())
    assert found.pop("id") >= 1
    assert found == row
    assert set(row) == set(ingest.EVENT_COLUMNS)


def test_an_incomplete_row_is_refused(office_database: Database) -> None:
    device, epoch = start(office_database)
    row = event_row(device, epoch, 1)
    del row["trust"]
    with pytest.raises(KeyError), office_database.write() as connection:
        ingest.append_events(connection, [row])


def test_inserting_once_passes_over_any_unique_key(office_database: Database) -> None:
    with office_database.write() as connection:
        add_device(connection)
        statement = ingest.insert_once(connection, schema.sites)
        row = {"site": "mill", "name": "again", "time_zone": "UTC", "created_us": 1}
        assert connection.execute(statement, row).rowcount == 0
        assert connection.execute(statement, row | {"site": "other"}).rowcount == 1
        statement = ingest.insert_once(connection, schema.devices)
        row = {"site": "mill", "device": "gate", "state": "active", "registered_us": 1, "registered_by": "root"}
        assert connection.execute(statement, row).rowcount == 0
        assert connection.execute(statement, row | {"device": "b"}).rowcount == 1


def test_following_sees_what_is_committed(office_database: Database) -> None:
    assert arrivals.settled(office_database) == 0
    device, epoch = start(office_database)
    with office_database.write() as connection:
        ingest.append_events(connection, [event_row(device, epoch, seq) for seq in (1, 2, 3)])
    assert stored(office_database, up_to=arrivals.settled(office_database)) == [1, 2, 3]


def test_a_follower_never_goes_past_an_event_that_is_still_to_be_committed(office_database: Database) -> None:
    """On SQLite nobody overtakes; a second receiver on PostgreSQL commits before one with a lower number."""
    device, epoch = start(office_database)
    with office_database.write() as connection:
        other = add_epoch(connection, device, ordinal=2)
        ingest.append_events(connection, [event_row(device, epoch, 1)])
    position = arrivals.settled(office_database)
    seen = stored(office_database, up_to=position)

    def follow() -> None:
        nonlocal position
        reached = arrivals.settled(office_database)
        seen.extend(stored(office_database, above=position, up_to=reached))
        position = reached

    with office_database.write() as slow:
        ingest.append_events(slow, [event_row(device, epoch, 2)])
        if office_database.dialect == "postgresql":
            with office_database.write() as quick:
                ingest.append_events(quick, [event_row(device, other, 100)])
        follow()
        assert seen == [1]
    follow()
    assert seen == ([1, 2, 100] if office_database.dialect == "postgresql" else [1, 2])


def test_a_receiver_that_fails_holds_no_follower_back(office_database: Database) -> None:
    device, epoch = start(office_database)
    with pytest.raises(RuntimeError), office_database.write() as connection:  # noqa: PT012
        ingest.append_events(connection, [event_row(device, epoch, 1)])
        raise RuntimeError
    with office_database.write() as connection:
        connection.execute(insert(schema.events), [event_row(device, epoch, 1)])
    assert stored(office_database, up_to=arrivals.settled(office_database)) == [1]
