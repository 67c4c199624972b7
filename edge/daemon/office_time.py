"""The office's signed time, for a device that nothing else tells the time.

Telemetry goes up with a nonce; an ack that repeats it was written after that moment and before this one. Only a
short round trip counts, and the clock uses it only while the system's own is unsynchronised. Trust boundary:
the ack's signature was verified; a courier or broker that holds it back makes it too old, never wrong.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

MAX_ROUND_TRIP_S: Final = 10.0
MAX_NONCES: Final = 16

Tell = Callable[
    [datetime, float, float], None
]  # wall time, the boot time at which it held, seconds it may be off


class OfficeTime:
    """Matches acks with telemetry. Safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_s: dict[str, float] = {}
        self._tell: Tell | None = None

    def listen(self, tell: Tell) -> None:
        """Have somebody told of the office's time: `SystemClock.believe`."""
        self._tell = tell

    def asked(self, nonce: str, boottime_s: float) -> None:
        """Note when a telemetry's nonce was made."""
        with self._lock:
            self._made_s[nonce] = boottime_s
            while len(self._made_s) > MAX_NONCES:
                self._made_s.pop(next(iter(self._made_s)))

    def heard(self, issued: datetime, *, echo: str | None, boottime_s: float) -> bool:
        """Take an ack's time into account.

        Args:
            issued: The office's time, aware.
            echo: The nonce that the ack repeats.
            boottime_s: Now.

        Returns:
            Whether the ack was fresh enough to say what time it is.
        """
        with self._lock:  # once: a later ack with the same echo says less, and a replayed one nothing
            made_s = None if echo is None else self._made_s.pop(echo, None)
        if made_s is None or not 0.0 <= boottime_s - made_s <= MAX_ROUND_TRIP_S:
            return False
        off_s = (boottime_s - made_s) / 2
        if self._tell is not None:
            self._tell(issued + timedelta(seconds=off_s), boottime_s, off_s)
        return True
