"""Moves a photographed face as a head moves: turn and nod with parallax from the mesh's depth, blinks, a mouth.

Not real motion, and never mixed with it: clips made so lie in a group of their own, and replays of them stand
for attackers who animate a portrait. Each person gets rhythms of their own from the seed.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.pad_bench.sources import Picture, Shown

Plane = NDArray[np.float32]
SCALE, COARSE = 2, 4  # of the photograph; of planes without detail
UPPER_LIDS = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
LOWER_LIDS = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
CHIN = 152


class Animated:
    """A photograph that moves.

    Args:
        shown: The face.
        rng: Rhythms and amplitudes.
    """

    def __init__(self, shown: Shown, rng: np.random.Generator) -> None:
        self._picture = cv2.resize(shown.picture, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        self._mesh = shown.mesh * SCALE
        self._width = shown.box[2] * SCALE
        depth, mask = self._relief()
        self._nods, self._sways = mask * depth, mask * np.float32(self._width)
        height, width = self._picture.shape[:2]
        self._x, self._y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._rates = rng.uniform(0.15, 0.9, (4, 3)) * 2 * np.pi
        self._phases = rng.uniform(0, 2 * np.pi, (4, 3))
        self._amplitudes = rng.uniform(0.3, 1.0, (4, 3)) * np.array([[0.05], [0.03], [0.015], [0.012]])
        self._blinks_s = np.cumsum(rng.uniform(0.6, 3.0, 8)) - rng.uniform(0, 1.5)
        self._talks = bool(rng.random() < 0.5)
        self._mouth_rate, self._mouth_phase = rng.uniform(1.5, 3.5) * 2 * np.pi, rng.uniform(0, 6)

    def at(self, at_s: float) -> Picture:
        """The photograph as it is at this time: (h, w, 3) uint8 BGR, twice the size of the original."""
        yaw, pitch, dx, dy = (self._amplitudes * np.sin(self._rates * at_s + self._phases)).sum(axis=1)
        x = self._x - self._nods * np.float32(yaw) - self._sways * np.float32(dx)
        y = self._y - self._nods * np.float32(pitch) - self._sways * np.float32(dy)
        closed = max(float(np.exp(-(((at_s - when) / 0.07) ** 2))) for when in self._blinks_s)
        gap = 0.0
        if self._talks:
            gap = max(0.0, np.sin(self._mouth_rate * at_s + self._mouth_phase)) * 0.06 * self._width
        moved = self._picture
        if closed > 0.05 or gap > 0.5:
            moved = self._expression(closed, gap)
        return cv2.remap(moved, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

    def _relief(self) -> tuple[Plane, Plane]:
        """Depth in front of the head's axis, and how far each pixel belongs to the head; coarsely."""
        height, width = (side // COARSE for side in self._picture.shape[:2])
        weights, depths = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
        for px, py, pz in self._mesh:
            column, row = round(float(px) / COARSE), round(float(py) / COARSE)
            if 0 <= column < width and 0 <= row < height:
                weights[row, column] += 1 / COARSE**2
                depths[row, column] += -pz / COARSE**2
        spread = 0.06 * self._width / COARSE
        weights, depths = (cv2.GaussianBlur(plane, (0, 0), spread) for plane in (weights, depths))
        far = cv2.GaussianBlur(weights, (0, 0), 5 * spread), cv2.GaussianBlur(depths, (0, 0), 5 * spread)
        near = weights / (weights + 1e-5)
        depth = near * depths / (weights + 1e-9) + (1 - near) * far[1] / (far[0] + 1e-9)
        hull = cv2.convexHull((self._mesh[:, :2] / COARSE).astype(np.int32))
        mask = np.zeros((height, width), np.float32)
        cv2.fillConvexPoly(mask, hull, (1.0,))
        reach = 2 * int(0.18 * self._width / COARSE) + 1
        grown = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
        soft = cv2.GaussianBlur(grown, (0, 0), 0.14 * self._width / COARSE)
        size = self._picture.shape[1::-1]
        planes = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in (depth, soft)]
        return np.asarray(planes[0] + np.float32(0.55 * self._width)), np.asarray(planes[1])

    def _expression(self, closed: float, gap: float) -> Picture:
        x, y = self._x, self._y.copy()
        for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
            self._blink(y, upper, lower, closed)
        dark = np.zeros_like(y)
        if gap > 0.5:
            self._open_mouth(y, dark, gap)
        moved = cv2.remap(self._picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        if gap > 0.5:
            inside = np.array([30, 20, 45], np.float32)
            moved = (moved * (1 - dark[..., None]) + inside * dark[..., None]).astype(np.uint8)
        return moved

    def _blink(self, y: Plane, upper: tuple[int, ...], lower: tuple[int, ...], closed: float) -> None:
        up, low = (self._mesh[list(ids), :2][np.argsort(self._mesh[list(ids), 0])] for ids in (upper, lower))
        first, last = int(up[0, 0]) + 1, int(up[-1, 0])
        columns = np.arange(max(first, 0), min(last, y.shape[1]))
        for column in columns:
            lid = float(np.interp(column, up[:, 0], up[:, 1]))
            floor = float(np.interp(column, low[:, 0], low[:, 1]))
            brow = lid - 1.3 * max(floor - lid, 2.0)
            edge = lid + closed * (floor - lid)
            rows = np.arange(max(int(brow), 0), min(int(edge) + 1, y.shape[0]))
            y[rows, column] = brow + (rows - brow) * (lid - brow) / max(edge - brow, 1e-3)

    def _open_mouth(self, y: Plane, dark: Plane, gap: float) -> None:
        line = self._mesh[list(INNER_UPPER_LIP), :2]
        middle_x, middle_y = line[:, 0].mean(), line[:, 1].mean()
        half = (line[:, 0].max() - line[:, 0].min()) / 2
        chin = float(self._mesh[CHIN, 1])
        across = np.clip(1 - ((self._x - middle_x) / (1.6 * half)) ** 2, 0, 1)
        below = self._y - middle_y
        fade = np.clip((chin + 0.25 * self._width - self._y) / (0.35 * self._width), 0, 1)
        opening = gap * across
        shift = np.where(below > 0, np.minimum(below, opening) * fade, 0)
        y -= shift.astype(np.float32)
        inner = np.clip(1 - ((self._x - middle_x) / half) ** 2, 0, 1) * gap
        dark += cv2.GaussianBlur(((below > 0) & (below < inner)).astype(np.float32), (0, 0), 1.2) * 0.85
