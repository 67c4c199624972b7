"""The device's clocks, read together, and how far the wall clock can be believed.

A Pi has no clock battery: it wakes up in the past until somebody tells it the time. This is the only module
that reads a clock. It believes the kernel's own NTP state and systemd-timesyncd's marker, both of which only
root can set, and it never goes below the floor: the release's date, or the ledger's last event.
"""

import ctypes
import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.types.clock import ClockTrust, Instant

RELEASED = datetime(2026, 11, 22, tzinfo=UTC)  # no true clock shows less; raised with every release
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIMESYNCD_MARKER = Path("/run/systemd/timesync/synchronized")
# timesyncd touches its marker at each answer; its longest pause is 2,048 s (PollIntervalMaxSec's default).
MARKER_FRESH_S = 3 * 2048.0
TOLD_AGAIN_S = 600.0  # the wall clock is not moved to and fro by each ack's own delay
TOLD_FRESH_S = 3600.0  # a crystal drifts by 0.2 s in an hour at 50 ppm; then the time is only held over
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64-bit Linux; modes = 0 means "only read"


def kernel_synchronised() -> bool | None:
    """Ask the kernel whether an NTP daemon (timesyncd, chrony with rtcsync, ntpd) keeps its clock.

    The kernel withdraws it by itself about nine hours after the last correction (its error bound passes 16 s).

    Returns:
        None where the system call is not allowed (a sandbox with ProtectClock= or @clock filtered).
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state: int = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):  # not Linux's C library
        return None
    if state < 0:
        return None if ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES) else False
    return state != _TIME_ERROR


def marker_time(marker: Path = TIMESYNCD_MARKER) -> datetime | None:
    """When timesyncd was last answered in this boot, by the wall clock of then; None if it was not."""
    try:
        return datetime.fromtimestamp(marker.stat().st_mtime, UTC)
    except OSError:
        return None


def judge_trust(
    *, kernel: bool | None, marked: datetime | None, wall: datetime, was_synchronised: bool
) -> ClockTrust:
    """Decide how far the wall clock can be believed.

    Args:
        kernel: `kernel_synchronised()`.
        marked: `marker_time()`.
        wall: What the system's clock shows.
        was_synchronised: Whether it has been synchronised earlier in this boot.
    """
    if wall < RELEASED:
        return ClockTrust.UNSYNCHRONISED  # whoever set this time is wrong
    age_s = None if marked is None else abs((wall - marked).total_seconds())
    if kernel or (kernel is None and age_s is not None and age_s <= MARKER_FRESH_S):
        return ClockTrust.SYNCHRONISED
    if was_synchronised or marked is not None:
        return ClockTrust.HOLDOVER
    return ClockTrust.UNSYNCHRONISED


def system_wall() -> datetime:
    """What the system's clock shows, believed or not. UTC."""
    return datetime.now(UTC)


def boottime_s() -> float:
    """Seconds since boot, through suspend."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def read_boot_id(path: Path = BOOT_ID) -> str:
    """Read the kernel's random id of this boot.

    Raises:
        OSError: /proc is not there.
    """
    return path.read_text(encoding="ascii").strip()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a `SystemClock` reads; the defaults are this machine's.

    Args:
        wall: Reads the system's clock, UTC.
        boottime: Reads CLOCK_BOOTTIME, seconds.
        kernel: Reads the kernel's NTP state.
        marker: Reads timesyncd's marker.
    """

    wall: Callable[[], datetime] = system_wall
    boottime: Callable[[], float] = boottime_s
    kernel: Callable[[], bool | None] = kernel_synchronised
    marker: Callable[[], datetime | None] = marker_time


THIS_MACHINE = Sources()


@dataclass(frozen=True, slots=True)
class _Told:
    """The office's time, the boot time at which it held, and how far it may be off."""

    wall: datetime
    boottime_s: float
    off_s: float


class SystemClock:
    """The `Clock` of a device.

    While the wall clock is not trusted it never shows less than the floor plus the time since the floor was
    given; once it is synchronised it is followed, forward or back.
    """

    def __init__(
        self,
        *,
        zone: ZoneInfo,
        floor: datetime | None = None,
        sources: Sources = THIS_MACHINE,
        boot_id: str | None = None,
    ) -> None:
        """Prepare to read the clocks.

        Args:
            zone: The site's time zone.
            floor: The wall time of the ledger's last event, if there is one.
            sources: Where to read.
            boot_id: This boot's id; None means the kernel's.
        """
        self._zone = zone
        self._sources = sources
        self._boot_id = read_boot_id() if boot_id is None else boot_id
        self._floor, self._floor_set_s = RELEASED, sources.boottime()
        if floor is not None:
            self.raise_floor(floor)
        self._was_synchronised = False
        self._told: _Told | None = None

    def raise_floor(self, floor: datetime) -> None:
        """Take a later floor, once the ledger has said when its last event was; never an earlier one."""
        up_s = self._sources.boottime()
        if floor > self._lowest(up_s):
            self._floor, self._floor_set_s = floor, up_s

    def believe(self, wall: datetime, boottime_s: float, off_s: float) -> None:
        """Take the office's signed time, used while the system's clock is unsynchronised.

        Args:
            wall: Aware; what time it was.
            boottime_s: When it was that, CLOCK_BOOTTIME.
            off_s: How far it may be off. A better one, or a newer one after ten minutes, replaces an older one.
        """
        told = self._told
        if wall < RELEASED or (
            told is not None and off_s >= told.off_s and boottime_s - told.boottime_s < TOLD_AGAIN_S
        ):
            return
        self._told = _Told(wall, boottime_s, off_s)

    def _lowest(self, up_s: float) -> datetime:
        return self._floor + timedelta(seconds=up_s - self._floor_set_s)

    def now(self) -> Instant:
        """Read all clocks at once."""
        read = self._sources
        up_s, shown = read.boottime(), read.wall()
        trust = judge_trust(
            kernel=read.kernel(), marked=read.marker(), wall=shown, was_synchronised=self._was_synchronised
        )
        self._was_synchronised = self._was_synchronised or trust is ClockTrust.SYNCHRONISED
        told = self._told
        if trust is ClockTrust.UNSYNCHRONISED and told is not None:
            age_s = up_s - told.boottime_s
            shown = told.wall + timedelta(seconds=age_s)
            trust = ClockTrust.SYNCHRONISED if age_s <= TOLD_FRESH_S else ClockTrust.HOLDOVER
        elif trust is ClockTrust.UNSYNCHRONISED:
            shown = max(shown, self._lowest(up_s))
        offset = shown.astimezone(self._zone).utcoffset() or timedelta(0)
        return Instant(
            wall=shown,
            utc_offset_s=int(offset.total_seconds()),
            boot_id=self._boot_id,
            boottime_s=up_s,
            trust=trust,
        )
