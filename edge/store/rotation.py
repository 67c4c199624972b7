"""Moves every token of the ledger from the keys that wrote it to the keys that write now, batch by batch.

Decryption and encryption happen outside the ledger's lock; a batch is one short transaction that changes only
rows which nobody else has written meanwhile, together with its line in the journal. Killed at any instant, each
token is whole and names its key. Trust boundary: a token that does not open stops the rotation, and is named;
while one row needs an old key, that key is not given up.
"""

import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from clockface.errors import SecretWrong
from edge.errors import StoreError
from edge.ports import Clock
from edge.store.audit import DAEMON, AuditTrail
from edge.store.database import Database
from edge.store.rings import FernetRing
from edge.store.tokens import (
    SLICE_ROWS,
    TOKEN_COLUMNS,
    Purpose,
    TokenColumn,
    last_row,
    replace_token,
    row_count,
    rows_after,
    written_by_in,
)
from edge.store.translation import unix_us
from edge.store.vault import Vault, key_numbers

CHECKED_ROWS: Final = 200


class RotationState(StrEnum):
    """How far a rotation is."""

    RUNNING = "running"
    PAUSED = "paused"
    REWRITTEN = "rewritten"  # no token needs an old key
    VERIFIED = "verified"  # every token was opened with the new keys alone


@dataclass(frozen=True, slots=True)
class Journal:
    """What the journal says.

    Args:
        rotation: Random id.
        state: How far it is.
        data_key: Fingerprint of the key that the data tokens move to.
        face_key: The same for templates.
        done: Tokens looked at.
        total: Tokens there were at the beginning.
        batches: Transactions so far.
    """

    rotation: str
    state: RotationState
    data_key: str
    face_key: str
    done: int
    total: int
    batches: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One step: how many tokens were looked at and rewritten, and how long the ledger was held for writing."""

    looked_at: int
    rewritten: int
    held_s: float


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many tokens of a column one key wrote."""

    column: TokenColumn
    key_id: str
    tokens: int


@dataclass(slots=True)
class _Cursor:
    place: int
    row: int


