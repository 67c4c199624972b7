"""How far the office has committed our events, and the alarms that staff must see.

An acknowledgement whose hash is not ours means that two histories share an identity: a fork. It raises an
alarm that stays until staff clears it, and stops nothing. What the office refused is issued again and sent no
more. Trust boundary: the caller has verified the office's signature; what it says is still held against our own
events.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from edge.errors import LedgerFork, StoreError
from edge.ports import Clock
from edge.store.chain import COLUMNS, Chain
from edge.store.checkpoints import begins, pruned
from edge.store.database import Database
from edge.store.translation import from_unix_us, unix_us
from edge.types.identity import DeviceId, EpochId
from edge.types.punches import EventId

FORK = "fork"
BEHIND = "office_behind"
AHEAD = "office_ahead"
NOT_SUPERSEDED = (
    "NOT EXISTS (SELECT 1 FROM superseded WHERE events.position BETWEEN first_position AND last_position)"
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that needs staff: what kind, on which event, since when (aware UTC)."""

    number: int
    kind: str
    detail: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """What the office has not committed: how many events, and the time of the oldest (aware UTC) or None."""

    events: int
    oldest_at: datetime | None


class Alarms:
    """The alarms table."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def raise_alarm(self, kind: str, detail: str) -> None:
        """Raise an alarm; one of the same kind and detail is raised once, and again after it was cleared."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO alarms (kind, detail, raised_us) VALUES (?, ?, ?) ON CONFLICT (kind, detail) "
                "DO UPDATE SET cleared = 0, raised_us = excluded.raised_us WHERE cleared = 1",
                (kind, detail, unix_us(self._clock.now().wall)),
            )

    def raised(self) -> tuple[Alarm, ...]:
        """The alarms that nobody has cleared, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT row, kind, detail, raised_us FROM alarms WHERE cleared = 0 ORDER BY row"
            ).fetchall()
        return tuple(Alarm(number, kind, detail, from_unix_us(us)) for number, kind, detail, us in rows)

    def clear(self, number: int) -> bool:
        """Clear one alarm.

        Returns:
            Whether it was there and raised.
        """
        with self._database.write() as connection:
            done = connection.execute(
                "UPDATE alarms SET cleared = 1 WHERE row = ? AND cleared = 0", (number,)
            ).rowcount
        return bool(done)


class Frontier:
    """How far the office has committed: an event for each epoch, and the point before which nothing is missing.

    An acknowledgement speaks of its own epoch only. Nothing of an earlier epoch counts as delivered because a
    later one is: the office may have refused it.
    """

    def __init__(self, database: Database, *, chain: Chain, alarms: Alarms, device: DeviceId) -> None:
        self._database = database
        self._chain = chain
        self._alarms = alarms
        self._device = device

    def current(self) -> EventId | None:
        """The newest event before which nothing is missing at the office; None before the first one."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT epochs.epoch, seq, hash FROM frontier JOIN epochs ON epochs.ordinal = frontier.epoch"
            ).fetchone()
        return None if row is None else EventId(self._device, EpochId(row[0]), row[1], row[2].hex())

    def has(self, event: EventId) -> bool:
        """Whether the ledger holds this very event."""
        with self._database.read() as connection:
            return _find(connection, event) is not None

    def pruned(self, event: EventId) -> bool:
        """Whether an event was removed here when its time was over: then the office had acknowledged it."""
        with self._database.read() as connection:
            return pruned(connection, event.epoch, event.seq)

    def shortened(self) -> bool:
        """Whether any event was removed here when its time was over."""
        return self.removed_to() is not None

    def removed_to(self) -> EventId | None:
        """The last event that was removed here; None while the ledger is whole."""
        with self._database.read() as connection:
            last = begins(connection, "events")
        return None if last is None else EventId(self._device, EpochId(last.epoch), last.seq, last.hash.hex())

    def committed(self, epoch: EpochId) -> EventId | None:
        """The newest event of an epoch that the office has acknowledged by its hash."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT seq, hash FROM committed JOIN epochs ON epochs.ordinal = committed.epoch "
                "WHERE epochs.epoch = ? AND presumed = 0",
                (epoch,),
            ).fetchone()
        return None if row is None else EventId(self._device, epoch, row[0], row[1].hex())

    def advance(self, acknowledged: EventId, *, handed_out: EventId | None = None) -> bool:
        """Take an acknowledgement into account. One that is older than what is known changes nothing.

        Args:
            acknowledged: What the office says that it has committed.
            handed_out: The newest event that the courier was given since the start. The office may hold more of
                an epoch that is over here than we (a restored backup): that alarms, and our part of it counts
                as delivered once it has been sent, when a fork would have been refused.

        Returns:
            Whether anything more counts as delivered.

        Raises:
            StoreError: The acknowledgement is for another device.
            LedgerFork: We have no such event, or another hash for it; an alarm is raised, nothing stops.
        """
        if acknowledged.device != self._device:
            raise StoreError("an acknowledgement names another device", where=f"device {self._device}")
        named = f"{acknowledged.epoch[:32]}/{acknowledged.seq}"
        with self._database.write() as connection:
            found = _find(connection, acknowledged)
            if found is not None:
                moved = _commit(connection, found, presumed=False)
                return _settle(connection) or moved
            if pruned(connection, acknowledged.epoch, acknowledged.seq):
                return False
            last = _end_of_earlier(connection, acknowledged)
            if last is not None:
                self._alarms.raise_alarm(AHEAD, named)
                sent = handed_out is not None and _reaches(connection, handed_out, last[3])
                moved = sent and _commit(connection, last, presumed=True)
                return _settle(connection) or moved
            self._alarms.raise_alarm(FORK, named)
        raise LedgerFork(
            "the office knows another event under an identity of ours, or more than we",
            where=f"event {named}",
            next_step="clockface doctor; a device restored outside Clockface needs a new epoch",
        )

    def supersede(self, epoch: EpochId, *, reissued_in: EpochId) -> None:
        """Send the rest of an epoch that the office refused no more; within the caller's transaction."""
        with self._database.write() as connection:
            ordinal, replacement = (
                connection.execute("SELECT ordinal FROM epochs WHERE epoch = ?", (each,)).fetchone()[0]
                for each in (epoch, reissued_in)
            )
            connection.execute(
                "INSERT INTO superseded (epoch, first_position, last_position, reissued_in) "
                "SELECT ?1, min(position), max(position), ?2 FROM events WHERE epoch = ?1 AND seq > coalesce("
                "(SELECT seq FROM committed WHERE epoch = ?1 AND presumed = 0), 0)",
                (ordinal, replacement),
            )
            connection.execute("DELETE FROM committed WHERE epoch = ? AND presumed = 1", (ordinal,))
            _settle(connection)

    def reissued_in(self, epoch: EpochId) -> EpochId | None:
        """The epoch under which what the office refused of this one was issued again."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT replacement.epoch FROM superseded JOIN epochs ON epochs.ordinal = superseded.epoch "
                "JOIN epochs AS replacement ON replacement.ordinal = reissued_in WHERE epochs.epoch = ?",
                (epoch,),
            ).fetchone()
        return None if row is None else EpochId(row[0])

    def pending_count(self) -> int:
        """How many events the office has not committed, at once however many there are."""
        with self._database.read() as connection:
            return _pending(connection)

    def pending(self) -> Pending:
        """What the office has not committed yet."""
        with self._database.read() as connection:
            oldest = connection.execute(
                f"SELECT {COLUMNS} WHERE position > coalesce((SELECT position FROM frontier), 0) "  # noqa: S608
                f"AND {NOT_SUPERSEDED} ORDER BY position LIMIT 1"
            ).fetchone()
            count = _pending(connection)
        if oldest is None:
            return Pending(0, None)
        return Pending(count, self._chain.open_row(oldest).event().at)


Found = tuple[int, int, bytes, int]  # epoch's ordinal, seq, hash, position


def _find(connection: sqlite3.Connection, event: EventId) -> Found | None:
    row: Found | None = connection.execute(
        "SELECT events.epoch, seq, hash, position FROM events "
        "JOIN epochs ON epochs.ordinal = events.epoch WHERE epochs.epoch = ? AND seq = ?",
        (event.epoch, event.seq),
    ).fetchone()
    return row if row is not None and row[2].hex() == event.hash else None


def _end_of_earlier(connection: sqlite3.Connection, event: EventId) -> Found | None:
    """The last event of an epoch that is over here, if `event` lies behind it."""
    row: Found | None = connection.execute(
        "SELECT events.epoch, seq, hash, position FROM events JOIN epochs ON epochs.ordinal = events.epoch "
        "WHERE epochs.epoch = ? AND events.epoch < (SELECT max(ordinal) FROM epochs) ORDER BY seq DESC LIMIT 1",
        (event.epoch,),
    ).fetchone()
    return row if row is not None and event.seq > row[1] else None


def _reaches(connection: sqlite3.Connection, handed_out: EventId, position: int) -> bool:
    found = _find(connection, handed_out)
    return found is not None and found[3] >= position


def _commit(connection: sqlite3.Connection, found: Found, *, presumed: bool) -> bool:
    """Note an epoch's committed event: never an older one; what was acknowledged by hash is not presumed."""
    return bool(
        connection.execute(
            "INSERT INTO committed (epoch, seq, hash, position, presumed) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (epoch) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, "
            "position = excluded.position, presumed = excluded.presumed "
            "WHERE excluded.seq > committed.seq "
            "OR (excluded.seq = committed.seq AND excluded.presumed < committed.presumed)",
            (*found, int(presumed)),
        ).rowcount
    )


