"""The office's own public keys in its database, present and past: what they signed is checked against them.

Trust boundary: written by whoever holds the private half, or by an administrator; whoever owns the database can
add one, as they could rewrite the audit.
"""

from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, select

from sync.office.database import schema
from sync.office.database.ingest import insert_once
from sync.wire.envelope import signing_key_id

Purpose = Literal["online", "operator"]


def note_key(connection: Connection, purpose: Purpose, key: Ed25519PublicKey, *, by: str, now_us: int) -> bool:
    """Remember a key of ours; returns whether it was new."""
    done = connection.execute(
        insert_once(connection, schema.office_keys).values(
            purpose=purpose,
            key_id=signing_key_id(key),
            public_key=key.public_bytes_raw(),
            added_us=now_us,
            added_by=by,
        )
    )
    return done.rowcount > 0


def known_keys(connection: Connection, purpose: Purpose) -> dict[str, Ed25519PublicKey]:
    """Every key that ever served a purpose, by key id; the oldest first."""
    table = schema.office_keys
    rows = connection.execute(
        select(table.c.public_key).where(table.c.purpose == purpose).order_by(table.c.id)
    ).scalars()
    keys = [Ed25519PublicKey.from_public_bytes(bytes(raw)) for raw in rows]
    return {signing_key_id(key): key for key in keys}
