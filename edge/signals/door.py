"""The door strike: energised for a moment by a record that the ledger has committed, and by nothing else.

Trust boundary: `take` is the only way in. What ends the moment is this module's own thread; should that hang,
the loop's next step (`enforce`); should the process hang or die, systemd's watchdog and ExecStopPost=
(`clockface signals release`). Against a dead board only the wiring helps: docs/wiring.md.
"""

import threading
from collections.abc import Callable

import structlog

from edge.config.signals import DoorConfig
from edge.errors import SignalError
from edge.signals.pins import Line
from edge.types.announcements import Announcement, Notice
from edge.types.punches import RecordedPunch

LATE_S = 0.5  # of our own thread, before the loop steps in
JOIN_S = 2.0

log = structlog.get_logger(__name__)


class Door:
    """A relay with a hold time.

    Args:
        line: Its pin.
        settings: For whom, and how long.
        ending: Whether the daemon stops: records that it completes then belong to people who have left.
        now_s: Monotonic seconds.
    """

    def __init__(
        self, line: Line, *, settings: DoorConfig, ending: Callable[[], bool], now_s: Callable[[], float]
    ) -> None:
        self.problem: SignalError | None = None
        self._line = line
        self._settings = settings
        self._ending = ending
        self._now_s = now_s
        self._changed = threading.Condition()
        self._until_s: float | None = None  # energised until then; None at rest
        self._wanted = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)
        self._thread.start()

    def take(self, announcement: Announcement) -> None:
        """Open, if this announces a record just committed that may; moves nothing here and never waits."""
        recorded = announcement.recorded
        if announcement.notice is not Notice.RECORDED or recorded is None or not self._may(recorded):
            return
        with self._changed:
            if not (self._closed or self._ending()):
                self._wanted = True
                self._changed.notify()

    def _may(self, recorded: RecordedPunch) -> bool:
        allowed = self._settings.direction
        return recorded.punch.method.value in self._settings.methods and allowed in (
            "any",
            recorded.punch.direction.value,
        )

    def enforce(self) -> None:
        """Release what our own thread should have released; called by the loop after every step."""
        until_s = self._until_s
        if until_s is not None and self._now_s() > until_s + LATE_S:
            log.error("door_released_late")
            self._release()

    def close(self) -> None:
        """Release, and open no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(JOIN_S)
        self._line.close()

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            self._release()

    def _turn(self) -> bool:
        """One wait and what follows from it; returns whether there is a next one."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._wanted, self._left_s())
            closed, wanted, self._wanted = self._closed, self._wanted, False
        if closed:
            return False
        if wanted:
            self._energise()
        elif self._left_s() == 0.0:
            self._release()
        return True

    def _left_s(self) -> float | None:
        return None if self._until_s is None else max(0.0, self._until_s - self._now_s())

    def _energise(self) -> None:
        self._until_s = self._now_s() + self._settings.hold_s  # first: from here on somebody will release it
        try:
            self._line.put(1.0)
        except SignalError as error:
            self._note(error)
            self._release()
        else:
            self.problem = None
            log.info("door_released")

    def _release(self) -> None:
        try:
            self._line.put(0.0)
        except SignalError as error:  # tried again, a moment later
            self._note(error)
            self._until_s = None if self._closed else self._now_s() + LATE_S
        else:
            self._until_s = None

    def _note(self, error: SignalError) -> None:
        if self.problem is None:
            log.error("signal_failed", error=error)
        self.problem = error
