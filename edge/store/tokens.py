"""Every column of the ledger that holds a token, and whose key wrote it: the one list that a rotation walks.

Why one list: a column that a rotation forgets is lost with the old key. A test compares it with the schema, so
that whoever adds a table meets it here. Trust boundary: names are ours, never an input's; they go into SQL.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SLICE_ROWS: Final = 2000  # counted while the connection is held: about 2 MB of events


class Purpose(StrEnum):
    """Which ring a column belongs to."""

    DATA = "data"
    FACE = "face"


@dataclass(frozen=True, slots=True)
class TokenColumn:
    """One column of tokens.

    Args:
        table: Its table, which has row ids.
        token: The column.
        written_by: The column that names the key.
        purpose: The ring.
    """

    table: str
    token: str
    written_by: str
    purpose: Purpose

    @property
    def name(self) -> str:
        """For messages and journals."""
        return f"{self.table}.{self.token}"


def _data(table: str, column: str = "body", written_by: str = "written_by") -> TokenColumn:
    return TokenColumn(table, column, written_by, Purpose.DATA)


# Small tables first: a rotation that is interrupted early has moved what is read at every start.
TOKEN_COLUMNS: Final = (
    _data("identity", "number_key", "number_key_by"),
    TokenColumn("identity", "face_proof", "face_proof_by", Purpose.FACE),
    _data("office"),
    _data("out_of_service"),
    _data("messages"),
    _data("badge_key"),
    _data("badges"),
    _data("credentials"),
    _data("lockouts"),
    _data("people", "profile"),
    _data("consents"),
    _data("last_punches"),
    _data("template_dates"),
    TokenColumn("templates", "vector", "written_by", Purpose.FACE),
    _data("parcels", "envelope"),
    _data("results", "envelope"),
    _data("audit"),
    _data("events", "payload"),
)

# Columns of bytes that no storage key wrote: hashes, signatures, public keys, what the site key seals.
NOT_TOKENS: Final = frozenset(
    {
        "people.number_index",
        "cards.card_index",
        "lockouts.subject",
        "epochs.public_key",
        "events.hash",
        "events.prev_hash",
        "events.signature",
        "frontier.hash",
        "committed.hash",
        "audit.hash",
        "audit.prev_hash",
        "sealed_templates.sealed",
        "checkpoints.hash",
        "checkpoints.envelope",
    }
)


def row_count(connection: sqlite3.Connection, column: TokenColumn) -> int:
    """How many tokens a column holds."""
    return int(connection.execute(f"SELECT count(*) FROM {column.table}").fetchone()[0])  # noqa: S608 - our names


def last_row(connection: sqlite3.Connection, column: TokenColumn) -> int:
    """The highest row id of a column's table, 0 when it is empty."""
    found = connection.execute(f"SELECT max(rowid) FROM {column.table}").fetchone()[0]  # noqa: S608 - our names
    return 0 if found is None else int(found)


def rows_after(
    connection: sqlite3.Connection, column: TokenColumn, row: int, *, limit: int
) -> list[tuple[int, bytes, int]]:
    """The next tokens of a column: row id, token, the number of the key that wrote it."""
    return connection.execute(
        f"SELECT rowid, {column.token}, {column.written_by} FROM {column.table} "  # noqa: S608 - our names
        "WHERE rowid > ? ORDER BY rowid LIMIT ?",
        (row, limit),
    ).fetchall()


def written_by_in(
    connection: sqlite3.Connection, column: TokenColumn, *, after: int, until: int
) -> Iterator[tuple[int, int]]:
    """Count the tokens of each key in a slice of row ids."""
    yield from connection.execute(
        f"SELECT {column.written_by}, count(*) FROM {column.table} "  # noqa: S608 - our names
        f"WHERE rowid > ? AND rowid <= ? GROUP BY {column.written_by}",
        (after, until),
    )


def replace_token(
    connection: sqlite3.Connection, column: TokenColumn, *, row: int, old: bytes, new: bytes, number: int
) -> bool:
    """Put a token into the place of another, unless somebody has written the row meanwhile."""
    return bool(
        connection.execute(
            f"UPDATE {column.table} SET {column.token} = ?, {column.written_by} = ? "  # noqa: S608 - our names
            f"WHERE rowid = ? AND {column.token} = ?",
            (new, number, row, old),
        ).rowcount
    )
