"""Keeps the ledger's time mark, and lets events of an untrusted clock be corrected once it is trusted.

Called by the loop after every step; it acts about once a minute and whenever the clock's trust changes. A
ledger that cannot take the mark is reported; the next punch will say so on the screen.
"""

from typing import Protocol

import structlog

from edge.errors import StoreError
from edge.ports import Clock
from edge.types.clock import ClockTrust, Instant

MARK_EVERY_S = 60.0
ASK_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class Marks(Protocol):
    """Where time marks are kept: `edge.store.clock.ClockMarks`."""

    def mark(self, now: Instant) -> int:
        """Remember the time; returns how many events were given a correction."""
        ...


class Timekeeper:
    """Called after every step of the loop.

    Args:
        clock: The only source of time.
        marks: The ledger's time marks.
    """

    def __init__(self, *, clock: Clock, marks: Marks) -> None:
        self._clock = clock
        self._marks = marks
        self._asked_s = float("-inf")
        self._marked_s = float("-inf")
        self._trust: ClockTrust | None = None

    def __call__(self, boottime_s: float) -> None:
        """Mark the time if it is due.

        Args:
            boottime_s: CLOCK_BOOTTIME now, seconds.
        """
        if boottime_s - self._asked_s < ASK_EVERY_S:
            return
        self._asked_s = boottime_s
        now = self._clock.now()
        if now.trust is self._trust and boottime_s - self._marked_s < MARK_EVERY_S:
            return
        self._marked_s = boottime_s
        try:
            corrected = self._marks.mark(now)
        except StoreError as error:
            log.error("time_not_marked", error=error)  # noqa: TRY400 - its message says what to do
            return
        if now.trust is not self._trust:
            log.info("clock_trust", state=now.trust, corrected=corrected)
        self._trust = now.trust
