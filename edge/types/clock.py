"""One reading of all clocks, and how far the wall clock can be believed."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ClockTrust(StrEnum):
    """How far the wall clock can be believed (DESIGN section 8)."""

    SYNCHRONISED = "synchronised"
    HOLDOVER = "holdover"
    UNSYNCHRONISED = "unsynchronised"


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of all clocks.

    Args:
        wall: Aware UTC time.
        utc_offset_s: The site's offset from UTC at that time.
        boot_id: The kernel's random id of this boot.
        boottime_s: CLOCK_BOOTTIME, counts through suspend, never jumps.
        trust: How far `wall` can be believed.
    """

    wall: datetime
    utc_offset_s: int
    boot_id: str
    boottime_s: float
    trust: ClockTrust

    def __post_init__(self) -> None:
        if self.wall.tzinfo is None or not math.isfinite(self.boottime_s):
            raise ValueError("an Instant needs an aware wall time and a finite boot time")
