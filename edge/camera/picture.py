"""What counts as a picture: the judgement of raw frames, pure and cheap (about 60 us at 640x480).

A live sensor is never quiet: two pictures that agree in every pixel are one picture, and a picture of one
colour that is not black is a driver's empty buffer. Black is let through: at night, with noise cut off at zero,
it is the truth. Not seen here: pictures that are broken in part only.
"""

from enum import StrEnum

import numpy as np

from edge.types.faces import BgrImage

MIN_SIDE_PX = 16
MAX_SIDE_PX = 8192
BLACK_LEVEL = 16  # video black (ITU-R BT.601 puts black at 16)
FLAT_SPREAD = 1  # grey levels between darkest and brightest in each channel
SAMPLES_A_SIDE = 32


class Sight(StrEnum):
    """What a raw picture is worth."""

    NEW = "new"
    DARK = "dark"
    SAME = "same"
    GARBAGE = "garbage"


def fault(image: object) -> str:
    """Say why something is not a (h, w, 3) uint8 picture of a sane size; empty if it is."""
    if not isinstance(image, np.ndarray):
        return "the driver returned no picture"
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        return f"the driver returned {image.dtype} of shape {image.shape} instead of uint8 (height, width, 3)"
    if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in image.shape[:2]):
        return f"the picture's size {image.shape[1]}x{image.shape[0]} is out of bounds"
    return ""


def judge(image: BgrImage, last: BgrImage | None) -> tuple[Sight, str]:
    """Compare a picture with the one before.

    Args:
        image: What the driver returned; any type.
        last: The last good picture since the camera was opened, or None.

    Returns:
        The sight, and for GARBAGE the reason.
    """
    why = fault(image)
    if why:
        return Sight.GARBAGE, why
    grid = _sample(image)
    low, high = grid.min(axis=(0, 1)), grid.max(axis=(0, 1))
    if int((high - low).max()) <= FLAT_SPREAD:
        return (
            (Sight.DARK, "")
            if int(high.max()) <= BLACK_LEVEL
            else (Sight.GARBAGE, "the picture has one colour")
        )
    if last is not None and same(image, last):
        return Sight.SAME, ""
    return Sight.NEW, ""


def same(image: BgrImage, other: BgrImage) -> bool:
    """Whether two pictures agree in every pixel; the whole is compared only where a sample agrees."""
    if image.shape != other.shape:
        return False
    return np.array_equal(_sample(image), _sample(other)) and np.array_equal(image, other)


def _sample(image: BgrImage) -> BgrImage:
    """Every n-th pixel: a view of about 32x32."""
    step = max(1, min(image.shape[:2]) // SAMPLES_A_SIDE)
    return image[::step, ::step]
