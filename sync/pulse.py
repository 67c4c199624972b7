"""Who of the courier's tasks still works: the watchdog is fed only while all of them do. Pure.

A courier that hangs looks like one that has nothing to do. Each task beats at least every `LIMIT_S`, also
while it waits for edge, the network or the office; one that does not has the process restarted by systemd.
"""

from collections.abc import Callable
from typing import Final

LIMIT_S: Final = 60.0
BEAT_S: Final = 15.0  # no task waits for longer without a beat


class Pulse:
    """Beats by task.

    Args:
        now: Seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._beats: dict[str, float] = {}

    def beat(self, task: str) -> None:
        """Say that a task works."""
        self._beats[task] = self._now()

    def rest(self, task: str) -> None:
        """Say that a task has ended as it should."""
        self._beats.pop(task, None)

    @property
    def alive(self) -> bool:
        """Whether every task has beaten of late."""
        oldest = min(self._beats.values(), default=self._now())
        return self._now() - oldest < LIMIT_S
