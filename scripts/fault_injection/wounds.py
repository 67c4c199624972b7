"""What every kind of fault has: the part under it, how that is made good again, and patience."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from scripts.fault_injection.kiosk import Kiosk
from scripts.fault_injection.rig import Rig

Mend = Callable[[], None]
DRAIN_S = 45.0


@dataclass(frozen=True, slots=True)
class Wound:
    """A fault that was injected.

    Args:
        part: What it was done to; not touched again until it is mended.
        lasts_s: After how long it is mended.
        mend: Makes it good again.
    """

    part: str
    lasts_s: float
    mend: Mend


class Busy(Exception):
    """The part is under another fault, or the moment does not allow this one."""


def drained_of(kiosk: Kiosk) -> bool:
    """Whether the office has confirmed all that a running kiosk holds."""
    status = kiosk.status()
    return status is not None and status.ledger.pending == 0


def patiently(rig: Rig, holds: Callable[[], bool]) -> bool:
    """Wait until something holds, minding the rig; False if it never does."""
    deadline = time.monotonic() + DRAIN_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        rig.mind()
        time.sleep(0.05)
    return True


def nothing() -> None:
    """It mends itself."""
