"""How far one may read the events without missing any: numbers are given out before commits, and overtaken.

On PostgreSQL a transaction with number 7 may commit after one with number 9; a reader that had gone on behind 9
would never see 7. So a writer announces, as a shared advisory lock, behind which number its own will be, and
a reader goes no further than the lowest that is announced. Nobody waits. SQLite has one writer at a time.
"""

from sqlalchemy import Connection, func, select, text

from sync.office.database.engine import Database
from sync.office.database.schema import events

# An advisory lock's 64 bits: what it is for, and the number. 2**40 events are a thousand a second for 34 years.
_PURPOSE = 0x43_4B_45  # "CKE"
_NUMBER_BITS = 40

_LAST = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq")
_ANNOUNCE = text(
    "SELECT pg_advisory_xact_lock_shared(:purpose + CASE WHEN is_called THEN last_value ELSE 0 END) "
    "FROM events_id_seq"
)
_LOWEST = text(
    "SELECT min((classid::bigint << 32 | objid::bigint) - :purpose) FROM pg_locks "
    "JOIN pg_database ON pg_database.oid = pg_locks.database AND datname = current_database() "
    "WHERE locktype = 'advisory' AND objsubid = 1 "
    "AND (classid::bigint << 32 | objid::bigint) >> :bits = :purpose >> :bits"
)


def announce(connection: Connection) -> None:
    """Say that this transaction will store events; needed before its first, on PostgreSQL only."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ANNOUNCE, {"purpose": _PURPOSE << _NUMBER_BITS})


def settled(database: Database) -> int:
    """The highest `events.id` up to which every event that will ever be there can be read.

    Ask before the transaction that reads begins, which then sees no older moment than the answer. Read what is
    above the last position and not above the answer, in order of id; the answer is the next position.
    """
    if database.dialect == "sqlite":
        with database.read() as connection:
            return int(connection.execute(select(func.coalesce(func.max(events.c.id), 0))).scalar_one())
    with database.write() as connection:  # READ COMMITTED: each statement sees its own moment, in this order
        last = int(connection.execute(_LAST).scalar_one())
        lowest = connection.execute(
            _LOWEST, {"purpose": _PURPOSE << _NUMBER_BITS, "bits": _NUMBER_BITS}
        ).scalar_one()
    return last if lowest is None else min(last, int(lowest))
