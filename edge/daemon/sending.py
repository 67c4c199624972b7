"""What the courier fetches: signed events after a point, and how far the office has confirmed them.

Trust boundary: envelopes leave as they were signed; nothing that the courier asks moves the frontier.
"""

from edge.api.protocol.courier import EnvelopeBatch, EnvelopeQuery, EnvelopeView, FrontierView
from edge.config.tree import Config
from edge.store.store import Store
from edge.types.identity import EpochId
from edge.types.punches import EventId


class Sending:
    """Gives out envelopes, and remembers how far it has in this run of the daemon.

    Args:
        config: For the device's names.
        store: The ledger.
    """

    def __init__(self, *, config: Config, store: Store) -> None:
        self._config = config
        self._store = store
        self.handed_out: EventId | None = None  # the newest event that the courier has had

    def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        """Signed events after a point; does not wait."""
        after = (
            None
            if query.after_epoch is None or query.after_seq is None
            else (EpochId(query.after_epoch), query.after_seq)
        )
        events = self._store.events.envelopes_after(after, limit=query.limit)
        if events and (self.handed_out is None or _order(events[-1].id) > _order(self.handed_out)):
            self.handed_out = events[-1].id
        return EnvelopeBatch(
            device=self._config.device.name,
            site=self._config.device.site,
            envelopes=tuple(
                EnvelopeView(
                    epoch=e.id.epoch, seq=e.id.seq, hash=e.id.hash, envelope=e.envelope.decode("ascii")
                )
                for e in events
            ),
            frontier=self.frontier(),
        )

    def frontier(self) -> FrontierView:
        """How far the office has confirmed, as the device believes."""
        frontier = self._store.frontier.current()
        return FrontierView(
            epoch=None if frontier is None else frontier.epoch,
            seq=None if frontier is None else frontier.seq,
            hash=None if frontier is None else frontier.hash,
            pending=self._store.frontier.pending_count(),
        )


def _order(event: EventId) -> tuple[int, int]:
    return int(event.epoch.partition("-")[0]), event.seq
