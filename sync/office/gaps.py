"""Keeps the table of gaps in step with what waits: a stretch is open while later events wait for it.

A gap that closes at once was only the disorder of shared subscriptions; one that stays is alarmed (`watch`).
"""

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select, update

from sync.office.database import schema
from sync.office.history import Epoch, missing_ranges


def reconcile(connection: Connection, epoch: Epoch, *, waiting: Iterable[int], now_us: int) -> None:
    """Close what is no longer missing and open what is."""
    gaps = schema.gaps
    missing = missing_ranges(epoch.frontier_seq, waiting)
    rows = connection.execute(
        select(gaps.c.id, gaps.c.from_seq, gaps.c.to_seq).where(
            gaps.c.epoch_id == epoch.id, gaps.c.closed_us.is_(None)
        )
    ).all()
    closed = [row.id for row in rows if not any(_meets((row.from_seq, row.to_seq), each) for each in missing)]
    if closed:
        connection.execute(update(gaps).where(gaps.c.id.in_(closed)).values(closed_us=now_us))
    opened = [
        {"epoch_id": epoch.id, "from_seq": first, "to_seq": last, "opened_us": now_us}
        for first, last in missing
        if not any(_meets((row.from_seq, row.to_seq), (first, last)) for row in rows)
    ]
    if opened:
        connection.execute(insert(gaps), opened)


def _meets(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
