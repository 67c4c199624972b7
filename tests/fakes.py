"""Working stand-ins for the seams, for tests: they do the real thing, under the test's control."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from edge.types.clock import ClockTrust, Instant

FIRST_INSTANT = Instant(
    wall=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
    utc_offset_s=0,
    boot_id="0f0f0f0f-0000-4000-8000-000000000001",
    boottime_s=1000.0,
    trust=ClockTrust.SYNCHRONISED,
)


@dataclass(slots=True)
class ManualClock:
    """A `Clock` that moves only when told to: time passes, jumps, reboots and trust are separate things."""

    instant: Instant = FIRST_INSTANT

    def now(self) -> Instant:
        """Read all clocks at once."""
        return self.instant

    def advance(self, seconds: float) -> Instant:
        """Let true time pass: wall clock and boot time move together."""
        self.instant = replace(
            self.instant,
            wall=self.instant.wall + timedelta(seconds=seconds),
            boottime_s=self.instant.boottime_s + seconds,
        )
        return self.instant

    def jump(self, seconds: float) -> Instant:
        """Set the wall clock forward or back without any time passing."""
        self.instant = replace(self.instant, wall=self.instant.wall + timedelta(seconds=seconds))
        return self.instant

    def trust(self, trust: ClockTrust) -> Instant:
        """Change how far the wall clock is believed."""
        self.instant = replace(self.instant, trust=trust)
        return self.instant

    def reboot(self, *, boottime_s: float = 20.0, wall: datetime | None = None) -> Instant:
        """Begin another boot, `boottime_s` ago, with the given wall time or the same one."""
        ordinal = int(self.instant.boot_id[-12:], 16) + 1
        self.instant = replace(
            self.instant,
            boot_id=f"{self.instant.boot_id[:-12]}{ordinal:012x}",
            boottime_s=boottime_s,
            wall=self.instant.wall if wall is None else wall,
        )
        return self.instant