class Rotation:
    """The table key_rotation, and the work that it records. One thread at a time calls `step`.

    Args:
        database: The ledger.
        rings: The DATA and the FACE ring; the first key of each writes.
        clock: Source of time.
        audit: Hears of beginning and end.
    """

    def __init__(
        self, database: Database, *, rings: tuple[FernetRing, FernetRing], clock: Clock, audit: AuditTrail
    ) -> None:
        self._database = database
        self._rings = dict(zip(Purpose, rings, strict=True))
        self._clock = clock
        self._audit = audit

    # --- the journal --------------------------------------------------------------------------------------

    def journal(self) -> Journal | None:
        """The last rotation, or None if there never was one."""
        with self._database.read() as connection:
            return self._journal(connection)

    def under_way(self) -> Journal | None:
        """The rotation towards the keys that write now, unless it is over; None if there is none."""
        found = self.journal()
        over = found is None or found.state in {RotationState.REWRITTEN, RotationState.VERIFIED}
        return None if over or not self._towards_ours(found) else found

    def _towards_ours(self, journal: Journal | None) -> bool:
        return journal is not None and (journal.data_key, journal.face_key) == self.targets

    @property
    def targets(self) -> tuple[str, str]:
        """Fingerprints of the DATA and the FACE key that write."""
        return self._rings[Purpose.DATA].primary_id, self._rings[Purpose.FACE].primary_id

    def begin(self, *, actor: str = DAEMON) -> Journal:
        """Begin, or go on with the rotation to the keys that write now.

        Returns:
            The journal; its state is `running`.
        """
        with self._database.write() as connection:
            found = self._journal(connection)
            if found is not None and self._towards_ours(found) and found.state is not RotationState.VERIFIED:
                connection.execute("UPDATE key_rotation SET state = 'running', ended_us = NULL")
            else:
                self._insert(connection)
                self._audit.append("keys.rotation_begun", actor=actor, detail=f"data={self.targets[0]}")
            begun = self._journal(connection)
        if begun is None:
            raise StoreError("a rotation has no journal", where="key_rotation")
        return begun

    def _insert(self, connection: sqlite3.Connection) -> None:
        numbers = key_numbers(connection)
        total = sum(row_count(connection, column) for column in TOKEN_COLUMNS)
        connection.execute(
            "INSERT OR REPLACE INTO key_rotation (one, rotation, state, data_key, face_key, begun_us, place, "
            "row, done, total, batches) VALUES (1, ?, 'running', ?, ?, ?, 0, -1, 0, ?, 0)",
            (
                secrets.token_hex(8),
                *(numbers[key_id] for key_id in self.targets),
                unix_us(self._clock.now().wall),
                total,
            ),
        )

    def pause(self, *, actor: str = DAEMON) -> None:
        """Stop after the present batch until `begin` is called again, over restarts."""
        with self._database.write() as connection:
            if connection.execute("UPDATE key_rotation SET state = 'paused' WHERE state = 'running'").rowcount:
                self._audit.append("keys.rotation_paused", actor=actor)

    # --- the work -----------------------------------------------------------------------------------------

    def step(self, *, rows: int, monotonic_s: Callable[[], float]) -> Batch | None:
        """Rewrite the next tokens, and journal it in the same transaction.

        Args:
            rows: How many tokens to look at, at most.
            monotonic_s: Measures how long the ledger is held.

        Returns:
            What was done, or None when nothing is running: paused, over, or never begun.

        Raises:
            SecretWrong, LedgerCorrupt: A token does not open; it stays as it is, and so does the journal.
        """
        with self._database.read() as connection:
            cursor = self._cursor(connection)
        if cursor is None:
            return None
        if cursor.place >= len(TOKEN_COLUMNS):
            return self._finish(monotonic_s)
        column = TOKEN_COLUMNS[cursor.place]
        with self._database.read() as connection:
            read = rows_after(connection, column, cursor.row, limit=rows)
            numbers = key_numbers(connection)
        vault = Vault(self._rings[column.purpose], numbers=numbers)
        rewritten = [
            (row, token, vault.seal(vault.open(token, by, where=f"{column.name} row {row}")))
            for row, token, by in read
            if by != vault.number
        ]
        with self._database.write() as connection:
            began_s = monotonic_s()
            for row, old, new in rewritten:
                replace_token(connection, column, row=row, old=old, new=new, number=vault.number)
            self._advance(connection, cursor, read=len(read), last=read[-1][0] if len(read) == rows else None)
        return Batch(len(read), len(rewritten), monotonic_s() - began_s)

    def _cursor(self, connection: sqlite3.Connection) -> _Cursor | None:
        journal = self._journal(connection)
        if journal is None or journal.state is not RotationState.RUNNING or not self._towards_ours(journal):
            return None
        place, row = connection.execute("SELECT place, row FROM key_rotation").fetchone()
        return _Cursor(place, row)

    def _advance(self, connection: sqlite3.Connection, cursor: _Cursor, *, read: int, last: int | None) -> None:
        place, row = (cursor.place + 1, -1) if last is None else (cursor.place, last)
        connection.execute(
            "UPDATE key_rotation SET place = ?, row = ?, done = done + ?, batches = batches + 1",
            (place, row, read),
        )

    def _finish(self, monotonic_s: Callable[[], float]) -> Batch:
        """End it if nothing was left behind; a start with the keys in their old order may have written some."""
        left = self.old_tokens()
        with self._database.write() as connection:
            began_s = monotonic_s()
            if left:
                connection.execute("UPDATE key_rotation SET place = 0, row = -1, done = 0")
            else:
                connection.execute(
                    "UPDATE key_rotation SET state = 'rewritten', done = total, ended_us = ?",
                    (unix_us(self._clock.now().wall),),
                )
                self._audit.append("keys.rewritten", detail=f"data={self.targets[0]}")
        return Batch(0, 0, monotonic_s() - began_s)

    # --- looking ------------------------------------------------------------------------------------------

    def key_uses(self) -> tuple[KeyUse, ...]:
        """Count the tokens of each key, in slices between which the kiosk goes on."""
        found: Counter[tuple[TokenColumn, int]] = Counter()
        for column in TOKEN_COLUMNS:
            with self._database.read() as connection:
                last = last_row(connection, column)
            for start in range(0, last + 1, SLICE_ROWS):
                with self._database.read() as connection:
                    for by, tokens in written_by_in(
                        connection, column, after=start - 1, until=start + SLICE_ROWS - 1
                    ):
                        found[column, by] += tokens
        with self._database.read() as connection:
            names = {number: key_id for key_id, number in key_numbers(connection).items()}
        return tuple(KeyUse(column, names.get(by, "?"), tokens) for (column, by), tokens in found.items())

    def since(self) -> Mapping[str, int | None]:
        """When each key began to write here, in microseconds since 1970; None where nobody noted it."""
        with self._database.read() as connection:
            return dict(connection.execute("SELECT key_id, since_us FROM storage_keys"))

    def old_tokens(self) -> int:
        """How many tokens need a key other than the two that write."""
        return sum(
            use.tokens for use in self.key_uses() if use.key_id != self._rings[use.column.purpose].primary_id
        )

    def verify_alone(self, *, actor: str = DAEMON) -> int:
        """Open every token with the writing keys alone, and journal that it was done.

        Returns:
            How many tokens were opened.

        Raises:
            SecretWrong: One needs an old key.
            LedgerCorrupt: One does not open.
        """
        opened = sum(self._verify_column(column) for column in TOKEN_COLUMNS)
        with self._database.write() as connection:
            if connection.execute(
                "UPDATE key_rotation SET state = 'verified' WHERE state = 'rewritten'"
            ).rowcount:
                self._audit.append("keys.verified", actor=actor, detail=f"data={self.targets[0]}")
        return opened

    def _verify_column(self, column: TokenColumn) -> int:
        row, count = -1, 0
        while True:
            with self._database.read() as connection:
                read = rows_after(connection, column, row, limit=CHECKED_ROWS)
                numbers = key_numbers(connection)
            if not read:
                return count
            vault = Vault(self._rings[column.purpose].alone(), numbers=numbers)
            for number, token, by in read:
                vault.open(token, by, where=f"{column.name} row {number}")
            row, count = read[-1][0], count + len(read)

    def forget_old_keys(self, *, actor: str = DAEMON) -> None:
        """Let go of the old keys in memory, once no token needs one.

        Raises:
            SecretWrong: A token needs one still; nothing was forgotten.
        """
        left = self.old_tokens()
        if left:
            raise SecretWrong(
                f"{left} tokens of the ledger need an old key still",
                where=str(self._database.path),
                next_step="clockface keys rotate --resume",
            )
        for ring in self._rings.values():
            ring.forget_old()
        self._audit.append("keys.old_forgotten", actor=actor, detail=f"data={self.targets[0]}")

    def _journal(self, connection: sqlite3.Connection) -> Journal | None:
        row = connection.execute(
            "SELECT rotation, state, data.key_id, face.key_id, done, total, batches FROM key_rotation "
            "JOIN storage_keys AS data ON data.id = data_key JOIN storage_keys AS face ON face.id = face_key"
        ).fetchone()
        return None if row is None else Journal(row[0], RotationState(row[1]), *row[2:])
