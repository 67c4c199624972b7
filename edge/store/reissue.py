"""What the office refused, issued again under a new epoch: every record once, none lost, in one transaction.

A device that was restored behind Clockface's back went on under identities that the office knows as other
events. Nothing is rewritten: the refused events stay, are sent no more, and the new ones name them. Trust
boundary: the caller has verified the refusal; what it names is still held against our own events.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from edge.ports import Clock
from edge.store.audit import AuditTrail
from edge.store.chain import COLUMNS, Chain
from edge.store.clock import MAX_RANGES
from edge.store.database import Database
from edge.store.events import EventLog
from edge.store.frontier import Alarms, Frontier
from edge.store.translation import instant
from edge.types.identity import EpochId, PersonId
from edge.types.punches import EventId
from sync.wire.events import (
    AnyEvent,
    AttendanceRecorded,
    AttendanceVoided,
    ClockCorrected,
    ClockCorrectedData,
    CorrectedRange,
    CorrectionRequested,
    DeviceRetired,
    DeviceTested,
    PersonChanged,
)
from sync.wire.fields import EventPoint

REFUSED = "refused"
_BATCH = 200


class Reissued(StrEnum):
    """What became of a refusal."""

    DONE = "done"
    REPEATED = "repeated"  # the rest of that epoch was issued again already
    UNKNOWN = "unknown"  # it names no event of ours
    COMMITTED = "committed"  # it names an event that the office has acknowledged


class Reissues:
    """Answers refusals."""

    def __init__(
        self,
        database: Database,
        *,
        chain: Chain,
        events: EventLog,
        frontier: Frontier,
        alarms: Alarms,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        self._database = database
        self._chain = chain
        self._events = events
        self._frontier = frontier
        self._alarms = alarms
        self._audit = audit
        self._clock = clock

    def answer(self, refused: EventId) -> Reissued:
        """Begin an epoch and issue again what the office has not committed of the refused event's epoch.

        Raises:
            StoreError: Nothing was changed; the same refusal may be answered later.
        """
        with self._database.write() as connection:
            if not self._frontier.has(refused) and not self._frontier.pruned(refused):
                return Reissued.UNKNOWN
            if self._frontier.reissued_in(refused.epoch) is not None:
                return Reissued.REPEATED
            committed = self._frontier.committed(refused.epoch)
            if self._frontier.pruned(refused) or (committed is not None and refused.seq <= committed.seq):
                return Reissued.COMMITTED
            after = 0 if committed is None else committed.seq
            begun = self._events.begin_epoch("refused")
            moved = _Moved(refused.epoch, begun.epoch)
            for event, event_id, uncorrected in self._rest(connection, refused.epoch, after):
                self._again(connection, event, event_id, uncorrected=uncorrected, moved=moved)
            self._correct_elsewhere(connection, begun, moved)
            self._frontier.supersede(refused.epoch, reissued_in=begun.epoch)
            self._alarms.raise_alarm(REFUSED, f"{refused.epoch}/{refused.seq}")
        return Reissued.DONE

    def _rest(
        self, connection: sqlite3.Connection, epoch: EpochId, after: int
    ) -> Iterator[tuple[AnyEvent, EventId, int]]:
        """What is left of an epoch, batch by batch: the events, and whether each waits for a correction."""
        while True:
            rows = connection.execute(
                f"SELECT uncorrected, {COLUMNS} WHERE epochs.epoch = ? AND seq > ? ORDER BY seq LIMIT {_BATCH}",
                (epoch, after),
            ).fetchall()
            if not rows:
                return
            for uncorrected, *row in rows:
                stored = self._chain.open_row(tuple(row))
                yield stored.event(), stored.id, uncorrected
            after = rows[-1][3]

    def _again(
        self,
        connection: sqlite3.Connection,
        event: AnyEvent,
        event_id: EventId,
        *,
        uncorrected: int,
        moved: "_Moved",
    ) -> None:
        if isinstance(event, AttendanceRecorded):
            point = EventPoint(epoch=event_id.epoch, seq=event_id.seq, hash=event_id.hash)
            data = event.data.model_copy(update={"reissues": point})
            again = self._append(connection, event, AttendanceRecorded, data)
            moved.seqs[event_id.seq] = again.seq
            self._events.follow(PersonId(data.person), event_id, again)
            connection.execute(
                "UPDATE events SET uncorrected = ? WHERE position = (SELECT max(position) FROM events)",
                (uncorrected,),
            )
            connection.execute(  # what its person disowned stays disowned
                "INSERT INTO voided (position, by_position) "
                "SELECT (SELECT max(position) FROM events), by_position FROM voided "
                "JOIN events USING (position) JOIN epochs ON epochs.ordinal = events.epoch "
                "WHERE epochs.epoch = ? AND seq = ?",
                (event_id.epoch, event_id.seq),
            )
        elif isinstance(
            event, PersonChanged | AttendanceVoided | CorrectionRequested | DeviceTested | DeviceRetired
        ):
            self._append(connection, event, type(event), event.data)
        elif isinstance(event, ClockCorrected):
            self._correct(connection, event, moved.ranges(event.data.ranges, others=True))

    def _correct_elsewhere(self, connection: sqlite3.Connection, begun: EventId, moved: "_Moved") -> None:
        """Corrections of refused events that stand in later epochs hold for the new events too."""
        rows = connection.execute(
            f"SELECT {COLUMNS} WHERE punch_day IS NULL AND epochs.epoch <> ?2 AND epochs.ordinal > "  # noqa: S608
            "(SELECT ordinal FROM epochs WHERE epoch = ?1) ORDER BY position",
            (moved.old, begun.epoch),
        ).fetchall()
        for row in rows:
            event = self._chain.open_row(row).event()
            if isinstance(event, ClockCorrected):
                self._correct(connection, event, moved.ranges(event.data.ranges, others=False))

    def _correct(
        self, connection: sqlite3.Connection, event: ClockCorrected, ranges: Sequence[CorrectedRange]
    ) -> None:
        for start in range(0, len(ranges), MAX_RANGES):
            data = ClockCorrectedData(clock=event.data.clock, ranges=list(ranges[start : start + MAX_RANGES]))
            self._append(connection, event, ClockCorrected, data)

    def _append(
        self, connection: sqlite3.Connection, event: AnyEvent, kind: type[Any], data: object
    ) -> EventId:
        return self._chain.append(
            connection,
            lambda attributes: kind(**attributes, data=data),
            at=instant(event.at, event.data.clock),
        )


class _Moved:
    """Where each refused event went: seq in the old epoch to seq in the new one."""

    def __init__(self, old: EpochId, new: EpochId) -> None:
        self.old = old
        self.new = new
        self.seqs: dict[int, int] = {}

    def ranges(self, given: Sequence[CorrectedRange], *, others: bool) -> list[CorrectedRange]:
        """Corrections as they hold for the new events; with `others`, also those of events that stay."""
        found: list[CorrectedRange] = []
        for each in given:
            if each.epoch != self.old:
                found += [each] if others else []
                continue
            for seq in range(each.first_seq, each.last_seq + 1):
                if seq in self.seqs:
                    self._add(found, self.new, self.seqs[seq], each.correction_us)
                elif others:
                    self._add(found, self.old, seq, each.correction_us)
        return found

    @staticmethod
    def _add(found: list[CorrectedRange], epoch: EpochId, seq: int, correction_us: int) -> None:
        last = found[-1] if found else None
        if last and (last.epoch, last.last_seq + 1, last.correction_us) == (epoch, seq, correction_us):
            found[-1] = last.model_copy(update={"last_seq": seq})
        else:
            found.append(CorrectedRange(epoch=epoch, first_seq=seq, last_seq=seq, correction_us=correction_us))
