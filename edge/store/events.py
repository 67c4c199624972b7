"""The event log: where a punch becomes an event, and where punches and envelopes are read again.

`record` returns only after the commit is on disk; it is the one way to success on the screen. Recording the
same punch again gives the event that is there: a caller that was killed, or told of a failed commit, may
simply retry. Trust boundary: punches come from the rules and are still bounded by the wire's schema.
"""

import itertools
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from edge.errors import LedgerCorrupt, PersonUnknown, StoreError
from edge.ports import Clock
from edge.store import checkpoints
from edge.store.audit import DAEMON, AuditTrail
from edge.store.chain import COLUMNS, Chain, EpochReason, StoredEvent
from edge.store.clock import remember
from edge.store.database import Database
from edge.store.frontier import NOT_SUPERSEDED
from edge.store.people import unknown
from edge.store.translation import attendance, clock_reading, punch_of, settled, utc_day
from edge.store.vault import Vault
from edge.types.identity import EpochId, ModelHash, PersonId
from edge.types.punches import EventId, Punch, RecordedPunch
from sync.wire.events import (
    AttendanceRecorded,
    AttendanceVoided,
    AttendanceVoidedData,
    CorrectionRequested,
    CorrectionRequestedData,
    DeviceRetired,
    DeviceRetiredData,
    DeviceTested,
    DeviceTestedData,
    PersonChanged,
    PersonChangedData,
)
from sync.wire.fields import EventPoint, format_time

NOT_VOIDED = "NOT EXISTS (SELECT 1 FROM voided WHERE voided.position = events.position)"
PersonChange = Literal["removed", "biometrics_removed", "disabled", "enabled"]
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