def _settle(connection: sqlite3.Connection) -> bool:
    """Move the frontier over every event that is committed or superseded; returns whether it moved."""
    row = connection.execute("SELECT position FROM frontier").fetchone()
    reached = frontier = 0 if row is None else int(row[0])
    while True:
        following = connection.execute(
            "SELECT committed.position, superseded.last_position FROM events "
            "LEFT JOIN committed ON committed.epoch = events.epoch AND committed.position >= events.position "
            "LEFT JOIN superseded ON superseded.epoch = events.epoch "
            "AND events.position BETWEEN first_position AND last_position "
            "WHERE events.position > ? ORDER BY events.position LIMIT 1",
            (reached,),
        ).fetchone()
        if following is None or following == (None, None):
            break
        if following[0] is not None:
            frontier = following[0]
        reached = max(each for each in following if each is not None)
    return bool(
        connection.execute(
            "INSERT INTO frontier (one, epoch, seq, hash, position) "
            "SELECT 1, epoch, seq, hash, position FROM events WHERE position = ? "
            "ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, "
            "hash = excluded.hash, position = excluded.position WHERE excluded.position > frontier.position",
            (frontier,),
        ).rowcount
    )


def _pending(connection: sqlite3.Connection) -> int:
    """Positions have no gaps behind the frontier: nothing is deleted there."""
    reached, newest = connection.execute(
        "SELECT coalesce((SELECT position FROM frontier), 0), (SELECT max(position) FROM events)"
    ).fetchone()
    refused = connection.execute(
        "SELECT coalesce(sum(last_position - max(first_position, ?1 + 1) + 1), 0) FROM superseded "
        "WHERE last_position > ?1",
        (reached,),
    ).fetchone()[0]
    return int(newest - reached - refused)
