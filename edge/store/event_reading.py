"""Events read again: punches for lists, envelopes for the office, and what the ledger says of a person.

Nothing is read but from its signed row: an event that was altered or moved is `LedgerCorrupt`. Long reads hold
the connection for a batch at a time, so that a punch can be recorded in between.
"""

import itertools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from edge.errors import LedgerCorrupt, StoreError
from edge.store import checkpoints
from edge.store.chain import COLUMNS, Chain
from edge.store.database import Database
from edge.store.frontier import NOT_SUPERSEDED
from edge.store.last_punches import LastPunches
from edge.store.translation import utc_day
from edge.types.identity import EpochId, PersonId
from edge.types.punches import EventId, RecordedPunch

NOT_VOIDED = "NOT EXISTS (SELECT 1 FROM voided WHERE voided.position = events.position)"
MAX_ENVELOPES = 1000  # in one answer: about 1.3 MB
_DAYS = (
    "SELECT position FROM events WHERE punch_day BETWEEN ? AND ? AND position > ? "  # noqa: S608 - constant
    f"AND {NOT_SUPERSEDED} AND {NOT_VOIDED} ORDER BY position"
)
_OLDEST_FIRST = f"{_DAYS} ASC LIMIT ?"
_NEWEST_FIRST = f"{_DAYS} DESC LIMIT ?"
_AT = f"SELECT {COLUMNS} WHERE position IN (SELECT value FROM json_each(?))"  # noqa: S608 - constant columns
_STRETCH = 500  # rows looked through for one person at a time: half a MB
_ABOUT = f"SELECT NOT {NOT_VOIDED}, {NOT_SUPERSEDED}, {COLUMNS} WHERE position > ? ORDER BY position LIMIT ?"
_BATCH = 200  # rows read while the connection is held: a few ms


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """An event on its way to the office: its identity and its DSSE envelope, which holds personal data."""

    id: EventId
    envelope: bytes

    def __repr__(self) -> str:
        return f"SignedEvent({self.id.epoch}/{self.id.seq}, ********)"


