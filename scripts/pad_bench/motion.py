"""How a medium is held in front of the camera: a plane in space, with drift, tremor and perhaps a curl.

Millimetres and radians; the camera looks along +z. Drift is slow and large, tremor fast and small (8 to 12 Hz,
physiological), both sums of sines with drawn phases, so that any moment can be asked for.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.pad_bench.camera import FOCAL_PX, HEIGHT, WIDTH

Map = NDArray[np.float32]
_GRID = 4


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


def sight(pose: Pose, *, curl: float, axis: float = 0.0) -> tuple[Map, Map]:
    """Which point of the medium each camera pixel sees.

    Args:
        pose: Where the medium is.
        curl: Curvature of the sheet, 1/mm: it leaves its plane by curl * s^2 / 2 at s mm from its middle.
        axis: Direction of s in the sheet, radians.

    Returns:
        Two (480, 640) float32 maps: x and y on the medium in mm from its centre.
    """
    x, y = np.meshgrid(np.arange(0, WIDTH + 2 * _GRID, _GRID), np.arange(0, HEIGHT + 2 * _GRID, _GRID))
    rays = np.stack([(x - WIDTH / 2) / FOCAL_PX, (y - HEIGHT / 2) / FOCAL_PX, np.ones(x.shape)], axis=-1)
    normal, reach = pose.normal, float(pose.normal @ pose.at_mm)
    slope = rays @ normal
    offset = np.zeros(x.shape)
    for _ in range(1 if curl == 0 else 4):
        hit = rays * ((reach + offset) / slope)[..., None]
        local = (hit - pose.at_mm) @ pose.rotation
        across = local[..., 0] * np.cos(axis) + local[..., 1] * np.sin(axis)
        offset = curl * np.clip(across, -200, 200) ** 2 / 2
    fine = np.array([[1 / _GRID, 0, 0], [0, 1 / _GRID, 0]], np.float64)
    maps = [
        cv2.warpAffine(
            local[..., part].astype(np.float32),
            fine,
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        for part in (0, 1)
    ]
    return maps[0], maps[1]
