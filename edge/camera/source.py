"""The inner seam of cameras: what a backend must do, and nothing more.

A source opens, hands over one picture at a time and closes. It does not retry, rotate, judge or keep time:
`LiveCamera` does that for all of them. Pictures come from drivers and other processes and are hostile until
`picture.fault` has looked at them.
"""

import time
from dataclasses import dataclass
from typing import Protocol

from edge.types.faces import BgrImage

STAMP_TRUSTED_FOR_S = 2.0  # a driver's time stamp older than this, or of the future, is of another clock


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture as a driver gave it.

    Args:
        image: (h, w, 3) uint8 BGR, 0 to 255, not yet checked. The source keeps no reference and writes no more
            to it.
        captured_s: CLOCK_BOOTTIME at which it was taken.
    """

    image: BgrImage
    captured_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A recording has come to its end.

    Args:
        remark: What was wrong with it, in words; empty if nothing.
    """

    remark: str = ""


class Source(Protocol):
    """A driver of pictures. All calls come from one thread."""

    def open(self) -> None:
        """Take hold of the device.

        Raises:
            CameraUnavailable: It cannot be opened; the message says what to do.
        """
        ...

    def grab(self, *, within_s: float) -> Shot | Ended:
        """Wait for the next picture; only recordings end.

        Args:
            within_s: How long it may take, where the driver lets itself be told.

        Raises:
            CameraLost: No picture came, or the driver failed.
        """
        ...

    def close(self) -> None:
        """Let go of the device. May be called twice, and after a failed `open`."""
        ...


def boottime_s() -> float:
    """Seconds of CLOCK_BOOTTIME: counts through suspend, never jumps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def capture_time_s(stamp_s: float, *, now_s: float) -> float:
    """Choose between a driver's time stamp and the present.

    Drivers stamp with CLOCK_MONOTONIC or CLOCK_BOOTTIME, which agree on a machine that never slept, or with
    nothing useful. A stamp of the last two seconds is believed.

    Args:
        stamp_s: The driver's stamp in seconds; any value.
        now_s: CLOCK_BOOTTIME now.
    """
    return stamp_s if 0.0 <= now_s - stamp_s <= STAMP_TRUSTED_FOR_S else now_s
