"""Keeps what was refused, bounded, for a person to look at; the same bytes again only raise a count.

Nothing here is interpreted again. Trust boundary: hostile bytes go in as bytes; reason and detail are ours.
"""

import hashlib
from typing import Final

from sqlalchemy import Connection, func, select, update

from sync.office.alarms import insert
from sync.office.database import schema
from sync.office.verification import Rejected
from sync.wire.topics import Address

KEPT_BYTES: Final = 4096
KEPT_ROWS: Final = 10_000
MAX_TOPIC: Final = 300


def quarantine(
    connection: Connection, rejected: Rejected, *, topic: str, address: Address | None, now_us: int
) -> None:
    """Put one refused message, or line of one, away."""
    table = schema.quarantine
    digest = hashlib.sha256(rejected.raw).digest()
    known = connection.execute(
        update(table)
        .where(table.c.digest == digest)
        .values(count=table.c.count + 1, last_us=now_us)
        .returning(table.c.id)
    ).first()
    kept = known is not None
    if not kept and connection.execute(select(func.count()).select_from(table)).scalar_one() < KEPT_ROWS:
        kept = True
        connection.execute(
            insert(connection, table)
            .values(
                digest=digest,
                reason=rejected.reason.value,
                detail=rejected.detail,
                topic=_readable(topic),
                claimed_site=None if address is None else address.site,
                claimed_device=None if address is None else address.device,
                raw=rejected.raw[:KEPT_BYTES],
                true_bytes=len(rejected.raw),
                first_us=now_us,
                last_us=now_us,
            )
            .on_conflict_do_update(
                index_elements=["digest"], set_={"count": table.c.count + 1, "last_us": now_us}
            )
        )
    _count(connection, rejected, kept=kept, now_us=now_us)


def _count(connection: Connection, rejected: Rejected, *, kept: bool, now_us: int) -> None:
    totals = schema.quarantine_totals
    unkept = 0 if kept else 1
    connection.execute(
        insert(connection, totals)
        .values(reason=rejected.reason.value, refused=1, unkept=unkept, last_us=now_us)
        .on_conflict_do_update(
            index_elements=["reason"],
            set_={
                "refused": totals.c.refused + 1,
                "unkept": totals.c.unkept + unkept,
                "last_us": now_us,
            },
        )
    )


def _readable(topic: str) -> str:
    """A topic in letters that every database and terminal takes."""
    return "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in topic[:MAX_TOPIC])
