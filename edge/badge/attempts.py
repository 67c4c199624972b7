"""How long somebody waits after wrong PINs. Pure: what was tried before and now in, the wait out.

The first wrong ones cost nothing, since fingers slip; then the wait doubles up to a quarter of an hour, so that
nobody is kept out for a day by a colleague's joke, and 10,000 PINs would take three months.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FREE: Final = 3
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Wrong PINs in a row.

    Args:
        failures: How many.
        last_at: When the last one was typed, aware; None before the first.
    """

    failures: int = 0
    last_at: datetime | None = None

    def wait_s(self, now: datetime) -> float:
        """Seconds until the next try counts; 0 if it does now. A clock set back starts it anew."""
        if self.last_at is None or self.failures < FREE:
            return 0.0
        doubled: timedelta = FIRST_WAIT * (1 << min(self.failures - FREE, 20))
        wait = min(doubled, LONGEST_WAIT)
        since = max(timedelta(0), now - self.last_at)
        return max(0.0, (wait - since).total_seconds())

    def failed(self, now: datetime) -> "Attempts":
        """One more; those of yesterday are forgotten."""
        stale = self.last_at is not None and now - self.last_at > FORGOTTEN_AFTER
        return Attempts(1 if stale else self.failures + 1, now)
