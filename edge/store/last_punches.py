"""Each person's last punch, found at once however long the ledger is; with the days on which chains saw them.

A row is an index, not a record: it names events and is encrypted like what it names. What it says is checked
against the event itself, so that a row moved to another person is refused.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from edge.errors import LedgerCorrupt
from edge.store.chain import COLUMNS, Chain
from edge.store.translation import utc_day
from edge.store.vault import Vault
from edge.types.identity import ModelHash, PersonId
from edge.types.punches import EventId, Punch, RecordedPunch


class LastPunches:
    """The table of last punches. Every call is within the caller's transaction."""

    def __init__(self, *, vault: Vault, chain: Chain) -> None:
        self._vault = vault
        self._chain = chain

    def of(self, connection: sqlite3.Connection, person_id: PersonId) -> RecordedPunch | None:
        """A person's newest punch, or None.

        Raises:
            LedgerCorrupt: The row or its event was altered or moved.
        """
        fields = self._fields(connection, person_id)
        if fields is None:
            return None
        stored = connection.execute(
            f"SELECT {COLUMNS} WHERE epochs.epoch = ? AND seq = ?",
            (fields["epoch"], fields["seq"]),
        ).fetchone()
        if stored is None:
            return None
        recorded = self._chain.open_row(stored).punch()
        if recorded.punch.person_id != person_id:
            raise LedgerCorrupt("a person's last punch is another person's", where=f"person {person_id}")
        return recorded

    def is_last(self, connection: sqlite3.Connection, recorded: RecordedPunch) -> bool:
        """Whether a punch is still its person's newest."""
        fields = self._fields(connection, recorded.punch.person_id)
        return fields is not None and (fields["epoch"], fields["seq"]) == (recorded.id.epoch, recorded.id.seq)

    def face_days(self, connection: sqlite3.Connection, person_id: PersonId) -> dict[str, int]:
        """The UTC day on which each recognition chain (`face_chain`) last recognised a person here."""
        fields = self._fields(connection, person_id)
        return {} if fields is None else {str(each): int(day) for each, day in fields.get("faces", {}).items()}

    def remember(self, connection: sqlite3.Connection, punch: Punch, event_id: EventId) -> None:
        """Let a punch be its person's last; the one before is kept, for `restore`."""
        last = self._fields(connection, punch.person_id)
        before = None if last is None else {"epoch": last["epoch"], "seq": last["seq"]}
        faces = {} if last is None else last.get("faces", {})
        now = {} if punch.model_hash is None else {face_chain(punch.model_hash): utc_day(punch.at.wall)}
        self._write(
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

    def restore(self, connection: sqlite3.Connection, person_id: PersonId) -> None:
        """Make the punch before a voided one the last again."""
        fields = self._fields(connection, person_id) or {}
        before, faces = fields.get("before"), fields.get("faces_before", {})
        if before is None:
            connection.execute("DELETE FROM last_punches WHERE person_id = ?", (person_id,))
        else:
            self._write(
                connection, person_id, {**before, "before": None, "faces": faces, "faces_before": faces}
            )

    def follow(
        self, connection: sqlite3.Connection, person_id: PersonId, *, refused: EventId, again: EventId
    ) -> None:
        """Name the event under which a refused one was issued again, where the refused one stands."""
        fields = self._fields(connection, person_id)
        if fields is None:
            return
        old, new = {"epoch": refused.epoch, "seq": refused.seq}, {"epoch": again.epoch, "seq": again.seq}
        last, before = {"epoch": fields["epoch"], "seq": fields["seq"]}, fields.get("before")
        if old in (last, before):
            self._write(
                connection,
                person_id,
                {
                    **fields,
                    **(new if last == old else last),
                    "before": new if before == old else before,
                },
            )

    def _fields(self, connection: sqlite3.Connection, person_id: PersonId) -> dict[str, Any] | None:
        row = connection.execute(
            "SELECT body, written_by FROM last_punches WHERE person_id = ?", (person_id,)
        ).fetchone()
        return None if row is None else self._vault.open_fields("last punch", person_id, row[0], row[1])

    def _write(self, connection: sqlite3.Connection, person_id: PersonId, fields: Mapping[str, Any]) -> None:
        connection.execute(
            "INSERT INTO last_punches (person_id, body, written_by) VALUES (?, ?, ?) "
            "ON CONFLICT (person_id) DO UPDATE SET body = excluded.body, written_by = excluded.written_by",
            (person_id, self._vault.seal_fields("last punch", person_id, fields), self._vault.number),
        )


def face_chain(model_hash: ModelHash) -> str:
    """How a person's last punch names a recognition chain: enough of its hash to tell chains apart."""
    return model_hash[:16]
