"""How far the office has committed our events, and the alarms that staff must see.

An acknowledgement whose hash is not ours means that two histories share an identity: a fork. It raises an
alarm that stays until staff clears it, and stops nothing. Trust boundary: the caller has verified the
office's signature; what it says is still held against our own events.
"""

from dataclasses import dataclass
from datetime import datetime

from edge.errors import LedgerFork, StoreError
from edge.ports import Clock
from edge.store.chain import COLUMNS, Chain
from edge.store.database import Database
from edge.store.translation import from_unix_us, unix_us
from edge.types import DeviceId, EpochId, EventId

FORK = "fork"


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
    """The newest event that the office has committed, with all before it."""

    def __init__(self, database: Database, *, chain: Chain, alarms: Alarms, device: DeviceId) -> None:
        self._database = database
        self._chain = chain
        self._alarms = alarms
        self._device = device

    def current(self) -> EventId | None:
        """The newest event that the office has committed, or None before the first acknowledgement."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT epochs.epoch, seq, hash FROM frontier JOIN epochs ON epochs.ordinal = frontier.epoch"
            ).fetchone()
        return None if row is None else EventId(self._device, EpochId(row[0]), row[1], row[2].hex())

    def advance(self, acknowledged: EventId) -> bool:
        """Take an acknowledgement into account. One that is older than the frontier changes nothing.

        Returns:
            Whether the frontier moved.

        Raises:
            StoreError: The acknowledgement is for another device.
            LedgerFork: We have no such event, or another hash for it; an alarm is raised, nothing stops.
        """
        if acknowledged.device != self._device:
            raise StoreError("an acknowledgement names another device", where=f"device {self._device}")
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT events.epoch, seq, hash, position FROM events "
                "JOIN epochs ON epochs.ordinal = events.epoch WHERE epochs.epoch = ? AND seq = ?",
                (acknowledged.epoch, acknowledged.seq),
            ).fetchone()
            if row is not None and row[2].hex() == acknowledged.hash:
                moved = connection.execute(
                    "INSERT INTO frontier (one, epoch, seq, hash, position) VALUES (1, ?, ?, ?, ?) "
                    "ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, "
                    "hash = excluded.hash, position = excluded.position "
                    "WHERE excluded.position > frontier.position",
                    row,
                ).rowcount
                return bool(moved)
            self._alarms.raise_alarm(FORK, f"{acknowledged.epoch[:32]}/{acknowledged.seq}")
        raise LedgerFork(
            "the office knows another event under an identity of ours"
            if row
            else "the office knows more than we",
            where=f"event {acknowledged.epoch[:32]}/{acknowledged.seq}",
            next_step="clockface doctor; a device restored outside Clockface needs a new epoch",
        )

    def pending(self) -> Pending:
        """What the office has not committed yet."""
        with self._database.read() as connection:
            row = connection.execute("SELECT position FROM frontier").fetchone()
            reached = 0 if row is None else row[0]
            count = connection.execute("SELECT count(*) FROM events WHERE position > ?", (reached,)).fetchone()[
                0
            ]
            oldest = connection.execute(
                f"SELECT {COLUMNS} WHERE position > ? ORDER BY position LIMIT 1",
                (reached,),
            ).fetchone()
        if oldest is None:
            return Pending(0, None)
        return Pending(int(count), self._chain.open_row(oldest).event().at)
