"""What people know or have besides a badge: PIN, secret of one-time codes, their own way in; and wrong tries.

Everything is a token under the DATA key, PINs inside it as a salted, memory-hard hash. Wrong tries are kept
by a keyed fingerprint of whom they were typed for, whether there is such a person or not. Trust boundary:
callers have checked what a PIN may be; nothing of this is ever logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from edge.errors import LedgerCorrupt
from edge.store.audit import DAEMON, AuditTrail
from edge.store.database import Database
from edge.store.people import unknown
from edge.store.vault import Vault, blind
from edge.types.identity import PersonId

MAX_LOCKOUTS = (
    2000  # subjects; an attacker who types numbers at random pushes out the oldest, not the disk's end
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one person has.

    Args:
        pin: `edge.badge.pin.PinHash.as_fields`, or None.
        code: Secret of the one-time codes, or None.
        code_step: The step of the last code that counted.
        way: The person's own way in, over the site's; None: the site's.
    """

    pin: Mapping[str, Any] | None = None
    code: bytes | None = None
    code_step: int = 0
    way: str | None = None

    def __repr__(self) -> str:
        return "Credentials(********)"


NONE = Credentials()


class CredentialStore:
    """The tables credentials and lockouts."""

    def __init__(self, database: Database, *, vault: Vault, subject_key: bytes, audit: AuditTrail) -> None:
        self._database = database
        self._vault = vault
        self._subject_key = subject_key
        self._audit = audit

    def of(self, person_id: PersonId) -> Credentials:
        """What a person has; nothing for somebody unknown."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT body, written_by FROM credentials WHERE person_id = ?", (person_id,)
            ).fetchone()
        return NONE if row is None else self._opened(person_id, row)

    def put(self, person_id: PersonId, credentials: Credentials, *, action: str, actor: str = DAEMON) -> None:
        """Give a person exactly these.

        Args:
            person_id: Whose.
            credentials: What.
            action: What was done, for the audit; empty for a code that counted.
            actor: On whose behalf.

        Raises:
            PersonUnknown: There is no such person.
        """
        fields = {
            "pin": None if credentials.pin is None else dict(credentials.pin),
            "code": None if credentials.code is None else credentials.code.hex(),
            "code_step": credentials.code_step,
            "way": credentials.way,
        }
        with self._database.write() as connection:
            if not connection.execute("SELECT 1 FROM people WHERE person_id = ?", (person_id,)).fetchone():
                raise unknown(person_id)
            connection.execute(
                "INSERT INTO credentials (person_id, body, written_by) VALUES (?, ?, ?) "
                "ON CONFLICT (person_id) DO UPDATE SET body = excluded.body, written_by = excluded.written_by",
                (person_id, self._vault.seal_fields("credentials", person_id, fields), self._vault.number),
            )
            if action:
                self._audit.append(action, actor=actor, subject=person_id)

    def spend_code(self, person_id: PersonId, step: int) -> bool:
        """Note that the code of this step counted; False if it, or a later one, has counted before."""
        with self._database.write():
            standing = self.of(person_id)
            if step <= standing.code_step:
                return False
            self.put(person_id, replace(standing, code_step=step), action="")
            return True

    def ways(self) -> frozenset[str]:
        """The ways of people who have their own."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT person_id, body, written_by FROM credentials").fetchall()
        ways = (self._opened(PersonId(person_id), (body, by)).way for person_id, body, by in rows)
        return frozenset(way for way in ways if way is not None)

    def _opened(self, person_id: PersonId, row: tuple[Any, ...]) -> Credentials:
        fields = self._vault.open_fields("credentials", person_id, row[0], row[1])
        code = fields["code"]
        return Credentials(
            pin=fields["pin"],
            code=None if code is None else bytes.fromhex(code),
            code_step=int(fields["code_step"]),
            way=fields["way"],
        )

    # --- wrong tries --------------------------------------------------------------------------------------

    def failures(self, subject: str) -> tuple[int, datetime | None]:
        """Wrong tries in a row for a subject, and when the last one was."""
        index = self._index(subject)
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT body, written_by FROM lockouts WHERE subject = ?", (index,)
            ).fetchone()
        if row is None:
            return 0, None
        fields = self._vault.open_fields("lockout", index.hex(), row[0], row[1])
        return int(fields["failures"]), datetime.fromisoformat(fields["last_at"])

    def note_failure(
        self, subject: str, *, failures: int, at: datetime, person_id: PersonId | None = None
    ) -> None:
        """Keep a wrong try, with an entry in the audit trail."""
        index = self._index(subject)
        token = self._vault.seal_fields(
            "lockout", index.hex(), {"failures": failures, "last_at": at.isoformat()}
        )
        with self._database.write() as connection:
            connection.execute("DELETE FROM lockouts WHERE subject = ?", (index,))
            connection.execute(
                "INSERT INTO lockouts (subject, body, written_by) VALUES (?, ?, ?)",
                (index, token, self._vault.number),
            )
            connection.execute(
                "DELETE FROM lockouts WHERE row <= "
                "(SELECT row FROM lockouts ORDER BY row DESC LIMIT 1 OFFSET ?)",
                (MAX_LOCKOUTS,),
            )
            self._audit.append("pin.wrong", subject=person_id or "", detail=f"failures={failures}")

    def forgive(self, subject: str) -> None:
        """The right PIN was typed, or staff set a new one."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM lockouts WHERE subject = ?", (self._index(subject),))

    def check_all(self) -> None:
        """Open every token.

        Raises:
            LedgerCorrupt, SecretWrong: One was altered or moved, or its key is not on the ring.
        """
        self.ways()
        with self._database.read() as connection:
            rows = connection.execute("SELECT subject, body, written_by FROM lockouts").fetchall()
        for index, body, written_by in rows:
            fields = self._vault.open_fields("lockout", bytes(index).hex(), body, written_by)
            if "failures" not in fields:
                raise LedgerCorrupt("a count of wrong PINs does not hold", where="lockouts")

    def _index(self, subject: str) -> bytes:
        return blind(self._subject_key, f"attempts {subject}")
