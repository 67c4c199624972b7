"""Tells edge how the way to the broker is, so that `clockface status` can say it: at changes, and at times.

One message, no answer that matters: a courier that cannot say it carries all the same. Trust boundary: our own
words and codes only; nothing of the broker's passes.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from edge.api.protocol.courier import LinkTold
from sync.conditions import Condition
from sync.edge_socket import EdgeSocket
from sync.errors import EdgeFailed, EdgeRefused, EdgeSilent
from sync.pulse import BEAT_S, Pulse

AGAIN_S: Final = 30.0  # an edge that was started anew learns it so soon


class LinkNews:
    """What was last to be said, and the task that says it.

    Args:
        edge: Edge's sync socket.
        wall: The time of day.
        now: Seconds of a clock that never goes back.
        pulse: Is told that this works.
    """

    def __init__(
        self, edge: EdgeSocket, *, wall: Callable[[], datetime], now: Callable[[], float], pulse: Pulse
    ) -> None:
        self._edge = edge
        self._wall = wall
        self._now = now
        self._pulse = pulse
        self._news: LinkTold | None = None
        self._changed = asyncio.Event()

    def connected(self, broker: int) -> None:
        """We are connected to this address of the configuration, counted from 1."""
        self._become(connected=True, broker=broker, reason="")

    def broken(self, reason: Condition) -> None:
        """There is no connection; `since` stays while attempts fail, whatever for."""
        self._become(connected=False, broker=None, reason=reason.value)

    def waiting(self) -> None:
        """There is no certificate to connect with."""
        self._become(connected=False, broker=None, reason="no_certificate")

    def _become(self, *, connected: bool, broker: int | None, reason: str) -> None:
        last = self._news
        since = last.since if last is not None and last.connected == connected else self._wall()
        news = LinkTold(connected=connected, since=since, broker=broker, reason=reason)
        if news != last:
            self._news = news
            self._changed.set()

    async def run(self) -> None:
        """Say what is new, until the task is cancelled."""
        try:
            due = self._now()
            while True:
                self._pulse.beat("link")
                if self._news is not None and (self._changed.is_set() or self._now() >= due):
                    self._changed.clear()
                    due = self._now() + AGAIN_S
                    with contextlib.suppress(EdgeSilent, EdgeRefused, EdgeFailed):  # the pump says so
                        await self._edge.tell_link(self._news)
                rest_s = BEAT_S if self._news is None else min(BEAT_S, max(0.0, due - self._now()))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest_s):
                        await self._changed.wait()
        finally:
            self._pulse.rest("link")
