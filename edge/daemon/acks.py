"""Takes the office's acknowledgements: the only thing that moves the frontier.

Trust boundary: signed with one of the office's online keys, and still held against our own events; a hash that
is not ours is a fork, which alarms and stops nothing. A broker may keep an ack and bring it again for ever: it
moves nothing twice, and only a newer one has anything sent again.
"""

from collections.abc import Callable
from datetime import datetime

from edge.api.protocol.courier import SendAfter
from edge.daemon.deliveries import Outcome, Taken, opened
from edge.errors import LedgerFork
from edge.store.frontier import BEHIND
from edge.store.store import Store
from edge.types.identity import DeviceId, EpochId
from edge.types.punches import EventId
from sync.wire.fields import EventPoint
from sync.wire.office import Ack
from sync.wire.topics import Address


class AckDesk:
    """The desk of `Ack`.

    Args:
        store: The ledger.
        address: This device.
        handed_out: The newest event that the courier has had.
        heard: Told of every ack that holds: it says what time it is; returns whether it answers a telemetry
            of just now, which no old ack does.
    """

    kind = Ack

    def __init__(
        self,
        *,
        store: Store,
        address: Address,
        handed_out: Callable[[], EventId | None],
        heard: Callable[[Ack], bool],
    ) -> None:
        self._store = store
        self._address = address
        self._handed_out = handed_out
        self._heard = heard
        self._newest: datetime | None = None

    def take(self, raw: bytes) -> Taken:
        """Advance the frontier, and say from where to send if the office misses something."""
        ack = opened(Ack, raw, keys=self._store.office.online(), address=self._address)
        resend = self._is_new(ack) and ack.resend
        if ack.committed is None:
            if resend and self._store.frontier.shortened():
                self._store.alarms.raise_alarm(BEHIND, "all")
            return Taken(
                Outcome.APPLIED if resend else Outcome.REPEATED,
                send_after=SendAfter() if resend else None,
            )
        committed = event_id(ack.committed, self._address)
        try:
            moved = self._store.frontier.advance(committed, handed_out=self._handed_out())
        except LedgerFork:
            return Taken(Outcome.REFUSED, "fork", send_after=self._from_frontier() if resend else None)
        gone = self._store.frontier.pruned(committed)
        ours = gone or self._store.frontier.has(committed)
        if resend and gone:  # a restored office asks for what was removed here: it has to look for it itself
            self._store.alarms.raise_alarm(BEHIND, f"{committed.epoch}/{committed.seq}")
        send_after = None
        if resend:
            send_after = SendAfter(epoch=committed.epoch, seq=committed.seq) if ours else self._from_frontier()
        outcome = Outcome.APPLIED if moved or resend else Outcome.REPEATED
        return Taken(outcome, "" if ours else "office_ahead", send_after=send_after)

    def _is_new(self, ack: Ack) -> bool:
        """Whether it is none that was taken before: later than all of them, or the answer to our telemetry.

        The second lets an office whose clock went back be heard at once; a nonce counts a single time.
        """
        issued, answers_us = datetime.fromisoformat(ack.issued), self._heard(ack)
        new = answers_us or self._newest is None or issued > self._newest
        if new:
            self._newest = issued
        return new

    def _from_frontier(self) -> SendAfter:
        frontier = self._store.frontier.current()
        return SendAfter() if frontier is None else SendAfter(epoch=frontier.epoch, seq=frontier.seq)


def event_id(point: EventPoint, address: Address) -> EventId:
    """The event of ours that a point names."""
    return EventId(DeviceId(address.device), EpochId(point.epoch), point.seq, point.hash)
