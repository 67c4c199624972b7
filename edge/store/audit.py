"""Who did what to people, consent, keys and the ledger itself: an encrypted table, chained by hash.

An entry is written in the transaction of the act, so that neither stands without the other. The body is
salted: its hash, which is in the clear, cannot be guessed back. Trust boundary: an actor is a local account
name as the kernel vouched for it (peer credentials); details are short codes, never names or numbers of
employees.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from edge.errors import LedgerCorrupt, StoreError
from edge.ports import Clock
from edge.store.checkpoints import begins
from edge.store.database import Database
from edge.store.erasures import REPLAYED, Erasures
from edge.store.vault import Vault

GENESIS = bytes(32)
DAEMON = "clockface-edge"
_CODE = re.compile(r"[a-z0-9][a-z0-9_.:=,/+@-]{0,199}\Z")
_BATCH = 500


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act.

    Args:
        seq: Position in the chain, from 1.
        at: Aware UTC time, as the clock then stood.
        actor: Account that did it, or the daemon.
        action: Code such as "person.added".
        subject: Random id of what it was done to, or empty.
        detail: Code that says more, or empty.
        hash: Of this entry, hex.
        previous: Of the one before, hex; zeros before the first.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    hash: str
    previous: str


class AuditTrail:
    """The audit table."""

    def __init__(
        self, database: Database, *, vault: Vault, clock: Clock, erasures: Erasures | None = None
    ) -> None:
        """Args: `erasures` hears of acts that must outlive a restore, before they are committed."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._erasures = erasures

    def append(self, action: str, *, actor: str = DAEMON, subject: str = "", detail: str = "") -> int:
        """Add an entry, within the caller's transaction if there is one.

        Args:
            action: Lower-case code, "noun.verb".
            actor: Account name.
            subject: Random id.
            detail: Lower-case code.

        Returns:
            The entry's place in the chain.

        Raises:
            StoreError: Not a code, or SQLite failed.
        """
        for code in (action, subject, detail):
            if code and not _CODE.match(code):
                raise StoreError("an audit entry holds codes and random ids only, not free text")
        if self._erasures is not None and action in REPLAYED:
            self._erasures.note(action, subject, detail)
        with self._database.write() as connection:
            last = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
            seq, previous = (1, GENESIS) if last is None else (last[0] + 1, last[1])
            fields = {
                "salt": secrets.token_hex(16),
                "at": self._clock.now().wall.isoformat(),
                "actor": actor[:64],
                "action": action,
                "subject": subject,
                "detail": detail,
            }
            connection.execute(
                "INSERT INTO audit (seq, hash, prev_hash, body, written_by) VALUES (?, ?, ?, ?, ?)",
                (
                    seq,
                    _hash(seq, previous, fields),
                    previous,
                    self._vault.seal_fields("audit", str(seq), fields),
                    self._vault.number,
                ),
            )
        return seq

    def list(self, *, after: int = 0, limit: int | None = None) -> Iterator[AuditEntry]:
        """Read entries in order, each checked against the chain.

        Args:
            after: Only entries behind this place.
            limit: At most so many.

        Raises:
            LedgerCorrupt: An entry was altered, removed or moved.
            SecretWrong: An entry's key is not on the ring.
        """
        left = limit
        while left is None or left > 0:
            batch = self._read(after, _BATCH if left is None else min(left, _BATCH))
            yield from batch
            if not batch:
                return
            after = batch[-1].seq
            left = None if left is None else left - len(batch)

    def verify(self) -> int:
        """Read the whole chain.

        Returns:
            How many entries hold.

        Raises:
            LedgerCorrupt: Where it breaks first.
        """
        return sum(1 for _ in self.list())

    def handed_in(self) -> int:
        """Up to which entry the office was told; 0 before the first."""
        with self._database.read() as connection:
            row = connection.execute("SELECT seq FROM audit_handed_in").fetchone()
        return 0 if row is None else int(row[0])

    def note_handed_in(self, seq: int) -> None:
        """Note that the office is told up to an entry, in the transaction that puts it into the outbox."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO audit_handed_in (one, seq) VALUES (1, ?1) "
                "ON CONFLICT (one) DO UPDATE SET seq = max(seq, ?1)",
                (seq,),
            )

    def _read(self, after: int, limit: int) -> Sequence[AuditEntry]:
        with self._database.read() as connection:
            first = begins(connection, "audit")
            rows = connection.execute(
                "SELECT seq, hash, prev_hash, body, written_by FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?",
                (after, limit + 1),
            ).fetchall()
        expected_seq, expected_previous = (1, GENESIS) if first is None else (first.seq + 1, first.hash)
        if after >= expected_seq:
            if not rows or rows[0][0] != after:
                return []
            expected_seq, expected_previous = after + 1, rows[0][1]
            rows = rows[1:]
        entries = []
        for row in rows[:limit]:
            if row[0] != expected_seq or row[2] != expected_previous:
                raise LedgerCorrupt("the audit chain is broken", where=f"audit {expected_seq}")
            entries.append(self._entry(row))
            expected_seq, expected_previous = row[0] + 1, row[1]
        return entries

    def _entry(self, row: tuple[int, bytes, bytes, bytes, int]) -> AuditEntry:
        seq, digest, previous, body, written_by = row
        sealed = self._vault.open_fields("audit", str(seq), body, written_by)
        fields = {name: str(sealed.get(name, "")) for name in _FIELDS}
        if _hash(seq, previous, fields) != digest:
            raise LedgerCorrupt("an audit entry does not match its hash", where=f"audit {seq}")
        return AuditEntry(
            seq=seq,
            at=datetime.fromisoformat(fields["at"]),
            actor=fields["actor"],
            action=fields["action"],
            subject=fields["subject"],
            detail=fields["detail"],
            hash=digest.hex(),
            previous=previous.hex(),
        )


_FIELDS = ("salt", "at", "actor", "action", "subject", "detail")


def _hash(seq: int, previous: bytes, fields: dict[str, str]) -> bytes:
    """SHA-256 over length-prefixed parts, so that no two entries share an encoding."""
    digest = hashlib.sha256(b"clockface audit v1\0")
    for part in (str(seq).encode(), previous, *(fields[name].encode("utf-8") for name in _FIELDS)):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()
