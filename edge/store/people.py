"""Who is enrolled: random ids in the clear, names and employee numbers only encrypted.

A number is unique on the device. That is held by a blind index: HMAC-SHA-256 under a random key of the
ledger's own, itself encrypted with DATA_ENCRYPTION_KEY; so uniqueness is SQLite's business, a thief cannot
try numbers, and rotating the DATA key leaves the index alone. Trust boundary: profiles come from staff and
are bounded here.
"""

import secrets
import sqlite3
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from edge.errors import EnrolmentError, NumberTaken, PersonUnknown
from edge.ports import Clock
from edge.store.audit import DAEMON, AuditTrail
from edge.store.database import Database
from edge.store.vault import Vault, blind
from edge.types.identity import ModelHash, PersonId
from edge.types.people import Person, Profile

MAX_NAME_LENGTH = 200
MAX_NUMBER_LENGTH = 64
MAX_LANGUAGE_LENGTH = 35  # RFC 5646
_COLUMNS = "person_id, enabled, profile, written_by"


class People:
    """The people table."""

    def __init__(
        self, database: Database, *, vault: Vault, number_key: bytes, clock: Clock, audit: AuditTrail
    ) -> None:
        self._database = database
        self._vault = vault
        self._number_key = number_key
        self._clock = clock
        self._audit = audit

    def add(self, profile: Profile, *, actor: str = DAEMON) -> PersonId:
        """Add a person, enabled and without consent or templates.

        Args:
            profile: Name and number must not be empty.
            actor: Account on whose behalf, for the audit.

        Raises:
            NumberTaken: The employee number belongs to another person.
            EnrolmentError: A field is empty, too long or holds control characters.
        """
        profile = checked(profile)
        person_id = PersonId(secrets.token_hex(16))
        with self._database.write() as connection:
            self._insert(connection, person_id, profile, enabled=True)
            self._audit.append("person.added", actor=actor, subject=person_id)
        return person_id

    def put(
        self, person_id: PersonId, profile: Profile, *, enabled: bool, parked: bool = False, actor: str
    ) -> bool:
        """Give a person of the site exactly this profile, adding them if they are not here.

        Args:
            person_id: As the site knows them.
            profile: Name and number must not be empty.
            enabled: Whether they may be recorded.
            parked: Take the number from whomever has it: theirs follows in the same transaction.
            actor: Account on whose behalf, for the audit.

        Returns:
            Whether anything changed.

        Raises:
            NumberTaken, EnrolmentError: As `add`.
        """
        profile = checked(profile)
        with self._database.write() as connection:
            if parked:
                self._park(connection, profile.number, except_for=person_id)
            known = connection.execute("SELECT 1 FROM people WHERE person_id = ?", (person_id,)).fetchone()
            if known:
                before = self.get(person_id)
                if before.profile != profile:
                    self.update(person_id, profile, actor=actor)
                if before.enabled != enabled:
                    self.set_enabled(person_id, enabled, actor=actor)
                return (before.profile, before.enabled) != (profile, enabled)
            self._insert(connection, person_id, profile, enabled=enabled)
            self._audit.append("person.added", actor=actor, subject=person_id)
            return True

    def _insert(
        self, connection: sqlite3.Connection, person_id: PersonId, profile: Profile, *, enabled: bool
    ) -> None:
        self._refuse_taken(connection, profile.number, except_for=None)
        connection.execute(
            "INSERT INTO people (person_id, number_index, enabled, profile, written_by) VALUES (?, ?, ?, ?, ?)",
            (
                person_id,
                blind(self._number_key, number_form(profile.number)),
                int(enabled),
                self._seal(person_id, profile, self._clock.now().wall),
                self._vault.number,
            ),
        )

    def _park(self, connection: sqlite3.Connection, number: str, *, except_for: PersonId) -> None:
        """Give whoever holds a number an index that no number has, until their own is put."""
        connection.execute(
            "UPDATE people SET number_index = ? WHERE number_index = ? AND person_id <> ?",
            (secrets.token_bytes(32), blind(self._number_key, number_form(number)), except_for),
        )

    def exists(self, person_id: PersonId) -> bool:
        """Whether there is such a person; reads nothing personal."""
        with self._database.read() as connection:
            found = connection.execute("SELECT 1 FROM people WHERE person_id = ?", (person_id,)).fetchone()
        return found is not None

    def holder(self, number: str) -> PersonId | None:
        """Whose employee number this is, or None; reads nothing personal."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT person_id FROM people WHERE number_index = ?",
                (blind(self._number_key, number_form(number)),),
            ).fetchone()
        return None if row is None else PersonId(row[0])

    def get(self, person_id: PersonId) -> Person:
        """Read one person.

        Raises:
            PersonUnknown: There is none of that id.
        """
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM people WHERE person_id = ?",  # noqa: S608 - constant columns
                (person_id,),
            ).fetchone()
            if row is None:
                raise unknown(person_id)
            return self._people(connection, [row])[0]

    def find_by_number(self, number: str) -> Person | None:
        """Read the person with this employee number, or None."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM people WHERE number_index = ?",  # noqa: S608 - constant columns
                (blind(self._number_key, number_form(number)),),
            ).fetchall()
            return self._people(connection, rows)[0] if rows else None

    def list(self, *, after: PersonId | None = None, limit: int | None = None) -> tuple[Person, ...]:
        """Read everybody, in the order in which they were added.

        Args:
            after: Only people who were added after this one.
            limit: At most so many.

        Raises:
            PersonUnknown: There is no person `after` (any more).
        """
        with self._database.read() as connection:
            start = 0
            if after is not None:
                row = connection.execute("SELECT row FROM people WHERE person_id = ?", (after,)).fetchone()
                if row is None:
                    raise unknown(after)
                start = row[0]
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM people WHERE row > ? ORDER BY row LIMIT ?",  # noqa: S608 - constant
                (start, -1 if limit is None else limit),
            ).fetchall()
            return self._people(connection, rows)

    def count(self) -> int:
        """How many people there are."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM people").fetchone()[0])

    def update(self, person_id: PersonId, profile: Profile, *, actor: str = DAEMON) -> None:
        """Replace a person's profile; the time of enrolment stays.

        Raises:
            PersonUnknown: There is none of that id.
            NumberTaken: The new number belongs to another person.
            EnrolmentError: A field is empty, too long or holds control characters.
        """
        profile = checked(profile)
        with self._database.write() as connection:
            enrolled_at = self.get(person_id).enrolled_at
            self._refuse_taken(connection, profile.number, except_for=person_id)
            connection.execute(
                "UPDATE people SET number_index = ?, profile = ?, written_by = ? WHERE person_id = ?",
                (
                    blind(self._number_key, number_form(profile.number)),
                    self._seal(person_id, profile, enrolled_at),
                    self._vault.number,
                    person_id,
                ),
            )
            self._audit.append("person.updated", actor=actor, subject=person_id)

    def set_enabled(self, person_id: PersonId, enabled: bool, *, actor: str = DAEMON) -> None:  # noqa: FBT001
        """Let a person be recognised and recorded, or stop that without erasing anything.

        Raises:
            PersonUnknown: There is none of that id.
        """
        with self._database.write() as connection:
            changed = connection.execute(
                "UPDATE people SET enabled = ? WHERE person_id = ?", (int(enabled), person_id)
            ).rowcount
            if not changed:
                raise unknown(person_id)
            self._audit.append(
                "person.enabled" if enabled else "person.disabled", actor=actor, subject=person_id
            )

    def remove(self, person_id: PersonId, *, actor: str = DAEMON) -> None:
        """Erase a person's profile, consents and templates. Recorded events keep the random id alone.

        Raises:
            PersonUnknown: There is none of that id.
        """
        with self._database.write() as connection:
            if not connection.execute("DELETE FROM people WHERE person_id = ?", (person_id,)).rowcount:
                raise unknown(person_id)
            self._audit.append("person.removed", actor=actor, subject=person_id)
        self._database.scrub()

    def _seal(self, person_id: PersonId, profile: Profile, enrolled_at: datetime) -> bytes:
        fields = {"profile": asdict(profile), "enrolled_at": enrolled_at.isoformat()}
        return self._vault.seal_fields("person", person_id, fields)

    def _refuse_taken(
        self, connection: sqlite3.Connection, number: str, *, except_for: PersonId | None
    ) -> None:
        holder = connection.execute(
            "SELECT person_id FROM people WHERE number_index = ?",
            (blind(self._number_key, number_form(number)),),
        ).fetchone()
        if holder is not None and holder[0] != except_for:
            raise NumberTaken(
                "the employee number belongs to another person",
                where=f"person {holder[0]}",
                next_step=f"clockface people show {holder[0]}",
            )

    def _people(self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> tuple[Person, ...]:
        one = rows[0][0] if len(rows) == 1 else None
        counted = connection.execute(
            "SELECT person_id, model_hash, count(*) FROM templates "
            "WHERE ?1 IS NULL OR person_id = ?1 GROUP BY person_id, model_hash",
            (one,),
        )
        templates: dict[str, dict[ModelHash, int]] = {}
        for person_id, model_hash, count in counted:
            templates.setdefault(person_id, {})[ModelHash(model_hash)] = int(count)
        consented = {
            person_id
            for (person_id,) in connection.execute(
                "SELECT person_id FROM consents WHERE current = 1 AND (?1 IS NULL OR person_id = ?1)", (one,)
            )
        }
        return tuple(
            self._person(row, templates=templates.get(row[0], {}), consented=row[0] in consented)
            for row in rows
        )

    def _person(self, row: tuple[Any, ...], *, templates: dict[ModelHash, int], consented: bool) -> Person:
        person_id, enabled, token, written_by = row
        fields = self._vault.open_fields("person", person_id, token, written_by)
        return Person(
            person_id=PersonId(person_id),
            profile=Profile(**fields["profile"]),
            enabled=bool(enabled),
            enrolled_at=datetime.fromisoformat(fields["enrolled_at"]),
            templates=templates,
            consented=consented,
        )


def unknown(person_id: str) -> PersonUnknown:
    """The error for an id that nobody has."""
    return PersonUnknown("no such person", where=f"person {person_id[:32]}", next_step="clockface people list")


def number_form(number: str) -> str:
    """The form in which two numbers are compared: composed, trimmed, without regard to case."""
    return unicodedata.normalize("NFKC", number).strip().casefold()


def checked(profile: Profile) -> Profile:
    """Trim and compose a profile's texts.

    Raises:
        EnrolmentError: Which field is empty, too long or holds control characters; never what it holds.
    """
    limits = {
        "name": MAX_NAME_LENGTH,
        "number": MAX_NUMBER_LENGTH,
        "greeting": MAX_NAME_LENGTH,
        "language": MAX_LANGUAGE_LENGTH,
    }
    texts = {}
    for field, longest in limits.items():
        text = unicodedata.normalize("NFC", getattr(profile, field)).strip()
        if len(text) > longest:
            raise EnrolmentError(f"the {field} is longer than {longest} characters")
        if any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in text):
            raise EnrolmentError(f"the {field} holds control characters")
        if not text and field in {"name", "number"}:
            raise EnrolmentError(f"the {field} is empty")
        texts[field] = text
    return Profile(**texts)
