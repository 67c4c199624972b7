"""Badges and cards that this kiosk gave out, and the key that seals badges where the site has none.

A badge is accepted for what it says under the site's key; this table says which were revoked, and lets staff
list and print again. Trust boundary: what a card reader types is kept as a keyed fingerprint only.
"""

import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edge.errors import BadgeUnknown, LedgerCorrupt
from edge.ports import Clock
from edge.store.audit import AuditTrail
from edge.store.database import Database
from edge.store.people import unknown
from edge.store.vault import Vault, blind
from edge.types.identity import PersonId

KEY_BYTES = 32
_COLUMNS = "badge_id, person_id, revoked, body, written_by"


@dataclass(frozen=True, slots=True)
class IssuedBadge:
    """A badge as it was given out.

    Args:
        badge_id: 24 hex digits.
        person_id: Whose.
        issued_at: Aware.
        issued_by: Account.
        ends_at: Aware; None: until it is revoked.
        revoked: Whether it counts no more.
    """

    badge_id: str
    person_id: PersonId
    issued_at: datetime
    issued_by: str
    ends_at: datetime | None
    revoked: bool = False


class Badges:
    """The tables badge_key, badges and cards."""

    def __init__(
        self, database: Database, *, vault: Vault, card_key: bytes, clock: Clock, audit: AuditTrail
    ) -> None:
        self._database = database
        self._vault = vault
        self._card_key = card_key
        self._clock = clock
        self._audit = audit

    def own_key(self) -> bytes:
        """The secret of this kiosk for badges, made at the first call: 32 bytes."""
        with self._database.write() as connection:
            row = connection.execute("SELECT body, written_by FROM badge_key").fetchone()
            if row is not None:
                return bytes.fromhex(self._vault.open_fields("badge key", "one", row[0], row[1])["secret"])
            secret = os.urandom(KEY_BYTES)
            token = self._vault.seal_fields("badge key", "one", {"secret": secret.hex()})
            connection.execute(
                "INSERT INTO badge_key (one, body, written_by) VALUES (1, ?, ?)", (token, self._vault.number)
            )
            return secret

    def add(self, badge_id: str, person_id: PersonId, *, ends_at: datetime | None, actor: str) -> IssuedBadge:
        """Note a badge that is given out.

        Raises:
            PersonUnknown: There is no such person.
        """
        issued = IssuedBadge(badge_id, person_id, self._clock.now().wall, actor, ends_at)
        with self._database.write() as connection:
            _demand(connection, person_id)
            self._insert(connection, issued)
            self._audit.append("badge.issued", actor=actor, subject=person_id, detail=badge_id)
        return issued

    def _insert(self, connection: sqlite3.Connection, issued: IssuedBadge) -> None:
        fields = {
            "person": issued.person_id,
            "issued_at": issued.issued_at.isoformat(),
            "issued_by": issued.issued_by,
            "ends_at": None if issued.ends_at is None else issued.ends_at.isoformat(),
        }
        token = self._vault.seal_fields("badge", issued.badge_id, fields)
        connection.execute(
            "INSERT INTO badges (badge_id, person_id, revoked, body, written_by) VALUES (?, ?, 0, ?, ?)",
            (issued.badge_id, issued.person_id, token, self._vault.number),
        )

    def find(self, badge_id: str) -> IssuedBadge | None:
        """A badge that this kiosk gave out or revoked; None for one of another kiosk."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM badges WHERE badge_id = ?",  # noqa: S608 - constant columns
                (badge_id,),
            ).fetchone()
        return None if row is None else self._issued(row)

    def list(self, *, person_id: PersonId | None = None) -> tuple[IssuedBadge, ...]:
        """Badges in the order in which they were given out: everybody's, or one person's."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM badges WHERE ?1 IS NULL OR person_id = ?1 ORDER BY row",  # noqa: S608
                (person_id,),
            ).fetchall()
        return tuple(self._issued(row) for row in rows)

    def revoke(self, badge_id: str, *, actor: str) -> IssuedBadge:
        """Let a badge count no more, for good. Revoking it again changes nothing.

        Raises:
            BadgeUnknown: This kiosk did not give it out.
        """
        with self._database.write() as connection:
            changed = connection.execute(
                "UPDATE badges SET revoked = 1 WHERE badge_id = ? AND revoked = 0", (badge_id,)
            ).rowcount
            issued = self.find(badge_id)
            if issued is None:
                raise BadgeUnknown(
                    "this kiosk gave out no such badge", where=badge_id[:24], next_step="clockface badge list"
                )
            if changed:
                self._audit.append("badge.revoked", actor=actor, subject=issued.person_id, detail=badge_id)
        return issued

    def revoke_elsewhere(self, badge_id: str, person_id: PersonId, *, actor: str) -> bool:
        """Let a badge count no more that another kiosk of the site gave out and revoked; whether it was news.

        Raises:
            PersonUnknown: There is no such person.
        """
        with self._database.write() as connection:
            known = self.find(badge_id)
            if known is not None and (known.revoked or known.person_id != person_id):
                return False  # of somebody else: whoever says so has no say over it
            if known is None:
                _demand(connection, person_id)
                self._insert(connection, IssuedBadge(badge_id, person_id, self._clock.now().wall, actor, None))
            self.revoke(badge_id, actor=actor)
        return True

    def revoked_of(self, person_id: PersonId, *, limit: int) -> tuple[str, ...]:
        """A person's badges that count no more, the latest so many, in the order of their giving out."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT badge_id FROM badges WHERE person_id = ? AND revoked = 1 ORDER BY row DESC LIMIT ?",
                (person_id, limit),
            ).fetchall()
        return tuple(row[0] for row in reversed(rows))

    def _issued(self, row: tuple[Any, ...]) -> IssuedBadge:
        badge_id, person_id, revoked, body, written_by = row
        fields = self._vault.open_fields("badge", badge_id, body, written_by)
        if fields["person"] != person_id:
            raise LedgerCorrupt("a badge is filed under another person", where=f"badge {badge_id}")
        ends_at = fields["ends_at"]
        return IssuedBadge(
            badge_id=badge_id,
            person_id=PersonId(person_id),
            issued_at=datetime.fromisoformat(fields["issued_at"]),
            issued_by=fields["issued_by"],
            ends_at=None if ends_at is None else datetime.fromisoformat(ends_at),
            revoked=bool(revoked),
        )

    # --- cards --------------------------------------------------------------------------------------------

    def assign_card(self, card: str, person_id: PersonId, *, actor: str) -> None:
        """Give a card that a reader types to a person; whoever had it has it no more.

        Raises:
            PersonUnknown: There is no such person.
        """
        with self._database.write() as connection:
            _demand(connection, person_id)
            connection.execute(
                "INSERT INTO cards (card_index, person_id) VALUES (?, ?) "
                "ON CONFLICT (card_index) DO UPDATE SET person_id = excluded.person_id",
                (self._card_index(card), person_id),
            )
            self._audit.append("card.assigned", actor=actor, subject=person_id)

    def card_holder(self, card: str) -> PersonId | None:
        """Whose card it is."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT person_id FROM cards WHERE card_index = ?", (self._card_index(card),)
            ).fetchone()
        return None if row is None else PersonId(row[0])

    def drop_cards(self, person_id: PersonId, *, actor: str) -> int:
        """Take all cards of a person out; returns how many."""
        with self._database.write() as connection:
            dropped = connection.execute("DELETE FROM cards WHERE person_id = ?", (person_id,)).rowcount
            if dropped:
                self._audit.append("card.dropped", actor=actor, subject=person_id, detail=f"cards={dropped}")
        return dropped

    def check_all(self) -> None:
        """Open every token.

        Raises:
            LedgerCorrupt, SecretWrong: One was altered or moved, or its key is not on the ring.
        """
        self.list()
        with self._database.read() as connection:
            row = connection.execute("SELECT body, written_by FROM badge_key").fetchone()
        if row is not None:
            self._vault.open_fields("badge key", "one", row[0], row[1])

    def _card_index(self, card: str) -> bytes:
        return blind(self._card_key, f"card {card}")


def _demand(connection: sqlite3.Connection, person_id: PersonId) -> None:
    if not connection.execute("SELECT 1 FROM people WHERE person_id = ?", (person_id,)).fetchone():
        raise unknown(person_id)
