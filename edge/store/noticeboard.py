"""What the office told this kiosk to show, and whether it told it to stop: kept over restarts.

Trust boundary: callers have verified the command; texts are an operator's, sealed at rest and never logged.
"""

from dataclasses import dataclass
from datetime import datetime

from edge.store.database import Database
from edge.store.translation import unix_us
from edge.store.vault import Vault
from edge.types.identity import PersonId

MAX_MESSAGES = 64  # at once; more is nobody's honest work
SHOWN = 4  # of the newest, on the screen at once


@dataclass(frozen=True, slots=True)
class Closure:
    """Why the kiosk is out of service: the operator's words, and the command that said so."""

    reason: str
    command: str


class Noticeboard:
    """The tables messages and out_of_service."""

    def __init__(self, database: Database, *, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def closure(self) -> Closure | None:
        """Why the kiosk is out of service, or None while it is in service."""
        with self._database.read() as connection:
            row = connection.execute("SELECT body, written_by FROM out_of_service").fetchone()
        if row is None:
            return None
        fields = self._vault.open_fields("service", "closure", row[0], row[1])
        return Closure(str(fields["reason"]), str(fields["command"]))

    def close_kiosk(self, closure: Closure) -> None:
        """Take the kiosk out of service, in the place of an earlier reason."""
        fields = {"reason": closure.reason, "command": closure.command}
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO out_of_service (one, body, written_by) VALUES (1, ?, ?) ON CONFLICT (one) "
                "DO UPDATE SET body = excluded.body, written_by = excluded.written_by",
                (self._vault.seal_fields("service", "closure", fields), self._vault.number),
            )

    def open_kiosk(self) -> bool:
        """Put the kiosk into service again; returns whether it was out of it."""
        with self._database.write() as connection:
            return bool(connection.execute("DELETE FROM out_of_service").rowcount)

    def put(self, message_id: str, text: str, *, person_id: PersonId | None, until: datetime) -> None:
        """Keep a message until it ends; the oldest beyond 64 is forgotten."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO messages (message_id, person_id, until_us, body, written_by) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    message_id,
                    person_id,
                    unix_us(until),
                    self._vault.seal_fields("message", message_id, {"text": text}),
                    self._vault.number,
                ),
            )
            connection.execute(
                "DELETE FROM messages WHERE row <= "
                "(SELECT row FROM messages ORDER BY row DESC LIMIT 1 OFFSET ?)",
                (MAX_MESSAGES,),
            )

    def standing(self, now: datetime, *, person_id: PersonId | None) -> tuple[str, ...]:
        """The newest messages that have not ended: for everybody, or for one person alone."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT message_id, body, written_by FROM messages WHERE until_us > ? AND person_id IS ? "
                "ORDER BY row DESC LIMIT ?",
                (unix_us(now), person_id, SHOWN),
            ).fetchall()
        return tuple(
            str(self._vault.open_fields("message", message_id, body, written_by)["text"])
            for message_id, body, written_by in reversed(rows)
        )

    def sweep(self, now: datetime) -> int:
        """Forget messages that have ended; returns how many."""
        with self._database.write() as connection:
            return connection.execute("DELETE FROM messages WHERE until_us <= ?", (unix_us(now),)).rowcount
