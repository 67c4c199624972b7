"""Removes what is over from the ledger in small batches: confirmed events, audit entries, odds and ends.

Each batch is one transaction together with the signed checkpoint behind which the chain goes on, so that a
power cut leaves a ledger that verifies. Trust boundary: callers say how old is old; what the office has not
confirmed, and the newest entry of each chain, stays whatever they say.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Final

from edge.ports import Clock
from edge.store import checkpoints
from edge.store.audit import AuditTrail
from edge.store.checkpoints import Begins
from edge.store.database import Database
from edge.store.device_keys import DeviceKeys
from edge.store.translation import unix_us
from edge.types.identity import ModelHash, PersonId, TemplateId
from sync.wire.parcels import CrashParcel, SupportParcel
from sync.wire.topics import Address

REPORTS: Final = (CrashParcel, SupportParcel)


@dataclass(frozen=True, slots=True)
class KeptTemplate:
    """Which template, whose and of which chain; its row, to go on from."""

    row: int
    template_id: TemplateId
    person_id: PersonId
    model_hash: ModelHash


class Pruning:
    """What retention does to the tables. One caller at a time.

    Args:
        database: The ledger.
        audit: The trail; its entries' times are read through it.
        keys: Sign checkpoints.
        address: Whose they are.
        clock: When they were made.
    """

    def __init__(
        self, database: Database, *, audit: AuditTrail, keys: DeviceKeys, address: Address, clock: Clock
    ) -> None:
        self._database = database
        self._audit = audit
        self._keys = keys
        self._address = address
        self._clock = clock

    # --- events -------------------------------------------------------------------------------------------

    def events_until(self, before_day: int) -> tuple[int, int]:
        """Up to where events may go: those before the newest old punch that the office has confirmed.

        Args:
            before_day: UTC day; punches of this day and later ones stay, and what follows the first of them.

        Returns:
            The position of the last event that may go, and how many there are up to it; (0, 0) for none.
        """
        with self._database.read() as connection:
            gone = _position(checkpoints.begins(connection, "events"))
            until = connection.execute(
                "SELECT max(position) FROM events WHERE punch_day < ?1 "
                "AND position < (SELECT position FROM frontier) "
                "AND position < coalesce((SELECT min(position) FROM events WHERE punch_day >= ?1), 1 << 62)",
                (before_day,),
            ).fetchone()[0]
        return (0, 0) if until is None else (int(until), int(until) - gone)

    def remove_events(self, until: int, *, rows: int) -> int:
        """Remove the oldest events up to a position, at most so many; returns how many went."""
        with self._database.write() as connection:
            gone = _position(checkpoints.begins(connection, "events"))
            confirmed = connection.execute("SELECT position FROM frontier").fetchone()
            last = min(until, gone + rows, 0 if confirmed is None else confirmed[0] - 1)
            if last <= gone:
                return 0
            row = connection.execute(
                "SELECT position, ordinal, epochs.epoch, seq, hash FROM events "
                "JOIN epochs ON epochs.ordinal = events.epoch WHERE position = ?",
                (last,),
            ).fetchone()
            removed = connection.execute("DELETE FROM events WHERE position <= ?", (last,)).rowcount
            connection.execute("DELETE FROM voided WHERE position <= ?", (last,))
            self._sign(connection, "events", Begins(*row))
        return int(removed)

    # --- the audit trail ----------------------------------------------------------------------------------

    def old_entries(self, before: datetime, *, limit: int | None = None) -> Sequence[int]:
        """The places of the oldest audit entries that are from before a moment.

        Without the newest of all and, where there is an office, those that it was not told of.
        """
        with self._database.read() as connection:
            newest = connection.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()[0]
            has_office = connection.execute("SELECT 1 FROM office").fetchone() is not None
        end = min(newest, self._audit.handed_in() + 1) if has_office else newest
        old = takewhile(lambda entry: entry.at < before and entry.seq < end, self._audit.list(limit=limit))
        return [entry.seq for entry in old]

    def remove_entries(self, before: datetime, *, rows: int) -> int:
        """Remove the oldest audit entries from before a moment, at most so many; returns how many went."""
        old = self.old_entries(before, limit=rows)
        if not old:
            return 0
        with self._database.write() as connection:
            digest = connection.execute("SELECT hash FROM audit WHERE seq = ?", (old[-1],)).fetchone()[0]
            removed = connection.execute("DELETE FROM audit WHERE seq <= ?", (old[-1],)).rowcount
            self._sign(connection, "audit", Begins(old[-1], 0, "", old[-1], digest))
        return int(removed)

    # --- odds and ends ------------------------------------------------------------------------------------

    def old_reports(self, before: datetime) -> int:
        """How many crash reports and parts of support bundles wait for the office since before a moment."""
        return self._reports("SELECT count(*)", before)

    def remove_reports(self, before: datetime) -> int:
        """Give up on them; returns how many went."""
        return self._reports("DELETE", before)

    def _reports(self, what: str, before: datetime) -> int:
        kinds = [kind.payload_type for kind in REPORTS]
        with self._database.write() as connection:
            done = connection.execute(
                f"{what} FROM parcels WHERE payload_type IN (?, ?) AND made_us < ?",
                (*kinds, unix_us(before)),
            )
            return int(done.fetchone()[0]) if what.startswith("SELECT") else done.rowcount

    def old_alarms(self, before: datetime) -> int:
        """How many alarms from before a moment somebody has cleared."""
        with self._database.read() as connection:
            return int(
                connection.execute(
                    "SELECT count(*) FROM alarms WHERE cleared = 1 AND raised_us < ?", (unix_us(before),)
                ).fetchone()[0]
            )

    def remove_alarms(self, before: datetime) -> int:
        """Remove them; returns how many went."""
        with self._database.write() as connection:
            return connection.execute(
                "DELETE FROM alarms WHERE cleared = 1 AND raised_us < ?", (unix_us(before),)
            ).rowcount

    # --- templates ----------------------------------------------------------------------------------------

    def templates_after(self, row: int, *, limit: int) -> tuple[KeptTemplate, ...]:
        """The next templates, oldest first, without opening them."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT row, template_id, person_id, model_hash FROM templates "
                "WHERE row > ? ORDER BY row LIMIT ?",
                (row, limit),
            ).fetchall()
        return tuple(
            KeptTemplate(number, TemplateId(template), PersonId(person), ModelHash(model))
            for number, template, person, model in rows
        )

    def _sign(self, connection: sqlite3.Connection, chain: checkpoints.ChainName, last: Begins) -> None:
        checkpoints.put(connection, chain, last, keys=self._keys, address=self._address, clock=self._clock)


def _position(begins: Begins | None) -> int:
    return 0 if begins is None else begins.position
