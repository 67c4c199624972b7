"""How a camera is, for health, telemetry and doctor."""

from dataclasses import dataclass
from enum import StrEnum


class CameraState(StrEnum):
    """How a camera is; only STREAMING gives frames."""

    OPENING = "opening"
    STREAMING = "streaming"
    FROZEN = "frozen"
    LOST = "lost"
    ENDED = "ended"  # a replay that is not looped


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """A camera's condition for health, telemetry and doctor.

    Args:
        state: See `CameraState`.
        since_s: CLOCK_BOOTTIME at which the state began.
        frames: Frames captured since the process began.
        fps: Measured over the last seconds; 0 while none come.
        reopened: How often it was opened again.
        problem: What failed last, in words without personal data; empty when well.
    """

    state: CameraState
    since_s: float
    frames: int
    fps: float
    reopened: int
    problem: str = ""
