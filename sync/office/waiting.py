"""Where authentic events wait that came before their turn, within one transaction of `ingest`.

Shared subscriptions keep no order, and a gap may take days to be filled. Trust boundary: events here are
authentic; whoever calls holds the lock of their device.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select

from sync.office import gaps
from sync.office.alarms import insert
from sync.office.database import schema
from sync.office.history import Epoch
from sync.office.verification import Verified, stored

READ_AT_ONCE: Final = 500  # rows


class WaitingRoom:
    """The rows of `waiting` of the epochs that a transaction touches; written when needed, or at the end.

    Args:
        connection: In the transaction.
        now_us: Its moment.
        per_device: How many may wait of one device; the oldest stay, the rest comes again.
    """

    def __init__(self, connection: Connection, *, now_us: int, per_device: int) -> None:
        self._connection = connection
        self._now_us = now_us
        self._per_device = per_device
        self._seqs: dict[int, set[int]] = defaultdict(set)  # epoch id to seqs
        self._unwritten: list[dict[str, Any]] = []
        self._stirred: set[int] = set()  # epochs whose rows changed

    def load(self, epoch_ids: Collection[int]) -> None:
        """Learn what waits of these epochs."""
        waiting = schema.waiting
        rows = self._connection.execute(
            select(waiting.c.epoch_id, waiting.c.seq).where(waiting.c.epoch_id.in_(epoch_ids))
        )
        for epoch_id, seq in rows:
            self._seqs[epoch_id].add(seq)

    def has_room(self, epochs: Iterable[Epoch]) -> bool:
        """Whether another event of the device of these epochs may wait."""
        return sum(len(self._seqs[each.id]) for each in epochs) < self._per_device

    def holds_next(self, epoch: Epoch) -> bool:
        """Whether the event waits that would move the frontier."""
        return epoch.frontier_seq + 1 in self._seqs[epoch.id]

    def holds_any(self, epoch: Epoch) -> bool:
        """Whether something waits behind the frontier: earlier events are missing."""
        return any(seq > epoch.frontier_seq for seq in self._seqs[epoch.id])

    def keep(self, epoch: Epoch, event: Verified) -> None:
        """Let an event wait; the same one is kept once."""
        self._unwritten.append(
            {
                "epoch_id": epoch.id,
                "seq": event.head.seq,
                "hash": event.hash,
                "prev_hash": event.prev_hash,
                "received_us": self._now_us,
                "envelope": event.raw,
            }
        )
        self._seqs[epoch.id].add(event.head.seq)
        self._stirred.add(epoch.id)

    def following(self, epoch: Epoch) -> list[Verified]:
        """The next events behind the frontier, in their order; holes are for the caller to see."""
        self._write()
        waiting = schema.waiting
        rows = self._connection.execute(
            select(waiting.c.envelope)
            .where(waiting.c.epoch_id == epoch.id, waiting.c.seq > epoch.frontier_seq)
            .order_by(waiting.c.seq, waiting.c.id)
            .limit(READ_AT_ONCE)
        )
        return [stored(bytes(row.envelope)) for row in rows]

    def passed(self, epoch: Epoch) -> None:
        """The frontier has moved over what waited."""
        self._seqs[epoch.id] = {seq for seq in self._seqs[epoch.id] if seq > epoch.frontier_seq}
        self._stirred.add(epoch.id)

    def forget_behind(self, epoch: Epoch, refused: Verified) -> None:
        """What waits behind a refused event belongs to its history; what does not comes again."""
        if not self._seqs[epoch.id]:
            return
        self._write()
        waiting, seq = schema.waiting, refused.head.seq
        self._connection.execute(
            delete(waiting).where(
                waiting.c.epoch_id == epoch.id, (waiting.c.seq > seq) | (waiting.c.hash == refused.hash)
            )
        )
        self._seqs[epoch.id] = set(self.stored_seqs(epoch))
        self._stirred.add(epoch.id)

    def stored_seqs(self, epoch: Epoch) -> list[int]:
        """What waits of any epoch, as the table has it."""
        waiting = schema.waiting
        rows = self._connection.execute(select(waiting.c.seq).where(waiting.c.epoch_id == epoch.id))
        return [row.seq for row in rows]

    def close(self, moved: Mapping[int, Epoch], epochs: Mapping[int, Epoch]) -> None:
        """Write what is left, delete what was taken, and open or close the gaps that follow from it.

        Args:
            moved: Epochs whose frontier moved, by id.
            epochs: All of the transaction, by id.
        """
        self._write()
        self._delete_taken(moved)
        for epoch_id in sorted(self._stirred):
            gaps.reconcile(
                self._connection, epochs[epoch_id], waiting=self._seqs[epoch_id], now_us=self._now_us
            )

    def _write(self) -> None:
        if self._unwritten:
            statement = insert(self._connection, schema.waiting).on_conflict_do_nothing(
                index_elements=["epoch_id", "seq", "hash"]
            )
            self._connection.execute(statement, self._unwritten)
            self._unwritten = []

    def _delete_taken(self, moved: Mapping[int, Epoch]) -> None:
        waiting = schema.waiting
        taken = [
            {"of_epoch": epoch_id, "upto": moved[epoch_id].frontier_seq}
            for epoch_id in sorted(self._stirred & moved.keys())
        ]
        if taken:
            self._connection.execute(
                delete(waiting).where(
                    waiting.c.epoch_id == bindparam("of_epoch"), waiting.c.seq <= bindparam("upto")
                ),
                taken,
            )
