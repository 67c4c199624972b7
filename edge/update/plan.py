"""When an update may begin, and what becomes of it: pure decisions, clock and findings in, outcome out.

The rule that governs all: a record that an employee saw confirmed is never given up. So the ledger of before is
put back only if nothing was recorded since, and a version that migrated it and then recorded something stays.
"""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum


class Start(StrEnum):
    """Whether to begin."""

    NOW = "now"
    OUTSIDE_HOURS = "outside_hours"
    SOMEBODY_THERE = "somebody_there"
    NOT_NEWER = "not_newer"
    FAILED_BEFORE = "failed_before"


class End(StrEnum):
    """What becomes of an installed version."""

    KEEP = "keep"
    BACK = "back"
    BACK_WITH_LEDGER = "back_with_ledger"
    STUCK = "stuck"


def may_start(
    *, newer: bool, failed_before: bool, now: time, begins: time, ends: time, idle: bool, at_once: bool
) -> Start:
    """Decide whether to begin now.

    Args:
        newer: Whether it is newer than what is installed.
        failed_before: Whether this very package was taken back already.
        now: Local time.
        begins: Begin of the hours in which it may; equal to `ends`: always.
        ends: Their end; earlier than `begins` means the next day.
        idle: Whether nobody stands in front of the kiosk.
        at_once: Staff said so: hours and people do not matter.
    """
    if not newer:
        return Start.NOT_NEWER
    if failed_before and not at_once:
        return Start.FAILED_BEFORE
    if at_once:
        return Start.NOW
    inside = begins == ends or (begins <= now < ends if begins < ends else now >= begins or now < ends)
    if not inside:
        return Start.OUTSIDE_HOURS
    return Start.NOW if idle else Start.SOMEBODY_THERE


@dataclass(frozen=True, slots=True)
class Head:
    """Where a ledger stands.

    Args:
        schema: Its version.
        position: Of its newest event.
    """

    schema: int
    position: int


def decide(*, healthy: bool, before: Head | None, now: Head | None) -> End:
    """Decide about a version that was installed.

    Args:
        healthy: It became ready in time and nothing fails that did not fail before.
        before: The ledger before; None where there was none.
        now: The ledger now; None if it cannot be read.
    """
    if healthy:
        return End.KEEP
    if before is None or now is None:
        return End.BACK if before is None else End.BACK_WITH_LEDGER
    if now.schema == before.schema:
        return End.BACK  # the version before opens it as it is
    return End.BACK_WITH_LEDGER if now.position == before.position else End.STUCK


def local(now: datetime) -> time:
    """The time of day, as the device's zone has it."""
    return now.time().replace(tzinfo=None)
