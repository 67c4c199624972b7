"""Seals what a row holds, and ties it to that row.

Fernet has no associated data, so the row's kind and identity go inside the plaintext: a token that was moved
to another row, or to another table, opens and is then refused. Trust boundary: tokens come from a file that
somebody may have edited; plaintexts leave only to the module that owns the table.
"""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from edge.errors import LedgerCorrupt
from edge.store.rings import FernetRing

PAD_BYTES = 128  # texts are padded to this, so that a token's size tells no name's length


class Vault:
    """One ring as one ledger knows it.

    Args:
        ring: The keys.
        numbers: Fingerprint to the `storage_keys.id` that rows keep instead of it.
    """

    def __init__(self, ring: FernetRing, *, numbers: Mapping[str, int]) -> None:
        self._ring = ring
        self._names = {number: key_id for key_id, number in numbers.items()}
        self.number = numbers[ring.primary_id]

    def seal(self, plaintext: bytes) -> bytes:
        """Encrypt under the key that `number` names. The caller binds the row inside the plaintext."""
        return self._ring.encrypt(plaintext)

    def open(self, token: bytes, written_by: int, *, where: str) -> bytes:
        """Decrypt a row's token.

        Raises:
            SecretWrong: The key that wrote it is not on the ring.
            LedgerCorrupt: It was altered, or names a key that the ledger never had.
        """
        key_id = self._names.get(written_by)
        if key_id is None:
            raise LedgerCorrupt("a row names a key that the ledger never had", where=where)
        return self._ring.decrypt(token, key_id=key_id, where=where)

    def seal_fields(self, kind: str, row: str, fields: Mapping[str, object]) -> bytes:
        """Encrypt a JSON object that belongs to one row of one kind."""
        text = json.dumps({"kind": kind, "row": row, **fields}, separators=(",", ":"), ensure_ascii=False)
        raw = text.encode("utf-8")
        return self.seal(raw.ljust(-(-len(raw) // PAD_BYTES) * PAD_BYTES))

    def open_fields(self, kind: str, row: str, token: bytes, written_by: int) -> dict[str, Any]:
        """Decrypt what `seal_fields` made for this very row.

        Raises:
            SecretWrong: The key that wrote it is not on the ring.
            LedgerCorrupt: It was altered, or belongs to another row.
        """
        where = f"{kind} {row}"
        try:
            fields = json.loads(self.open(token, written_by, where=where))
        except ValueError:
            fields = None
        if not isinstance(fields, dict) or (fields.get("kind"), fields.get("row")) != (kind, row):
            raise moved(where)
        return fields


def moved(where: str) -> LedgerCorrupt:
    """The error for a token that opens but belongs to another row."""
    return LedgerCorrupt(
        "an encrypted value belongs to another row",
        where=where,
        next_step="keep a copy of the ledger, restore the last backup",
    )


def blind(key: bytes, text: str) -> bytes:
    """A keyed fingerprint (HMAC-SHA-256): equal texts meet, and nobody without the key can guess one."""
    return hmac.new(key, text.encode("utf-8"), hashlib.sha256).digest()


def register_keys(connection: sqlite3.Connection, *rings: FernetRing, since_us: int) -> None:
    """Give every ring's writing key a number in the ledger. Within a write transaction."""
    connection.executemany(
        "INSERT OR IGNORE INTO storage_keys (key_id, since_us) VALUES (?, ?)",
        [(ring.primary_id, since_us) for ring in rings],
    )


def key_numbers(connection: sqlite3.Connection) -> dict[str, int]:
    """Fingerprint to number of every key that ever wrote here."""
    return {key_id: int(number) for key_id, number in connection.execute("SELECT key_id, id FROM storage_keys")}
