"""What a picture shows: frame, box, detection, landmarks, tracked face, and whether it is good enough.

The names of arrays are for type checkers only: the command line and sync know these values and start
without numpy.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from edge.types.identity import TrackId

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    BgrImage = NDArray[np.uint8]  # (height, width, 3), blue green red, 0 to 255
    Points = NDArray[np.float32]  # (n, 2), x and y in pixels
    Embedding = NDArray[np.float32]  # (dim,), L2-normalised
else:
    BgrImage = Points = Embedding = Any


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a camera.

    Args:
        image: (h, w, 3) uint8 BGR, already rotated, mirrored and cut to the region of interest. Read-only.
        captured_s: When it was taken: seconds of CLOCK_BOOTTIME, or of the recording for a fast replay.
        index: Counts the source's frames from 0; gaps are frames that nobody looked at.
    """

    image: BgrImage
    captured_s: float
    index: int


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; may reach over the image's edge."""

    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def overlap(self, other: "Box") -> float:
        """Intersection over union with another box, in [0, 1]."""
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        shared = max(0.0, right - max(self.left, other.left)) * max(0.0, bottom - max(self.top, other.top))
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face that a detector found.

    Args:
        box: The face from brow to chin, in pixels of the frame.
        score: The detector's confidence in [0, 1].
        keypoints: (6, 2) float32 pixels: the person's right eye, left eye, nose tip, mouth centre,
            right ear tragion, left ear tragion.
    """

    box: Box
    score: float
    keypoints: Points


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Where a face's parts are.

    Args:
        five: (5, 2) float32 pixels: right eye, left eye, nose tip, right and left mouth corner of the person,
            which is left to right in an unmirrored picture: the points that alignment uses.
        mesh: (468, 3) float32 mesh in pixels (z on the scale of x), or None where no mesh model runs.
        presence: The model's confidence in [0, 1] that a face is there.
    """

    five: Points
    mesh: "NDArray[np.float32] | None"
    presence: float


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """One face in one frame, tied to the track of one person.

    Args:
        track_id: The same as long as the same person is followed; never used again.
        first_seen_s: Capture time of the track's first frame.
        detection: What the detector found in this frame.
    """

    track_id: TrackId
    first_seen_s: float
    detection: Detection


class Coaching(StrEnum):
    """Why a face is not good enough yet, in words that a screen can turn into a request."""

    COME_CLOSER = "come_closer"
    STEP_BACK = "step_back"
    MOVE_INTO_VIEW = "move_into_view"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOOK_HERE = "look_here"
    HOLD_STILL = "hold_still"
    UNCOVER_FACE = "uncover_face"
    ONE_AT_A_TIME = "one_at_a_time"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    TURN_A_LITTLE = "turn_a_little"


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of one face, and whether it is good enough.

    Args:
        coaching: None when good enough; else the first reason, most useful one first.
        face_px: Width of the face box in pixels.
        yaw_deg: Turn of the head, positive to the person's left.
        pitch_deg: Nod of the head, positive up.
        roll_deg: Tilt in the picture's plane, clockwise positive.
        sharpness: Variance of the aligned grey face's second derivative in the direction that has least of it;
            no unit, higher is sharper; defocus and motion both lower it.
        brightness: Mean grey level of the face in [0, 1].
        contrast: Standard deviation of the face's grey levels in [0, 1].
    """

    coaching: Coaching | None
    face_px: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    brightness: float
    contrast: float

    @property
    def acceptable(self) -> bool:
        """Whether the face may go on to liveness and embedding."""
        return self.coaching is None
