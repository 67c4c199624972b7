"""Consent to biometric processing: without one in force there is no template.

Every consent is kept with its text version, time, language and who took it, encrypted; one at most is in
force. Withdrawal erases the person's templates in the same transaction. Trust boundary: staff's statement;
which text is right and how long it holds is the employer's business.
"""

from datetime import datetime
from typing import Any

from edge.errors import EnrolmentError
from edge.store.audit import DAEMON, AuditTrail
from edge.store.database import Database
from edge.store.people import unknown
from edge.store.vault import Vault
from edge.types.identity import PersonId
from edge.types.people import Consent

WAYS = frozenset({"paper", "screen", "imported"})
MAX_TEXT_LENGTH = 100
MAX_PROOF_LENGTH = 200


class Consents:
    """The consents table."""

    def __init__(self, database: Database, *, vault: Vault, audit: AuditTrail) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit

    def record(self, person_id: PersonId, consent: Consent, *, actor: str = DAEMON) -> None:
        """Put a consent in force; an earlier one stays as history.

        Raises:
            PersonUnknown: There is no such person.
            EnrolmentError: A field is empty, too long, or `how` is not paper, screen or imported.
        """
        _check(consent)
        fields = {
            "text_version": consent.text_version,
            "language": consent.language,
            "given_at": consent.given_at.isoformat(),
            "how": consent.how,
            "taken_by": consent.taken_by,
            "proof": consent.proof,
        }
        with self._database.write() as connection:
            if not connection.execute("SELECT 1 FROM people WHERE person_id = ?", (person_id,)).fetchone():
                raise unknown(person_id)
            connection.execute("UPDATE consents SET current = 0 WHERE person_id = ?", (person_id,))
            connection.execute(
                "INSERT INTO consents (person_id, current, body, written_by) VALUES (?, 1, ?, ?)",
                (person_id, self._vault.seal_fields("consent", person_id, fields), self._vault.number),
            )
            self._audit.append("consent.recorded", actor=actor, subject=person_id, detail=consent.how)

    def current(self, person_id: PersonId) -> Consent | None:
        """Read the consent in force, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT body, written_by FROM consents WHERE person_id = ? AND current = 1", (person_id,)
            ).fetchone()
        return None if row is None else self._consent(person_id, row)

    def outdated(self, person_id: PersonId, text_version: str) -> bool:
        """Whether a person's consent in force is to another text than this one."""
        standing = self.current(person_id)
        return standing is not None and standing.text_version != text_version

    def versions(self) -> dict[PersonId, str]:
        """Which text everybody's consent in force is to."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT person_id, body, written_by FROM consents WHERE current = 1 ORDER BY row"
            ).fetchall()
        return {
            PersonId(person_id): self._consent(person_id, (body, by)).text_version
            for person_id, body, by in rows
        }

    def history(self, person_id: PersonId) -> tuple[Consent, ...]:
        """Read every consent of a person, oldest first, also superseded and withdrawn ones."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT body, written_by FROM consents WHERE person_id = ? ORDER BY row", (person_id,)
            ).fetchall()
        return tuple(self._consent(person_id, row) for row in rows)

    def withdraw(self, person_id: PersonId, *, actor: str = DAEMON) -> int:
        """End the consent and erase the person's templates, both or neither.

        Returns:
            How many templates were erased.

        Raises:
            PersonUnknown: There is no such person.
        """
        with self._database.write() as connection:
            if not connection.execute("SELECT 1 FROM people WHERE person_id = ?", (person_id,)).fetchone():
                raise unknown(person_id)
            connection.execute("UPDATE consents SET current = 0 WHERE person_id = ?", (person_id,))
            erased = connection.execute("DELETE FROM templates WHERE person_id = ?", (person_id,)).rowcount
            self._audit.append(
                "consent.withdrawn", actor=actor, subject=person_id, detail=f"templates={erased}"
            )
        self._database.scrub()
        return erased

    def _consent(self, person_id: PersonId, row: tuple[Any, ...]) -> Consent:
        fields = self._vault.open_fields("consent", person_id, row[0], row[1])
        return Consent(
            text_version=fields["text_version"],
            language=fields["language"],
            given_at=datetime.fromisoformat(fields["given_at"]),
            how=fields["how"],
            taken_by=fields["taken_by"],
            proof=fields.get("proof", ""),
        )


def _check(consent: Consent) -> None:
    for field in ("text_version", "language", "how", "taken_by"):
        if not 0 < len(getattr(consent, field)) <= MAX_TEXT_LENGTH:
            raise EnrolmentError(f"a consent's {field} must have 1 to {MAX_TEXT_LENGTH} characters")
    if len(consent.proof) > MAX_PROOF_LENGTH:
        raise EnrolmentError(f"a consent's proof must have at most {MAX_PROOF_LENGTH} characters")
    if consent.how not in WAYS:
        raise EnrolmentError(f"a consent's how must be one of {', '.join(sorted(WAYS))}")
    if consent.given_at.tzinfo is None:
        raise EnrolmentError("a consent's time needs a time zone")
