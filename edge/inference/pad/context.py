"""The context layer: straight edges on opposite sides of a face, as paper, phones and monitors have them.

A face that is shown on something is framed by it: edges run level or upright with the face, on both sides of it
or above and below, nearer than anything that hangs on a wall behind a person mostly is. Doors and shelves frame
people too, so a frame weighs on the passive layer's word and never decides alone.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types.faces import BgrImage, Box, Landmarks

SIDE_PX, FACE_PX = 192, 64
"""The square that is looked at, three times the detector's box, and the box in it."""
LONGEST = 2.0  # face widths: of a longer edge no more is counted
_NEAREST, _FARTHEST = 0.5, 1.45  # face widths from the face's middle
_SLANT = math.tan(math.radians(18))  # an edge leans at most so far from level or upright
_BORDER_PX = 3  # the picture's own edge is none


def framed(image: BgrImage, box: Box, landmarks: Landmarks) -> float:
    """How much the face is framed: the shorter of two edges on opposite sides, in face widths; 0 for none.

    Args:
        image: (h, w, 3) uint8 BGR.
        box: The detector's.
        landmarks: For the tilt of the head: a sheet is held as its face is.
    """
    scale = SIDE_PX / (3 * max(box.width, 1.0))
    x, y = box.centre
    into = np.array([[scale, 0, SIDE_PX / 2 - scale * x], [0, scale, SIDE_PX / 2 - scale * y]])
    square = cv2.warpAffine(
        image, into, (SIDE_PX, SIDE_PX), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    grey = cv2.GaussianBlur(cv2.cvtColor(square, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    edges = cv2.Canny(grey, 40, 100)
    _erase_outside(edges, into, image.shape)
    found = cv2.HoughLinesP(edges, 1, math.pi / 180, 30, minLineLength=36, maxLineGap=4)
    if found is None:
        return 0.0
    left, right, above, below = _sides(found.reshape(-1, 2, 2), landmarks)
    return max(min(left, right), min(above, below))


def _erase_outside(edges: NDArray[np.uint8], into: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    """Take away what is not of the picture: its border is an edge, and nobody holds it."""
    left, top = into[0, 2] + _BORDER_PX, into[1, 2] + _BORDER_PX
    right = into[0, 0] * shape[1] + into[0, 2] - _BORDER_PX
    bottom = into[1, 1] * shape[0] + into[1, 2] - _BORDER_PX
    inside = np.zeros_like(edges)
    first, last = (max(0, math.ceil(left)), max(0, math.ceil(top))), (max(0, int(right)), max(0, int(bottom)))
    inside[first[1] : last[1], first[0] : last[0]] = 255
    cv2.bitwise_and(edges, inside, dst=edges)


def _sides(lines: NDArray[np.int32], landmarks: Landmarks) -> tuple[float, float, float, float]:
    """The longest edge left of the face, right of it, above and below, in face widths."""
    across = landmarks.five[1] - landmarks.five[0]
    turn = math.atan2(float(across[1]), float(across[0]))
    cosine, sine = math.cos(turn), math.sin(turn)
    level = (lines - SIDE_PX / 2) / FACE_PX @ np.array([[cosine, -sine], [sine, cosine]])
    extent = np.abs(level[:, 1] - level[:, 0])
    middle = level.mean(axis=1)
    length = np.minimum(np.hypot(extent[:, 0], extent[:, 1]), LONGEST)
    longest = []
    for axis, along in ((0, 1), (1, 0)):
        straight = extent[:, axis] <= _SLANT * extent[:, along]
        away = np.abs(middle[:, axis])
        beside = (level[..., along].min(axis=1) < 0.5) & (level[..., along].max(axis=1) > -0.5)
        fits = straight & (away > _NEAREST) & (away < _FARTHEST) & beside
        for side in (middle[:, axis] < 0, middle[:, axis] >= 0):
            longest.append(float(length[fits & side].max(initial=0.0)))
    return longest[0], longest[1], longest[2], longest[3]