class EventReader:
    """The reading half of the event log."""

    def __init__(self, database: Database, *, chain: Chain, last: LastPunches) -> None:
        self._database = database
        self._chain = chain
        self._last = last

    def retired(self) -> bool:
        """Whether this device has said that nothing follows."""
        with self._database.read() as connection:
            return self._chain.ended(connection)

    def last_punch(self, person_id: PersonId) -> RecordedPunch | None:
        """Read a person's newest punch, at once however long the ledger is."""
        with self._database.read() as connection:
            return self._last.of(connection, person_id)

    def face_days(self, person_id: PersonId) -> dict[str, int]:
        """The UTC day on which each recognition chain (`face_chain`) last recognised a person here."""
        with self._database.read() as connection:
            return self._last.face_days(connection, person_id)

    def head(self) -> EventId:
        """The identity of the newest event."""
        with self._database.read() as connection:
            row = connection.execute(f"SELECT {COLUMNS} ORDER BY position DESC LIMIT 1").fetchone()
        if row is None:
            raise LedgerCorrupt("the ledger holds no event, not even its first", where="events")
        return self._chain.open_row(row).id

    def oldest_day(self) -> int | None:
        """The UTC day of the oldest punch."""
        with self._database.read() as connection:
            day = connection.execute("SELECT min(punch_day) FROM events").fetchone()[0]
        return None if day is None else int(day)

    def count(self) -> int:
        """How many events the ledger holds, of every type."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])

    def envelopes_after(self, after: tuple[EpochId, int] | None, *, limit: int) -> tuple[SignedEvent, ...]:
        """Read what follows an event, over the ends of epochs, in order, without what the office refused.

        Args:
            after: (epoch, seq) of the last event that is not wanted; None from the beginning.
            limit: 1 to 1,000.

        Raises:
            StoreError: The limit is out of range, or the ledger has no such event.
            LedgerCorrupt: An event was altered or moved.
        """
        if not 1 <= limit <= MAX_ENVELOPES:
            raise StoreError(f"the limit must be 1 to {MAX_ENVELOPES}", where="envelopes_after")
        with self._database.read() as connection:
            start = 0 if after is None else position_of(connection, *after)
            rows = connection.execute(
                f"SELECT {COLUMNS} WHERE position > ? AND {NOT_SUPERSEDED} ORDER BY position LIMIT ?",
                (start, limit),
            ).fetchall()
        opened = (self._chain.open_row(row) for row in rows)
        return tuple(SignedEvent(event.id, event.envelope()) for event in opened)

    def punches(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        person_id: PersonId | None = None,
        after: tuple[EpochId, int] | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[RecordedPunch]:
        """Read punches as of now, in the ledger's order, a small batch at a time.

        One that the office refused is left out: it stands in the ledger once more, as it was issued again. So
        is one that the person disowned at once.

        Args:
            since: Aware; wall time from here on.
            until: Aware; wall time before this.
            person_id: Of this person only.
            after: (epoch, seq) of an event; only what the ledger holds behind it.
            limit: At most so many.
            newest_first: The other way round.

        Raises:
            StoreError: The ledger has no event `after`.
            LedgerCorrupt: An event was altered or moved.
        """
        positions = self._positions(
            since=since,
            until=until,
            after=after,
            newest_first=newest_first,
            limit=limit if (since, until, person_id) == (None, None, None) else None,
        )
        found = (
            recorded
            for recorded in self._read_punches(positions)
            if (since is None or recorded.punch.at.wall >= since)
            and (until is None or recorded.punch.at.wall < until)
            and (person_id is None or recorded.punch.person_id == person_id)
        )
        return itertools.islice(found, limit)

    def about(
        self, person_id: PersonId, *, after: int
    ) -> tuple[tuple[tuple[Literal["counts", "voided", "reissued"], bytes], ...], int | None]:
        """Read what the next stretch of the ledger says of a person, of whatever type, as it was signed.

        Args:
            person_id: Of somebody who is known, or of somebody who was removed.
            after: The place behind which to look; 0 to begin.

        Returns:
            State and payload of each event, and the place to go on from; None at the end.

        Raises:
            LedgerCorrupt: An event was altered or moved.
        """
        with self._database.read() as connection:
            rows = connection.execute(_ABOUT, (after, _STRETCH)).fetchall()
        found: list[tuple[Literal["counts", "voided", "reissued"], bytes]] = []
        for voided, kept, *row in rows:
            stored = self._chain.open_row(tuple(row))
            if getattr(stored.event().data, "person", None) == person_id:
                found.append(("voided" if voided else "counts" if kept else "reissued", stored.payload))
        return tuple(found), rows[-1][2] if len(rows) == _STRETCH else None

    def _positions(
        self,
        *,
        since: datetime | None,
        until: datetime | None,
        after: tuple[EpochId, int] | None,
        newest_first: bool,
        limit: int | None,
    ) -> list[int]:
        first = -(2**62) if since is None else utc_day(since)
        last = 2**62 if until is None else utc_day(until)
        with self._database.read() as connection:
            rows = connection.execute(
                _NEWEST_FIRST if newest_first else _OLDEST_FIRST,
                (
                    first,
                    last,
                    0 if after is None else position_of(connection, *after),
                    -1 if limit is None else limit,
                ),
            )
            return [int(position) for (position,) in rows]

    def _read_punches(self, positions: Sequence[int]) -> Iterator[RecordedPunch]:
        for start in range(0, len(positions), _BATCH):
            batch = positions[start : start + _BATCH]
            with self._database.read() as connection:
                rows = {row[0]: row for row in connection.execute(_AT, (json.dumps(batch),))}
            for position in batch:
                if position in rows:  # else pruned since the list was made
                    yield self._chain.open_row(rows[position]).punch()


def position_of(connection: sqlite3.Connection, epoch: EpochId, seq: int) -> int:
    """Where an event stands in the ledger; of one that was pruned, where what is left begins."""
    row = connection.execute(
        "SELECT position FROM events JOIN epochs ON epochs.ordinal = events.epoch "
        "WHERE epochs.epoch = ? AND seq = ?",
        (epoch, seq),
    ).fetchone()
    if row is not None:
        return int(row[0])
    first = checkpoints.begins(connection, "events")
    if first is not None and checkpoints.pruned(connection, epoch, seq):
        return first.position
    raise StoreError("the ledger has no such event", where=f"event {epoch[:32]}/{seq}")