class EventLog:
    """The events table. Implements `edge.ports.Ledger`."""

    def __init__(
        self, database: Database, *, vault: Vault, chain: Chain, clock: Clock, audit: AuditTrail
    ) -> None:
        self._database = database
        self._vault = vault
        self._chain = chain
        self._clock = clock
        self._audit = audit

    def record(self, punch: Punch) -> RecordedPunch:
        """Commit a punch durably as the next signed event.

        A punch equal to this person's last one, clocks included, is not recorded again: its event is returned.

        Returns:
            The event's identity, and the punch as it reads back (UTC, microseconds, millionths).

        Raises:
            StoreError: Nothing was recorded; the caller must not confirm anything.
            PersonUnknown: The person was removed or is disabled; nothing was recorded.
        """
        try:
            punch = settled(punch)
        except ValueError:
            raise StoreError("a punch holds something that an event cannot carry", where="record") from None
        with self._database.write() as connection:
            _refuse_stranger(connection, punch.person_id)
            last = self._last(connection, punch.person_id)
            if last is not None and last.punch == punch:
                return last
            event_id = self._chain.append(
                connection,
                lambda attributes: AttendanceRecorded(**attributes, data=attendance(punch)),
                at=punch.at,
            )
            self._remember_last(connection, punch, event_id)
            remember(connection, punch.at)
        return RecordedPunch(event_id, punch)

    def change_person(
        self, person_id: PersonId, change: PersonChange, *, backups_until: date | None = None
    ) -> EventId:
        """Tell the office what staff did to a person here; within the transaction of the act itself.

        Args:
            person_id: To whom.
            change: What.
            backups_until: Of an erasure: when the last backup that may hold what went is removed.
        """
        now = self._clock.now()
        data = PersonChangedData(
            clock=clock_reading(now),
            person=person_id,
            change=change,
            backups_until=None if backups_until is None else backups_until.isoformat(),
        )
        with self._database.write() as connection:
            event_id = self._chain.append(
                connection, lambda attributes: PersonChanged(**attributes, data=data), at=now
            )
            remember(connection, now)
        return event_id

    def void(self, recorded: RecordedPunch) -> EventId | None:
        """Say that a punch was not of the person whom it names; it stays, and counts for nobody.

        The person's last punch is again the one before.

        Returns:
            The event that says so; None if it has been said, or if the punch is not the person's last one.
        """
        person_id, now = recorded.punch.person_id, self._clock.now()
        data = AttendanceVoidedData(
            clock=clock_reading(now), person=person_id, voids=_point(recorded.id), reason="not_me"
        )
        with self._database.write() as connection:
            fields = self._last_fields(connection, person_id)
            if fields is None or (fields["epoch"], fields["seq"]) != (recorded.id.epoch, recorded.id.seq):
                return None
            event_id = self._chain.append(
                connection, lambda attributes: AttendanceVoided(**attributes, data=data), at=now
            )
            connection.execute(
                "INSERT INTO voided (position, by_position) VALUES (?, (SELECT max(position) FROM events))",
                (_position(connection, recorded.id.epoch, recorded.id.seq),),
            )
            self._restore_last(connection, person_id, fields)
            remember(connection, now)
            where = f"{recorded.id.epoch}/{recorded.id.seq}"
            self._audit.append("event.voided", actor="screen", subject=person_id, detail=where)
        return event_id

    def request_correction(
        self, recorded: RecordedPunch, *, direction: Literal["in", "out"], moment: datetime
    ) -> EventId:
        """Ask the office, for the person of a punch, to add one that is missing; the office decides."""
        now = self._clock.now()
        data = CorrectionRequestedData(
            clock=clock_reading(now),
            person=recorded.punch.person_id,
            asked_with=_point(recorded.id),
            direction=direction,
            moment=format_time(moment),
        )
        with self._database.write() as connection:
            event_id = self._chain.append(
                connection, lambda attributes: CorrectionRequested(**attributes, data=data), at=now
            )
            remember(connection, now)
        return event_id

    def test(self, *, actor: str) -> EventId:
        """Add an event that means nothing but that the way to the office was tried."""
        now = self._clock.now()
        data = DeviceTestedData(clock=clock_reading(now), test=secrets.token_hex(16))
        with self._database.write() as connection:
            event_id = self._chain.append(
                connection, lambda attributes: DeviceTested(**attributes, data=data), at=now
            )
            remember(connection, now)
            self._audit.append("device.tested", actor=actor, subject=data.test)
        return event_id

    def retire(self, reason: Literal["retired", "moved"], *, actor: str) -> EventId:
        """Say as the last event of this device that nothing follows; its keys are destroyed after that."""
        now = self._clock.now()
        data = DeviceRetiredData(clock=clock_reading(now), reason=reason)
        with self._database.write() as connection:
            event_id = self._chain.append(
                connection, lambda attributes: DeviceRetired(**attributes, data=data), at=now
            )
            remember(connection, now)
            self._audit.append("device.retired", actor=actor, detail=reason)
        return event_id

    def retired(self) -> bool:
        """Whether this device has said that nothing follows."""
        with self._database.read() as connection:
            return self._chain.ended(connection)

    def begin_epoch(
        self, reason: EpochReason, *, models: Sequence[ModelHash] = (), actor: str = DAEMON
    ) -> EventId:
        """Open a new epoch with a signed event that says why and on what it follows."""
        with self._database.write() as connection:
            event_id = self._chain.begin_epoch(connection, reason=reason, at=self._clock.now(), models=models)
            self._audit.append("epoch.begun", actor=actor, subject=event_id.epoch, detail=reason)
        return event_id

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
            start = 0 if after is None else _position(connection, *after)
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

    def last_punch(self, person_id: PersonId) -> RecordedPunch | None:
        """Read a person's newest punch, at once however long the ledger is."""
        with self._database.read() as connection:
            return self._last(connection, person_id)

    def follow(self, person_id: PersonId, refused: EventId, again: EventId) -> None:
        """Let a person's last punch be the event under which it was issued again, if it was this one."""
        with self._database.write() as connection:
            fields = self._last_fields(connection, person_id)
            if fields is None:
                return
            old, new = {"epoch": refused.epoch, "seq": refused.seq}, {"epoch": again.epoch, "seq": again.seq}
            last, before = {"epoch": fields["epoch"], "seq": fields["seq"]}, fields.get("before")
            if old in (last, before):
                self._write_last(
                    connection,
                    person_id,
                    {
                        **fields,
                        **(new if last == old else last),
                        "before": new if before == old else before,
                    },
                )

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
                    0 if after is None else _position(connection, *after),
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
                    yield _recorded(self._chain.open_row(rows[position]))

    def _last(self, connection: sqlite3.Connection, person_id: PersonId) -> RecordedPunch | None:
        fields = self._last_fields(connection, person_id)
        if fields is None:
            return None
        stored = connection.execute(
            f"SELECT {COLUMNS} WHERE epochs.epoch = ? AND seq = ?",
            (fields["epoch"], fields["seq"]),
        ).fetchone()
        if stored is None:
            return None
        recorded = _recorded(self._chain.open_row(stored))
        if recorded.punch.person_id != person_id:
            raise LedgerCorrupt("a person's last punch is another person's", where=f"person {person_id}")
        return recorded

    def face_days(self, person_id: PersonId) -> dict[str, int]:
        """The UTC day on which each recognition chain (`face_chain`) last recognised a person here."""
        with self._database.read() as connection:
            fields = self._last_fields(connection, person_id)
        return {} if fields is None else {str(each): int(day) for each, day in fields.get("faces", {}).items()}

    def _remember_last(self, connection: sqlite3.Connection, punch: Punch, event_id: EventId) -> None:
        last = self._last_fields(connection, punch.person_id)
        before = None if last is None else {"epoch": last["epoch"], "seq": last["seq"]}
        faces = {} if last is None else last.get("faces", {})
        now = {} if punch.model_hash is None else {face_chain(punch.model_hash): utc_day(punch.at.wall)}
        self._write_last(
            connection,
            punch.person_id,
            {
                "epoch": event_id.epoch,
                "seq": event_id.seq,
                "before": before,
                "faces": {**faces, **now},
                "faces_before": faces,
            },
        )

    def _restore_last(
        self, connection: sqlite3.Connection, person_id: PersonId, fields: Mapping[str, Any]
    ) -> None:
        """Make the punch before a voided one the last again."""
        before, faces = fields.get("before"), fields.get("faces_before", {})
        if before is None:
            connection.execute("DELETE FROM last_punches WHERE person_id = ?", (person_id,))
        else:
            self._write_last(
                connection, person_id, {**before, "before": None, "faces": faces, "faces_before": faces}
            )

    def _last_fields(self, connection: sqlite3.Connection, person_id: PersonId) -> dict[str, Any] | None:
        row = connection.execute(
            "SELECT body, written_by FROM last_punches WHERE person_id = ?", (person_id,)
        ).fetchone()
        return None if row is None else self._vault.open_fields("last punch", person_id, row[0], row[1])

    def _write_last(
        self, connection: sqlite3.Connection, person_id: PersonId, fields: Mapping[str, Any]
    ) -> None:
        connection.execute(
            "INSERT INTO last_punches (person_id, body, written_by) VALUES (?, ?, ?) "
            "ON CONFLICT (person_id) DO UPDATE SET body = excluded.body, written_by = excluded.written_by",
            (person_id, self._vault.seal_fields("last punch", person_id, fields), self._vault.number),
        )


def face_chain(model_hash: ModelHash) -> str:
    """How a person's last punch names a recognition chain: enough of its hash to tell chains apart."""
    return model_hash[:16]


def _refuse_stranger(connection: sqlite3.Connection, person_id: PersonId) -> None:
    row = connection.execute("SELECT enabled FROM people WHERE person_id = ?", (person_id,)).fetchone()
    if row is None:
        raise unknown(person_id)
    if not row[0]:
        raise PersonUnknown(
            "the person is disabled",
            where=f"person {person_id}",
            next_step=f"clockface people show {person_id}",
        )


def _point(event: EventId) -> EventPoint:
    return EventPoint(epoch=event.epoch, seq=event.seq, hash=event.hash)


def _position(connection: sqlite3.Connection, epoch: EpochId, seq: int) -> int:
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


def _recorded(stored: StoredEvent) -> RecordedPunch:
    event = stored.event()
    if not isinstance(event, AttendanceRecorded):
        raise LedgerCorrupt("an event is not the punch that it is listed as", where=f"event {event.id}")
    return RecordedPunch(stored.id, punch_of(event))
