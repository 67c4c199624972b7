"""What somebody may still say of their record while the screen shows it: not me; and another one is missing.

Only for records of this run and within some seconds, so that whoever comes next cannot undo them. Trust
boundary: the screen's socket; a record is named by its epoch and number, which were announced to that screen
alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal

import structlog

from edge.config.attendance import AttendanceConfig
from edge.errors import AttendanceError
from edge.ports import Announcer, Clock
from edge.store.events import EventLog
from edge.types.announcements import Announcement, Notice
from edge.types.punches import RecordedPunch

KEPT: Final = 64  # records; more cannot be made within the longest time
LATE_S: Final = 2.0  # the way from the commit to a finger
OLDEST: Final = timedelta(days=31)
MAX_REQUESTS: Final = 2  # with one record

log = structlog.get_logger(__name__)


class Afterthoughts:
    """The newest records, and what is said of them. Safe from several threads.

    Args:
        events: The ledger.
        config: How long.
        clock: Source of time.
        announcer: The screen, sound and light.
        disowned: Counts records that were disowned.
    """

    def __init__(
        self,
        *,
        events: EventLog,
        config: AttendanceConfig,
        clock: Clock,
        announcer: Announcer,
        disowned: Callable[[], None],
    ) -> None:
        self._events = events
        self._config = config
        self._clock = clock
        self._announcer = announcer
        self._disowned = disowned
        self._lock = threading.Lock()
        self._recent: OrderedDict[tuple[str, int], tuple[RecordedPunch, float]] = OrderedDict()
        self._asked: dict[tuple[str, int], int] = {}

    def note(self, recorded: RecordedPunch) -> None:
        """Keep a record that was just committed."""
        with self._lock:
            self._recent[recorded.id.epoch, recorded.id.seq] = (recorded, self._now_s())
            while len(self._recent) > KEPT:
                gone, _ = self._recent.popitem(last=False)
                self._asked.pop(gone, None)

    def disown(self, epoch: str, seq: int) -> bool:
        """Void a record whose person says that it was not them; False if it is too late.

        Raises:
            StoreError: It could not be written; the record stands.
        """
        with self._lock:
            recorded = self._fresh(epoch, seq, self._config.not_me_s)
            if recorded is None or self._events.void(recorded) is None:
                return False
            del self._recent[epoch, seq]
        self._disowned()
        log.warning("record_disowned", epoch=epoch, seq=seq)
        self._announcer.announce(Announcement(Notice.VOIDED))
        return True

    def ask(self, epoch: str, seq: int, *, direction: Literal["in", "out"], moment: datetime) -> bool:
        """Ask the office for a record that is missing; False if it is too late to ask.

        Raises:
            AttendanceError: The time lies ahead or too long ago, or this was asked already.
            StoreError: It could not be written; nothing was asked.
        """
        now = self._clock.now().wall
        if not now - OLDEST <= moment <= now:
            raise AttendanceError(
                f"a missing record must lie within the last {OLDEST.days} days", where="moment"
            )
        with self._lock:
            recorded = self._fresh(epoch, seq, self._config.correction_s)
            if recorded is None:
                return False
            if self._asked.get((epoch, seq), 0) >= MAX_REQUESTS:
                raise AttendanceError("corrections were asked for already; the office decides", where="moment")
            self._events.request_correction(recorded, direction=direction, moment=moment)
            self._asked[epoch, seq] = self._asked.get((epoch, seq), 0) + 1
        log.info("correction_requested")
        return True

    def _fresh(self, epoch: str, seq: int, limit_s: float) -> RecordedPunch | None:
        recorded, at_s = self._recent.get((epoch, seq), (None, 0.0))
        too_late = limit_s <= 0 or self._now_s() - at_s > limit_s + LATE_S
        return None if too_late else recorded

    def _now_s(self) -> float:
        return self._clock.now().boottime_s
