"""Whether a person who is seen again is to be recorded again.

Somebody who lingers must not be clocked out by a second glance, and somebody whose kiosk lost its clock must
not be locked out until the clock is right again. Pure; see `edge.attendance.elapsed` for what time is known.
"""

from edge.attendance.elapsed import elapsed
from edge.types.clock import Instant
from edge.types.punches import Direction, Punch

# A person who stood here when the power failed is still here when the kiosk is back: a Pi boots to its first
# frame in well under this. Later in a boot an unknown time counts as long, so that nobody is locked out.
REBOOT_DOUBT_S = 120.0


def is_repeat(
    last: Punch | None, at: Instant, *, repeat_s: float, chosen: Direction | None, work_code: str | None
) -> bool:
    """Decide whether a record at `at` would only repeat `last`.

    Somebody who deliberately asks for another direction or another work code is not repeating themselves.
    Seconds count from the last record that was made, so looking again does not prolong the wait.

    Args:
        last: The person's last record on this kiosk, if any.
        at: Now.
        repeat_s: `attendance.repeat_s`; 0 suppresses nothing.
        chosen: What the person chose on the screen, if anything.
        work_code: The work code asked for, if any.
    """
    if last is None or _asks_for_something_else(last, chosen=chosen, work_code=work_code):
        return False
    since = elapsed(last.at, at)
    if since.known:
        return since.at_most_s < repeat_s
    return since.at_least_s < min(repeat_s, REBOOT_DOUBT_S) and since.shown_s < repeat_s


def _asks_for_something_else(last: Punch, *, chosen: Direction | None, work_code: str | None) -> bool:
    other_direction = chosen in (Direction.IN, Direction.OUT) and chosen is not last.direction
    other_code = work_code is not None and work_code != last.work_code
    return other_direction or other_code
