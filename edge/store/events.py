"""The event log: where a punch becomes an event. What it reads again stands in `edge.store.event_reading`.

`record` returns only after the commit is on disk; it is the one way to success on the screen. Recording the
same punch again gives the event that is there: a caller that was killed, or told of a failed commit, may
simply retry. Trust boundary: punches come from the rules and are still bounded by the wire's schema.
"""

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Literal

from edge.errors import PersonUnknown, StoreError
from edge.ports import Clock
from edge.store.audit import DAEMON, AuditTrail
from edge.store.chain import Chain, EpochReason
from edge.store.clock import remember
from edge.store.database import Database
from edge.store.event_reading import EventReader, position_of
from edge.store.last_punches import LastPunches
from edge.store.people import unknown
from edge.store.translation import attendance, clock_reading, point_of, settled
from edge.store.vault import Vault
from edge.types.clock import Instant
from edge.types.identity import ModelHash, PersonId
from edge.types.punches import EventId, Punch, RecordedPunch
from sync.wire.events import (
    AnyEvent,
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
from sync.wire.fields import format_time

PersonChange = Literal["removed", "biometrics_removed", "disabled", "enabled"]


class EventLog(EventReader):
    """The events table. Implements `edge.ports.Ledger`."""

    def __init__(
        self, database: Database, *, vault: Vault, chain: Chain, clock: Clock, audit: AuditTrail
    ) -> None:
        super().__init__(database, chain=chain, last=LastPunches(vault=vault, chain=chain))
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
            last = self._last.of(connection, punch.person_id)
            if last is not None and last.punch == punch:
                return last
            event_id = self._append(
                connection,
                lambda attributes: AttendanceRecorded(**attributes, data=attendance(punch)),
                at=punch.at,
            )
            self._last.remember(connection, punch, event_id)
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
            return self._append(connection, lambda attributes: PersonChanged(**attributes, data=data), at=now)

    def void(self, recorded: RecordedPunch) -> EventId | None:
        """Say that a punch was not of the person whom it names; it stays, and counts for nobody.

        The person's last punch is again the one before.

        Returns:
            The event that says so; None if it has been said, or if the punch is not the person's last one.
        """
        person_id, now = recorded.punch.person_id, self._clock.now()
        data = AttendanceVoidedData(
            clock=clock_reading(now), person=person_id, voids=point_of(recorded.id), reason="not_me"
        )
        with self._database.write() as connection:
            if not self._last.is_last(connection, recorded):
                return None
            event_id = self._append(
                connection, lambda attributes: AttendanceVoided(**attributes, data=data), at=now
            )
            connection.execute(
                "INSERT INTO voided (position, by_position) VALUES (?, (SELECT max(position) FROM events))",
                (position_of(connection, recorded.id.epoch, recorded.id.seq),),
            )
            self._last.restore(connection, person_id)
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
            asked_with=point_of(recorded.id),
            direction=direction,
            moment=format_time(moment),
        )
        with self._database.write() as connection:
            return self._append(
                connection, lambda attributes: CorrectionRequested(**attributes, data=data), at=now
            )

    def test(self, *, actor: str) -> EventId:
        """Add an event that means nothing but that the way to the office was tried."""
        now = self._clock.now()
        data = DeviceTestedData(clock=clock_reading(now), test=secrets.token_hex(16))
        with self._database.write() as connection:
            event_id = self._append(
                connection, lambda attributes: DeviceTested(**attributes, data=data), at=now
            )
            self._audit.append("device.tested", actor=actor, subject=data.test)
        return event_id

    def retire(self, reason: Literal["retired", "moved"], *, actor: str) -> EventId:
        """Say as the last event of this device that nothing follows; its keys are destroyed after that."""
        now = self._clock.now()
        data = DeviceRetiredData(clock=clock_reading(now), reason=reason)
        with self._database.write() as connection:
            event_id = self._append(
                connection, lambda attributes: DeviceRetired(**attributes, data=data), at=now
            )
            self._audit.append("device.retired", actor=actor, detail=reason)
        return event_id

    def begin_epoch(
        self, reason: EpochReason, *, models: Sequence[ModelHash] = (), actor: str = DAEMON
    ) -> EventId:
        """Open a new epoch with a signed event that says why and on what it follows."""
        with self._database.write() as connection:
            event_id = self._chain.begin_epoch(connection, reason=reason, at=self._clock.now(), models=models)
            self._audit.append("epoch.begun", actor=actor, subject=event_id.epoch, detail=reason)
        return event_id

    def follow(self, person_id: PersonId, refused: EventId, again: EventId) -> None:
        """Let a person's last punch be the event under which it was issued again, if it was this one."""
        with self._database.write() as connection:
            self._last.follow(connection, person_id, refused=refused, again=again)

    def _append(
        self, connection: sqlite3.Connection, make: Callable[[dict[str, Any]], AnyEvent], *, at: Instant
    ) -> EventId:
        """The next signed event, and the time that the ledger has now seen."""
        event_id = self._chain.append(connection, make, at=at)
        remember(connection, at)
        return event_id


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
