"""How a medium is held in front of the camera: a plane in space, with drift, tremor and perhaps a curl.

Millimetres and radians; the camera looks along +z. Drift is slow and large, tremor fast and small (8 to 12 Hz,
physiological), both sums of sines with drawn phases, so that any moment can be asked for.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.pad_bench.camera import FOCAL_PX, HEIGHT, WIDTH

Map = NDArray[np.float32]
Grid = NDArray[np.float32]  # (123, 163, 2): points of the medium in mm, or pixels of a picture, every STEP_PX
STEP_PX = 4
FAR_MM = 2000.0
"""So far from its centre no medium reaches."""


@dataclass(frozen=True)
class Hold:
    """How steadily and where it is held.

    Args:
        centre_mm: Mean position of the medium's centre.
        turn: Mean rotation about x, y, z, radians.
        drift_mm, drift_rad: Amplitude of the slow part.
        tremor_mm, tremor_rad: Amplitude of the fast part.
        approach_mm: How much nearer it comes over the clip.
        turning: Deliberate turn about the upright axis, amplitude in radians (an attacker who imitates a head).
    """

    centre_mm: tuple[float, float, float]
    turn: tuple[float, float, float]
    drift_mm: float
    drift_rad: float
    tremor_mm: float
    tremor_rad: float
    approach_mm: float
    turning: float


@dataclass(frozen=True)
class Pose:
    """Where the medium is at one moment."""

    at_mm: NDArray[np.float64]
    rotation: NDArray[np.float64]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector out of the medium's back, away from the camera when it faces it."""
        return self.rotation[:, 2]


class Motion:
    """The pose at any time of a clip of `length_s`."""

    def __init__(self, hold: Hold, *, length_s: float, rng: np.random.Generator) -> None:
        self._hold, self._length_s = hold, length_s
        slow, fast = rng.uniform(0.15, 1.2, (3, 6)), rng.uniform(7.5, 12.0, (1, 6))
        self._rates = np.vstack([slow, fast]) * 2 * np.pi
        self._phases = rng.uniform(0, 2 * np.pi, (4, 6))
        amplitudes = np.empty((4, 6))
        amplitudes[:3, :3], amplitudes[:3, 3:] = hold.drift_mm / 3, hold.drift_rad / 3
        amplitudes[3, :3], amplitudes[3, 3:] = hold.tremor_mm, hold.tremor_rad
        self._amplitudes = amplitudes * rng.uniform(0.5, 1.5, (4, 6))
        self._turn_rate, self._turn_phase = rng.uniform(0.3, 0.8) * 2 * np.pi, rng.uniform(0, 2 * np.pi)

    def at(self, at_s: float) -> Pose:
        """Where it is at this time of the clip."""
        hold = self._hold
        moved = (self._amplitudes * np.sin(self._rates * at_s + self._phases)).sum(axis=0)
        at_mm = np.array(hold.centre_mm) + moved[:3]
        at_mm[2] -= hold.approach_mm * (at_s / self._length_s - 0.5)
        turn = np.array(hold.turn) + moved[3:]
        turn[1] += hold.turning * np.sin(self._turn_rate * at_s + self._turn_phase)
        rotation, _ = cv2.Rodrigues(np.array([turn[0], 0, 0.0]))
        upright, _ = cv2.Rodrigues(np.array([0, turn[1], 0.0]))
        rolled, _ = cv2.Rodrigues(np.array([0, 0, turn[2]]))
        return Pose(at_mm, rolled @ upright @ rotation)


def sight(pose: Pose, *, curl: float, axis: float = 0.0) -> Grid:
    """Which point of the medium every `STEP_PX`-th camera pixel sees.

    Args:
        pose: Where the medium is.
        curl: Curvature of the sheet, 1/mm: it leaves its plane by curl * s^2 / 2 at s mm from its middle, and
            away from the camera where that is positive. Lengths are kept along it: paper does not stretch.
        axis: Direction of s in the sheet, radians.

    Returns:
        (123, 163, 2) float32: x and y on the medium in mm from its centre, `FAR_MM` where no point is seen.
    """
    origin = -pose.at_mm @ pose.rotation
    rays = _rays() @ pose.rotation
    if curl == 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            hit = origin + rays * (-origin[2] / rays[..., 2])[..., None]
        return _near(hit[..., :2])
    cosine, sine = np.cos(axis), np.sin(axis)
    start, slope = origin[0] * cosine + origin[1] * sine, rays[..., 0] * cosine + rays[..., 1] * sine
    square, linear = curl / 2 * slope**2, curl * start * slope - rays[..., 2]
    rest = curl / 2 * start**2 - origin[2]
    with np.errstate(divide="ignore", invalid="ignore"):  # a ray beside the bent sheet has no root
        root = np.sqrt(linear**2 - 4 * square * rest)
        hit = origin + rays * (-2 * rest / (linear + np.copysign(root, linear)))[..., None]
    across = hit[..., 0] * cosine + hit[..., 1] * sine
    along = _unrolled(across, curl) - across
    return _near(hit[..., :2] + along[..., None] * np.array([cosine, sine]))


def _unrolled(across: NDArray[np.float64], curl: float) -> NDArray[np.float64]:
    """Length along the bent sheet up to where it lies `across` mm from its middle."""
    tilt = curl * across
    return (across * np.sqrt(1 + tilt**2) + np.arcsinh(tilt) / curl) / 2


@cache
def _rays() -> NDArray[np.float64]:
    x, y = np.meshgrid(*(np.arange(0, side + 3 * STEP_PX, STEP_PX) for side in (WIDTH, HEIGHT)))
    return np.stack([(x - WIDTH / 2) / FOCAL_PX, (y - HEIGHT / 2) / FOCAL_PX, np.ones(x.shape)], axis=-1)


def _near(points: NDArray[np.float64]) -> Grid:
    seen = np.where(np.isfinite(points), points, FAR_MM)
    return np.clip(seen, -FAR_MM, FAR_MM).astype(np.float32)


@dataclass(frozen=True)
class Window:
    """The part of the picture in which a medium is seen, on whole steps of the grid; in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def fine(self, plane: Map, step: int = STEP_PX) -> Map:
        """A plane of every `step`-th pixel, for every pixel of the window."""
        scale = 1 / step
        into = np.array([[scale, 0, self.left * scale], [0, scale, self.top * scale]], np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.width, self.height)
        return np.asarray(cv2.warpAffine(plane, into, size, flags=flags), np.float32)


WHOLE = Window(0, 0, WIDTH, HEIGHT)


def window(grid: Grid, half_mm: tuple[float, float]) -> Window | None:
    """Where a medium that reaches so far from its centre to both sides is seen; None where it is not."""
    inside = (np.abs(grid[..., 0]) < half_mm[0]) & (np.abs(grid[..., 1]) < half_mm[1])
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    if not len(columns):
        return None
    left, top = (STEP_PX * max(int(found[0]) - 1, 0) for found in (columns, rows))
    right, bottom = (STEP_PX * (int(found[-1]) + 1) for found in (columns, rows))
    if left >= WIDTH or top >= HEIGHT:
        return None
    return Window(left, top, min(right, WIDTH) - left, min(bottom, HEIGHT) - top)
