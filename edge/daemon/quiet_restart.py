"""Ends the daemon, for systemd to start it again, at a moment when nobody stands in front of the kiosk.

Keys and credentials are read at the start only, so a change of keys needs one restart. Trust boundary: staff's
socket; nobody is interrupted, however long they stay.
"""

import threading
from collections.abc import Callable
from typing import Final

from edge.types.verdicts import Scene

QUIET_S: Final = 3.0  # without a face; also lets the answer leave


class QuietRestart:
    """Asked from any thread; told of every scene and every step by the loop.

    Args:
        now_s: Monotonic seconds.
        stop: Ends the daemon in good order.
    """

    def __init__(self, now_s: Callable[[], float], *, stop: Callable[[], None]) -> None:
        self._now_s = now_s
        self._stop = stop
        self._asked = threading.Event()
        self._busy_until_s = float("-inf")

    def ask(self) -> None:
        """Restart as soon as nobody is there."""
        self._busy_until_s = max(self._busy_until_s, self._now_s() + QUIET_S)
        self._asked.set()

    def note(self, scene: Scene) -> None:
        """Hear what the camera shows."""
        if scene.faces:
            self._busy_until_s = self._now_s() + QUIET_S

    def __call__(self) -> None:
        """Restart if it was asked for and nobody has been there for a while; after every step of the loop."""
        if self._asked.is_set() and self._now_s() >= self._busy_until_s:
            self._stop()
