"""What the ledger knows of time: the latest time it saw, and what earlier events' times should have been.

A Pi has no clock battery: at boot its clock must not be behind the build or the last event, and once the time
is known, events of the same boot get a correction, as a new event; nothing is rewritten. The decisions are
pure.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from edge.store.chain import COLUMNS, Chain
from edge.store.database import Database
from edge.store.translation import clock_reading, from_unix_us, instant, unix_us
from edge.types.clock import ClockTrust, Instant
from sync.wire.events import ClockCorrected, ClockCorrectedData, CorrectedRange

JITTER_US = 1_000  # wall and boot time are read microseconds apart; a step of the clock is larger
MAX_RANGES = 64  # of one event, see sync.wire.events
_BATCH = 400  # events opened in one transaction: about 30 ms


@dataclass(frozen=True, slots=True)
class Mark:
    """The latest wall time that was seen, and whether it was synchronised."""

    wall: datetime
    trusted: bool


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """When an event happened, by all clocks."""

    epoch: str
    seq: int
    at: Instant


def next_mark(previous: Mark | None, now: Instant) -> Mark:
    """What to remember after a reading: a synchronised time always, another one only if it is later.

    So a clock that once jumped to 2036 is forgotten as soon as the right time is known.
    """
    if now.trust is ClockTrust.SYNCHRONISED:
        return Mark(now.wall, trusted=True)
    if previous is None or now.wall > previous.wall:
        return Mark(now.wall, trusted=False)
    return previous


def corrections(events: Iterable[TimedEvent], trusted: Instant) -> tuple[CorrectedRange, ...]:
    """What the wall times of earlier events should have been, from a reading of a synchronised clock.

    True time of an event = trusted wall time - (trusted boot time - boot time of the event). Events of other
    boots are left out: their boot time says nothing. Consecutive events that were off alike share a range.
    """
    ranges: list[CorrectedRange] = []
    for event in events:
        if event.at.boot_id != trusted.boot_id:
            continue
        age = timedelta(microseconds=round((trusted.boottime_s - event.at.boottime_s) * 1_000_000))
        off_us = (trusted.wall - age - event.at.wall) // timedelta(microseconds=1)
        last = ranges[-1] if ranges else None
        if (
            last is not None
            and (last.epoch, last.last_seq + 1) == (event.epoch, event.seq)
            and abs(last.correction_us - off_us) <= JITTER_US
        ):
            ranges[-1] = last.model_copy(update={"last_seq": event.seq})
        else:
            ranges.append(
                CorrectedRange(epoch=event.epoch, first_seq=event.seq, last_seq=event.seq, correction_us=off_us)
            )
    return tuple(ranges)


class ClockMarks:
    """Keeps the mark and issues corrections."""

    def __init__(self, database: Database, *, chain: Chain) -> None:
        self._database = database
        self._chain = chain

    def floor(self) -> datetime | None:
        """The latest time that the ledger knows: a clock at boot must not show less. Aware UTC, or None."""
        with self._database.read() as connection:
            mark = _read_mark(connection)
        return None if mark is None else mark.wall

    def mark(self, now: Instant) -> int:
        """Remember the time and, when the clock is synchronised, correct earlier events of this boot.

        To be called about every minute and when the clock's trust changes; cheap when there is nothing to do.

        Returns:
            How many events were given a correction.
        """
        with self._database.write() as connection:
            remember(connection, now)
        if now.trust is not ClockTrust.SYNCHRONISED:
            return 0
        corrected = 0
        while True:
            seen, mended = self._correct_batch(now)
            corrected += mended
            if seen < _BATCH:
                return corrected

    def last_trusted(self) -> datetime | None:
        """The latest synchronised wall time, over restarts: it cannot be earlier. None if there was none."""
        with self._database.read() as connection:
            row = connection.execute("SELECT trusted_us FROM clock_mark").fetchone()
        return None if row is None or row[0] is None else from_unix_us(row[0])

    def _correct_batch(self, now: Instant) -> tuple[int, int]:
        with self._database.write() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} WHERE uncorrected = 1 ORDER BY position LIMIT {_BATCH}"
            ).fetchall()
            events = [self._timed(row) for row in rows]
            ranges = corrections(events, now)
            for start in range(0, len(ranges), MAX_RANGES):
                self._issue(connection, ranges[start : start + MAX_RANGES], now)
            # Events of earlier boots are done with too: nothing can be known about their times any more.
            connection.executemany(
                "UPDATE events SET uncorrected = 0 WHERE position = ?", [(row[0],) for row in rows]
            )
        return len(rows), sum(each.last_seq - each.first_seq + 1 for each in ranges)

    def _timed(self, row: tuple[Any, ...]) -> TimedEvent:
        event = self._chain.open_row(row).event()
        return TimedEvent(event.epoch, event.seq, instant(event.at, event.data.clock))

    def _issue(self, connection: sqlite3.Connection, ranges: Sequence[CorrectedRange], now: Instant) -> None:
        data = ClockCorrectedData(clock=clock_reading(now), ranges=list(ranges))
        self._chain.append(connection, lambda attributes: ClockCorrected(**attributes, data=data), at=now)


def remember(connection: sqlite3.Connection, now: Instant) -> None:
    """Persist the mark, within the caller's transaction."""
    previous = _read_mark(connection)
    mark = next_mark(previous, now)
    if mark != previous:
        connection.execute(
            "INSERT INTO clock_mark (one, wall_us, trusted, trusted_us) VALUES (1, ?, ?, ?) "
            "ON CONFLICT (one) DO UPDATE SET wall_us = excluded.wall_us, trusted = excluded.trusted, "
            "trusted_us = coalesce(excluded.trusted_us, trusted_us)",
            (unix_us(mark.wall), int(mark.trusted), unix_us(mark.wall) if mark.trusted else None),
        )


def _read_mark(connection: sqlite3.Connection) -> Mark | None:
    row = connection.execute("SELECT wall_us, trusted FROM clock_mark").fetchone()
    return None if row is None else Mark(from_unix_us(row[0]), trusted=bool(row[1]))
