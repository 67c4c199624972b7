"""The room that the ledger has: said from 80 %, made from 90 %, and the kiosk closed when a commit found none.

Only what the office has confirmed is ever removed, oldest first, behind the signed checkpoint; its pages are
used again, so the ledger stops growing. Trust boundary: the file system's own numbers; nothing leaves here.
"""

import shutil
from collections.abc import Callable
from datetime import UTC, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from edge.board import held_back
from edge.errors import LedgerDiskFull, StoreError
from edge.ports import Clock, Ledger
from edge.retention import UNIX_DAY
from edge.store.store import Store
from edge.types.clock import ClockTrust
from edge.types.punches import Punch, RecordedPunch

LOOK_EVERY_S: Final = 1.0
TELL_EVERY_S: Final = 60.0
FILLING, TIGHT = 0.80, 0.90  # of what an ordinary account may use
REOPEN_BYTES: Final = 1 << 20  # free again: some hundred events
RETRY_S: Final = 30.0  # the ledger may have room of its own by then, on a disk that stays full
RESERVE_BYTES: Final = 2 << 20  # about 1,000 events' worth of pages that are used again before the file grows
KEPT_DAYS: Final = 31  # rules and checks look back
BATCH_ROWS: Final = 32  # a few milliseconds of the ledger
CALM_S: Final = 900.0  # a board that slows down goes to and fro; one alarm says it
CODE: Final = "ledger_disk_full"

log = structlog.get_logger(__name__)


class Level(StrEnum):
    """How full a disk is."""

    ROOMY = "roomy"
    FILLING = "disk_80_percent"
    TIGHT = "disk_90_percent"


def level_of(*, used: int, free: int) -> Level:
    """How full a disk is, as df says it: of what is used and what an ordinary account may write; bytes."""
    share = used / (used + free) if used + free > 0 else 1.0
    if share >= TIGHT:
        return Level.TIGHT
    return Level.FILLING if share >= FILLING else Level.ROOMY


def may_reopen(*, free: int, closed_for_s: float) -> bool:
    """Whether a kiosk that found no room should try again."""
    return free >= REOPEN_BYTES or closed_for_s >= RETRY_S


TROUBLES: Final = ("under_voltage", "board_throttled")
ADVICE: Final = {
    Level.FILLING.value: "the disk is 80 % full: clockface doctor",
    Level.TIGHT.value: "the disk is 90 % full: the oldest confirmed events go; clockface doctor",
    "under_voltage": "the board gets too little voltage: its own power supply, a short cable",
    "board_throttled": "the board slows itself down: shade, vents, a fan",
}


class Room:
    """Called after every step of the loop; also the ledger that punches go to, so that it sees a full disk.

    Args:
        store: The ledger.
        clock: Source of time.
        ledger: Where punches become events.
        usage: Bytes of a folder's file system: total, used, free.
        root: Where the kernel's files are.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        ledger: Ledger,
        usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
        root: Path = Path("/"),
    ) -> None:
        self._store = store
        self._clock = clock
        self._ledger = ledger
        self._usage = usage
        self._root = root
        self._folder = store.database.path.parent
        self._full_since_s: float | None = None
        self._next_look_s = self._next_telling_s = self._next_batch_s = float("-inf")
        self._trouble_s: dict[str, float] = {}  # a board's trouble, and when it was last seen

    def record(self, punch: Punch) -> RecordedPunch:
        """Commit a punch; a disk without room closes the kiosk until there is some.

        Raises:
            StoreError: Nothing was recorded.
        """
        try:
            return self._ledger.record(punch)
        except LedgerDiskFull:
            self._full_since_s = self._clock.now().boottime_s
            raise

    def closed(self) -> str | None:
        """Why nobody can be recorded, as a short code; None while there is room."""
        return None if self._full_since_s is None else CODE

    def __call__(self, boottime_s: float) -> None:
        """Look, make room, tell; an unreadable disk tells nothing and closes nothing."""
        if boottime_s < self._next_look_s:
            return
        self._next_look_s = boottime_s + LOOK_EVERY_S
        try:
            _, used, free = self._usage(self._folder)
        except OSError:
            return
        level = level_of(used=used, free=free)
        if self._full_since_s is not None and may_reopen(
            free=free, closed_for_s=boottime_s - self._full_since_s
        ):
            self._full_since_s = None
            log.info("disk_room_again", size_bytes=free)
        try:
            if level is Level.TIGHT and boottime_s >= self._next_batch_s:
                self._make_room()
            if boottime_s >= self._next_telling_s:
                self._next_telling_s = boottime_s + TELL_EVERY_S
                self._tell(level, boottime_s)
        except StoreError as error:
            log.error("room_not_made", error=error)  # noqa: TRY400 - its message says what to do

    def _make_room(self) -> None:
        """One batch of the oldest confirmed events, unless enough pages wait to be used again."""
        now = self._clock.now()
        if now.trust is ClockTrust.UNSYNCHRONISED or self._store.database.reusable_bytes() >= RESERVE_BYTES:
            return
        oldest_kept = (now.wall.astimezone(UTC) - timedelta(days=KEPT_DAYS)).date()
        until, _ = self._store.pruning.events_until((oldest_kept - UNIX_DAY).days)
        removed = self._store.pruning.remove_events(until, rows=BATCH_ROWS) if until else 0
        if removed:
            log.warning("events_removed_for_room", events=removed)
        else:
            self._next_batch_s = now.boottime_s + TELL_EVERY_S  # the rest is young, or not the office's yet

    def _tell(self, level: Level, boottime_s: float) -> None:
        """Raise what is so, clear what is not so any more: telemetry takes it to the office."""
        for name in held_back(self._root):
            self._trouble_s[name] = boottime_s
        wanted = {name for name, at_s in self._trouble_s.items() if boottime_s - at_s < CALM_S}
        if level is not Level.ROOMY:
            wanted.add(level.value)
        kinds = {*(each.value for each in Level), *TROUBLES}
        standing = {each.kind: each.number for each in self._store.alarms.raised() if each.kind in kinds}
        for kind in sorted(wanted - standing.keys()):
            self._store.alarms.raise_alarm(kind, ADVICE[kind])
            log.warning("board_trouble", state=kind)
        for kind in sorted(standing.keys() - wanted):
            self._store.alarms.clear(standing[kind])
