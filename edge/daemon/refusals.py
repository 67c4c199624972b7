"""Takes the office's refusals: what it cannot take is issued again under a new epoch.

Trust boundary: signed with one of the office's online keys, and it must name an event that we really have,
by its hash, beyond what the office has acknowledged.
"""

import structlog

from edge.api.protocol.courier import SendAfter
from edge.daemon.acks import event_id
from edge.daemon.deliveries import Outcome, Taken, opened
from edge.store.reissue import Reissued
from edge.store.store import Store
from sync.wire.office import Refusal
from sync.wire.topics import Address

log = structlog.get_logger(__name__)


class RefusalDesk:
    """The desk of `Refusal`.

    Args:
        store: The ledger.
        address: This device.
    """

    kind = Refusal

    def __init__(self, *, store: Store, address: Address) -> None:
        self._store = store
        self._address = address

    def take(self, raw: bytes) -> Taken:
        """Issue again what the office has not committed, once however often it refuses."""
        refusal = opened(Refusal, raw, keys=self._store.office.online(), address=self._address)
        refused = event_id(refusal.refused, self._address)
        with self._store.database.write():  # what the office holds and what it does not: both or neither
            if refusal.committed is not None and refusal.committed.epoch == refusal.refused.epoch:
                committed = event_id(refusal.committed, self._address)
                if committed.seq < refused.seq and self._store.frontier.has(committed):
                    self._store.frontier.advance(committed)
            answer = self._store.reissues.answer(refused)
        log.warning(
            "events_refused", reason=refusal.reason, outcome=answer, epoch=refused.epoch, seq=refused.seq
        )
        if answer in {Reissued.UNKNOWN, Reissued.COMMITTED}:
            return Taken(Outcome.REFUSED, f"refusal_of_{answer.value}")
        if answer is Reissued.REPEATED:  # the office refuses every event that was on its way: go on as before
            return Taken(Outcome.REPEATED)
        frontier = self._store.frontier.current()
        after = SendAfter() if frontier is None else SendAfter(epoch=frontier.epoch, seq=frontier.seq)
        return Taken(Outcome.APPLIED, send_after=after)
