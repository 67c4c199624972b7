"""How a camera's picture is laid before the pipeline: region of interest, rotation, mirror, in this order.

Done once, with the fewest copies: none where nothing is configured. The result is read-only, so that no stage
can change what another one sees.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from edge.config.camera import CameraConfig, RegionConfig
from edge.types.faces import BgrImage

FLIP_ROWS, FLIP_COLUMNS, FLIP_BOTH = 0, 1, -1  # cv2.flip's codes

# Rotation is clockwise. A rotation and a mirror together are often one cheap step: (90, mirrored) is a
# transposition.
_TURNS: dict[tuple[int, bool], Callable[[BgrImage], BgrImage]] = {
    (0, False): np.ascontiguousarray,
    (0, True): lambda image: cv2.flip(image, FLIP_COLUMNS),
    (90, False): lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    (90, True): cv2.transpose,
    (180, False): lambda image: cv2.flip(image, FLIP_BOTH),
    (180, True): lambda image: cv2.flip(image, FLIP_ROWS),
    (270, False): lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
    (270, True): lambda image: _flip_in_place(cv2.transpose(image)),
}


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at, and which way up.

    Args:
        region: Fractions of the raw picture, before rotation.
        rotation_deg: Clockwise: 0, 90, 180 or 270.
        mirror: Flip left to right after rotation.
    """

    region: RegionConfig = field(default_factory=RegionConfig)
    rotation_deg: int = 0
    mirror: bool = False

    @classmethod
    def of(cls, config: CameraConfig) -> "View":
        """Take the view from the configuration."""
        return cls(region=config.region, rotation_deg=config.rotation_deg, mirror=config.mirror)

    def apply(self, image: BgrImage) -> BgrImage:
        """Cut, rotate and mirror a (h, w, 3) uint8 picture; the result is C-contiguous and read-only."""
        height, width = image.shape[:2]
        top, bottom = _span(self.region.top, self.region.height, height)
        left, right = _span(self.region.left, self.region.width, width)
        turned = _TURNS[self.rotation_deg, self.mirror](image[top:bottom, left:right]).view()
        turned.flags.writeable = False
        return turned


def _flip_in_place(image: BgrImage) -> BgrImage:
    cv2.flip(image, FLIP_BOTH, image)  # a second buffer costs eight times the work, in page faults
    return image


def _span(start: float, length: float, size_px: int) -> tuple[int, int]:
    """First and one past the last pixel of a part of an axis; never empty."""
    first = min(round(start * size_px), size_px - 1)
    return first, max(first + 1, min(round((start + length) * size_px), size_px))
