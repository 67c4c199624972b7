"""The office's audit: who did or read what, chained by hash so that a missing or altered entry shows.

An entry joins the transaction of the act that it records: no act without its entry, no entry without its act.
Trust boundary: whoever may write the database file can rewrite all of it; the chain shows what was changed
by anybody who cannot also replace the copy of its head that was kept elsewhere (`clockface-office audit head`).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, text

from sync.office.database import schema

GENESIS = bytes(32)
MAX_DETAIL = 400


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Args:
        seq: Gapless from 1.
        at_us: Microseconds since 1970, UTC.
        actor: The account, or "receiver".
        action: Noun and verb, such as "report.read".
        subject: A code or a random id; never a name.
        detail: Codes only.
        hash: Over the entry and the one before.
    """

    seq: int
    at_us: int
    actor: str
    action: str
    subject: str
    detail: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Audited:
    """What a check of the chain found.

    Args:
        entries: How many were read.
        head: Hash of the last one in hex; zeros if there is none.
        broken_at: The first seq that does not hold, or None.
    """

    entries: int
    head: str
    broken_at: int | None


def append(
    connection: Connection, *, at_us: int, actor: str, action: str, subject: str = "", detail: str = ""
) -> Entry:
    """Add an entry to the act's own transaction."""
    if connection.dialect.name == "postgresql":
        # Two appends must not read the same head; held until the transaction ends.
        connection.execute(text("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"))
    table = schema.audit
    last = connection.execute(select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)).first()
    seq, prev = (1, GENESIS) if last is None else (last.seq + 1, last.hash)
    entry = Entry(seq, at_us, actor, action, subject, detail[:MAX_DETAIL], b"")
    digest = _hash(entry, prev)
    connection.execute(
        insert(table).values(
            seq=seq,
            at_us=at_us,
            actor=actor,
            action=action,
            subject=subject,
            detail=entry.detail,
            prev_hash=prev,
            hash=digest,
        )
    )
    return Entry(seq, at_us, actor, action, subject, entry.detail, digest)


def entries(connection: Connection, *, after: int = 0, limit: int = 200) -> Iterator[Entry]:
    """Read entries, oldest first."""
    table = schema.audit
    rows = connection.execute(select(table).where(table.c.seq > after).order_by(table.c.seq).limit(limit))
    return (_entry(row) for row in rows)


def verify(connection: Connection) -> Audited:
    """Check every entry: seq without a gap, each hash over its content and the one before."""
    table = schema.audit
    seq, prev = 0, GENESIS
    for row in connection.execute(select(table).order_by(table.c.seq)).yield_per(1000):
        seq += 1
        if row.seq != seq or row.prev_hash != prev or row.hash != _hash(_entry(row), prev):
            return Audited(seq, prev.hex(), row.seq)
        prev = row.hash
    return Audited(seq, prev.hex(), None)


def count(connection: Connection) -> int:
    """How many entries there are."""
    return connection.execute(select(func.count()).select_from(schema.audit)).scalar_one()


def _entry(row: "Row[tuple[object, ...]]") -> Entry:
    return Entry(row.seq, row.at_us, row.actor, row.action, row.subject, row.detail, row.hash)


def _hash(entry: Entry, prev: bytes) -> bytes:
    content = [entry.seq, entry.at_us, entry.actor, entry.action, entry.subject, entry.detail]
    body = json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return hashlib.sha256(b"clockface office audit v1\0" + prev + body).digest()
