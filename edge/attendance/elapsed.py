"""How much time lies between two records, as far as it can be known.

A kiosk without a clock battery wakes up with a wrong time, and NTP may move it by hours in either direction.
Within one boot CLOCK_BOOTTIME is the truth; across boots only two trusted wall times are. Where neither
answers, the answer is an interval, and the rules above decide what to do with the doubt.
"""

import math
from dataclasses import dataclass

from edge.types.clock import ClockTrust, Instant


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Bounds of the true time between two instants.

    Args:
        at_least_s: Not less than this, seconds.
        at_most_s: Not more than this, seconds; infinite where nobody knows.
        shown_s: The difference of the wall clocks, which proves nothing; negative after a jump back.
    """

    at_least_s: float
    at_most_s: float
    shown_s: float

    @property
    def known(self) -> bool:
        """Whether the bounds meet."""
        return math.isfinite(self.at_most_s)


def elapsed(earlier: Instant, later: Instant) -> Elapsed:
    """Bound the time between two instants of one kiosk.

    An instant of another boot lies before this boot began, so `later.boottime_s` is always a lower bound.
    """
    shown_s = (later.wall - earlier.wall).total_seconds()
    if earlier.boot_id == later.boot_id:
        passed_s = later.boottime_s - earlier.boottime_s
        if passed_s >= 0:
            return Elapsed(passed_s, passed_s, shown_s)
        return Elapsed(
            0.0, math.inf, shown_s
        )  # cannot happen within a boot: a copied ledger, so nothing is known
    since_boot_s = max(0.0, later.boottime_s)
    if _trusted(earlier) and _trusted(later) and shown_s >= 0:
        passed_s = max(shown_s, since_boot_s)
        return Elapsed(passed_s, passed_s, shown_s)
    return Elapsed(since_boot_s, math.inf, shown_s)


def _trusted(instant: Instant) -> bool:
    return instant.trust is not ClockTrust.UNSYNCHRONISED
