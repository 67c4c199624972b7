"""Rotates the storage keys in the background, in batches so small that nobody waits at the kiosk.

One thread, its own pace: a batch that held the ledger for long is followed by a smaller one, and each by a rest
that is longer than it was. Trust boundary: whoever may start it was judged by the socket; a token that does not
open stops it, is named in `clockface keys status`, and nothing is given up.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from clockface.errors import ClockfaceError
from edge.store.rotation import Rotation

FIRST_ROWS: Final = 16
FEWEST_ROWS: Final = 4
MOST_ROWS: Final = 256
TARGET_HELD_S: Final = 0.010  # what a batch may hold the ledger; 250 ms is what is promised
RESTS: Final = 2.0  # of the time that the batch took
SHORTEST_REST_S: Final = 0.004
RETRY_S: Final = 30.0

log = structlog.get_logger(__name__)


def next_rows(rows: int, held_s: float) -> int:
    """How many tokens the next batch may take, after one of `rows` that held the ledger for `held_s`."""
    wanted = rows // 2 if held_s > TARGET_HELD_S else rows + max(1, rows // 4)
    return min(MOST_ROWS, max(FEWEST_ROWS, wanted))


class Rotator:
    """The thread. Sleeps unless the journal says that a rotation is running.

    Args:
        rotation: The ledger's half.
        monotonic_s: Measures batches.
    """

    def __init__(self, rotation: Rotation, *, monotonic_s: Callable[[], float]) -> None:
        self._rotation = rotation
        self._monotonic_s = monotonic_s
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rotation", daemon=True)
        self.longest_held_s = 0.0
        self.fault: str | None = None

    def start(self) -> None:
        """Begin to watch; goes on with a rotation that a restart interrupted."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the journal at once."""
        self.fault = None
        self._wake.set()

    def close(self) -> None:
        """End after the present batch. May be called twice, and before `start`."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        rows = FIRST_ROWS
        while not self._stopping.is_set():
            began_s = self._monotonic_s()
            try:
                batch = self._rotation.step(rows=rows, monotonic_s=self._monotonic_s)
            except ClockfaceError as error:
                log.error("rotation_stopped", error=error)  # noqa: TRY400 - its message says what to do
                self.fault = str(error)[:500]
                self._wait(RETRY_S)
                continue
            self.fault = None
            if batch is None:
                self._wait(None)
                continue
            self.longest_held_s = max(self.longest_held_s, batch.held_s)
            rows = next_rows(rows, batch.held_s)
            self._stopping.wait(max(SHORTEST_REST_S, RESTS * (self._monotonic_s() - began_s)))

    def _wait(self, timeout_s: float | None) -> None:
        self._wake.wait(timeout_s)
        self._wake.clear()
