"""The way to the office as staff see it: what the courier says of the broker, when the office last answered.

Kept in memory alone, and nothing follows from it: a courier that lies deceives whoever reads the status line
about itself. Trust boundary: the courier's word is bounded by the protocol; an acknowledgement was verified.
"""

from datetime import datetime

from edge.api.protocol.courier import LinkTold
from edge.api.protocol.status import LinkStatus
from edge.ports import Clock


class CourierLink:
    """What was last said. Safe from several threads: each value is replaced whole.

    Args:
        clock: Source of time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: tuple[LinkTold, float] | None = None
        self.acknowledged_at: datetime | None = None

    def note(self, told: LinkTold) -> None:
        """The courier said how it is."""
        self._told = (told, self._clock.now().boottime_s)

    def acknowledged(self) -> None:
        """An acknowledgement of the office came whose signature held."""
        self.acknowledged_at = self._clock.now().wall

    def status(self) -> LinkStatus | None:
        """What it said, and how long ago; None if it never did."""
        if self._told is None:
            return None
        told, at_s = self._told
        return LinkStatus(
            connected=told.connected,
            since=told.since,
            broker=told.broker,
            reason=told.reason,
            told_s=max(0.0, self._clock.now().boottime_s - at_s),
        )
