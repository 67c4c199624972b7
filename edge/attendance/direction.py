"""Whether a record is an in or an out, and who says so.

Fixed by the kiosk, chosen by the person, or assumed from the person's last record here. A kiosk that cannot
know (it is not the only one, or the time since then is in doubt) records no direction: the screen then says
"recorded 08:02", and the office, which sees all kiosks, derives it. Pure.
"""

from datetime import date
from enum import StrEnum

from edge.attendance.elapsed import elapsed
from edge.config.attendance import AttendanceConfig
from edge.types.clock import Instant
from edge.types.punches import Direction, DirectionSource, Punch

Stated = tuple[Direction, DirectionSource]

UNSTATED: Stated = (Direction.UNSTATED, DirectionSource.NONE)


class DirectionProblem(StrEnum):
    """Why no direction can be recorded as asked."""

    DIRECTION_NEEDED = "direction_needed"
    DIRECTION_NOT_OFFERED = "direction_not_offered"


def direct(
    last: Punch | None, at: Instant, *, today: date, config: AttendanceConfig, chosen: Direction | None
) -> Stated | DirectionProblem:
    """Find the direction of a record and its source.

    Args:
        last: The person's last record on this kiosk, if any.
        at: Now.
        today: The attendance day of `at` for somebody who arrives.
        config: The site's rules.
        chosen: IN or OUT as chosen on the screen; UNSTATED if the person was asked and did not choose;
            None if nobody asked.

    Returns:
        The direction and its source, or why there is none.
    """
    if config.direction == "choose":
        return _chosen(chosen)
    if chosen in (Direction.IN, Direction.OUT):
        return _wished(chosen, config)
    if config.direction == "assume":
        return _assumed(last, at, today=today, config=config)
    if config.direction == "unstated":
        return UNSTATED
    return Direction(config.direction), DirectionSource.FIXED


def _chosen(chosen: Direction | None) -> Stated | DirectionProblem:
    if chosen is None:
        return DirectionProblem.DIRECTION_NEEDED
    return UNSTATED if chosen is Direction.UNSTATED else (chosen, DirectionSource.CHOSEN)


def _wished(chosen: Direction, config: AttendanceConfig) -> Stated | DirectionProblem:
    """A wish nobody asked for: it may correct an assumption, never what the kiosk is for."""
    if config.direction == "assume":
        return chosen, DirectionSource.CHOSEN
    if chosen.value != config.direction:
        return DirectionProblem.DIRECTION_NOT_OFFERED
    return chosen, DirectionSource.FIXED


def _assumed(last: Punch | None, at: Instant, *, today: date, config: AttendanceConfig) -> Stated:
    if not config.sole_kiosk:
        return UNSTATED
    if last is None or last.direction is Direction.OUT:
        return Direction.IN, DirectionSource.ASSUMED
    if last.direction is Direction.UNSTATED:
        # Nobody knows whether that was an in or an out; a new day is a new beginning.
        return UNSTATED if last.day == today else (Direction.IN, DirectionSource.ASSUMED)
    since = elapsed(last.at, at)
    if since.at_least_s >= config.open_for_s:
        return Direction.IN, DirectionSource.ASSUMED
    if not since.known:
        return UNSTATED
    return Direction.OUT, DirectionSource.ASSUMED
