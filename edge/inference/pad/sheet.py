"""Registers a face on its first frame as if it were printed on a sheet, and measures what no sheet explains.

A sheet of paper or a screen, however it is held, tilted or bent, moves its points by a smooth map, to second
order in the picture (for planes: Hartley and Zisserman, Multiple View Geometry, 13.1). A head moves them also
by its depth: the nose goes before the cheeks. Both are fitted together to the pixels themselves, by weighted
least squares (Baker and Matthews, Lucas-Kanade 20 Years On, 2004), so that every pixel counts by its gradient
and the fit knows its own error. The mesh only lends the shape of the depth, with all that is smooth in it taken
away: it draws a head over any photograph. Eyes and mouth are left out: they live behind a mask's holes as well.
"""

import math
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types.faces import BgrImage, Landmarks

SIZE_PX = 128
EYES_PX = 36.0
"""Distance between the eyes in the square in which faces are compared: all pixels here are of that square."""
_EYES_AT = (SIZE_PX / 2, SIZE_PX * 0.42)
_MIDDLE, _REACH_PX = (
    (SIZE_PX / 2, SIZE_PX * 0.42 + 12),
    50.0,
)  # where the polynomials have their zero and their one
_HULL = 0.88  # of the mesh's outline: what lies nearer to the edge sees the background move
_EYE, _MOUTH = 0.36, (0.75, 0.40)
"""Left out: discs about the eyes, in eyes' distances, and half axes about the mouth, in mouths' widths."""
# light is compared without noise and without what is broad in it
_SMOOTH_PX, _DETAIL_PX, _CONTRAST = 0.9, 15, 8.0
MOST_PIXELS, FEWEST_PIXELS = 3000, 800  # those with the greatest gradients tell nearly everything
_ROUNDS, _ENOUGH_PX, _ROUGHLY_PX = 10, 0.01, 0.1
_ASTRAY = 0.05
"""A sheet much tilted or bent is followed so wrongly, as a share of its map: no depth is told below that."""
_OUTLIER = 2.5  # standard deviations from which on a pixel counts less (Cauchy's weight)
_RIDGE = 1e-3
_FAINTEST = 0.05  # standard deviation of light below which there is nothing to compare
_GRID = 64
_MESH_SPREAD = 2.2  # of the grid's pixels

Plane = NDArray[np.float32]  # (SIZE_PX, SIZE_PX)
Values = NDArray[np.float32]  # (n,), one for each pixel that is compared


@dataclass(frozen=True, slots=True)
class Registered:
    """One frame laid over the first.

    Args:
        turn_rad: (2,) by how much depth moves the picture across and down: small turns of a head, in radians,
            less what the fit of a sheet so bent may be wrong by.
        error_rad: Its standard error.
        certainty: How many standard errors it is from none at all.
        bent_px: How far the sheet's own map is from moving, turning and scaling a picture, root mean square.
        light: What each pixel shows, brought to the first frame's contrast.
        similarity: Correlation with the first frame, at most 1.
        rests: Whether the search came to its end; else nothing but the similarity means anything.
    """

    turn_rad: NDArray[np.float64]
    error_rad: float
    certainty: float
    bent_px: float
    light: Values
    similarity: float
    rests: bool


def _polynomials() -> Plane:
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX].astype(np.float32)
    across, down = (columns - _MIDDLE[0]) / _REACH_PX, (rows - _MIDDLE[1]) / _REACH_PX
    terms = [np.ones_like(across), across, down, across * across, across * down, down * down]
    return np.stack(terms, axis=-1).reshape(-1, len(terms))


_SMOOTH_MAP = _polynomials()
_ROWS, _COLUMNS = (axis.ravel().astype(np.float32) for axis in np.mgrid[0:SIZE_PX, 0:SIZE_PX])


class Sheet:
    """The face of one frame, with all that later frames are compared with. Made by `begin`."""

    def __init__(self, light: Plane, pixels: NDArray[np.intp], depth: Values) -> None:
        self.light: Values = light.ravel()[pixels]
        self._at = (_COLUMNS[pixels], _ROWS[pixels])
        self._maps = np.ascontiguousarray(np.column_stack([_SMOOTH_MAP[pixels], depth]))
        across = cv2.Sobel(light, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8).ravel()[pixels]
        down = cv2.Sobel(light, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8).ravel()[pixels]
        self._slopes = np.column_stack(
            [self._maps * across[:, None], self._maps * down[:, None], self.light, np.ones_like(self.light)]
        ).astype(np.float32)
        self._depth_px = math.sqrt(float(np.mean(depth**2)))
        self._last = np.zeros((2, self._maps.shape[1]), np.float32)  # where the search begins: the last frame's

    @classmethod
    def begin(cls, image: BgrImage, landmarks: Landmarks) -> Self | None:
        """Take a frame as the first.

        Args:
            image: (h, w, 3) uint8 BGR.
            landmarks: Of the face, with its mesh.

        Returns:
            None where there is no mesh, or too little of a face to compare.
        """
        if landmarks.mesh is None:
            return None
        level = _level(landmarks)
        light = _light(image, level)
        mesh = np.column_stack(
            [
                landmarks.mesh[:, :2] @ level[:, :2].T + level[:, 2],
                landmarks.mesh[:, 2] * math.hypot(*level[0, :2]),
            ]
        )
        if not np.isfinite(mesh).all():
            return None
        five = landmarks.five @ level[:, :2].T + level[:, 2]
        pixels = _telling(light, np.flatnonzero(_rigid(mesh, five)))
        if len(pixels) < FEWEST_PIXELS or not float(np.std(light.ravel()[pixels])) > _FAINTEST:
            return None
        return cls(light, pixels, _without_smooth(_depth(mesh).ravel()[pixels], _SMOOTH_MAP[pixels]))

    def register(self, image: BgrImage, landmarks: Landmarks) -> Registered | None:
        """Lay a later frame over the first; None where the search leaves every bound."""
        light = _light(image, _level(landmarks))
        place, ridge = self._last.copy(), _RIDGE * np.eye(self._slopes.shape[1], dtype=np.float32)
        for _ in range(_ROUNDS):
            across, down = self._at[0] + self._maps @ place[0], self._at[1] + self._maps @ place[1]
            seen = cv2.remap(
                light, across[None], down[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )[0]
            apart = seen - self.light
            spread = 1.4826 * float(np.median(np.abs(apart))) + 1e-3
            weight = 1 / (1 + (apart / (_OUTLIER * spread)) ** 2)
            weighted = self._slopes * weight[:, None]
            normal = weighted.T @ self._slopes + ridge
            step = np.linalg.solve(normal, weighted.T @ apart)
            place -= step[:-2].reshape(2, -1)
            if not np.isfinite(place).all():
                return None
            if np.abs(step[:-2]).max() < _ENOUGH_PX:
                break
        noise = float((weight * apart**2).sum() / weight.sum())
        return self._summed(place, seen, noise, normal, rests=bool(np.abs(step[:-2]).max() < _ROUGHLY_PX))

    def _summed(self, place: Plane, seen: Values, noise: float, normal: Plane, *, rests: bool) -> Registered:
        self._last = place if rests else np.zeros_like(place)
        count = place.shape[1]
        turns = [count - 1, 2 * count - 1]
        errors = np.linalg.inv(normal.astype(np.float64))[np.ix_(turns, turns)] * noise
        bent_px = self._bent(place)
        turn = place[:, -1].astype(np.float64)
        told = max(1 - _ASTRAY * bent_px / max(float(np.linalg.norm(turn)) * self._depth_px, 1e-9), 0.0)
        turn = turn * told
        square = float(turn @ np.linalg.solve(errors, turn)) if noise > 0 else 0.0
        gain = max(float(seen @ self.light) / max(float(self.light @ self.light), 1e-6), 0.3)
        light = seen / gain
        return Registered(
            turn_rad=turn,
            error_rad=math.sqrt(max(float(np.trace(errors)), 0.0) / 2),
            certainty=math.sqrt(max(square, 0.0)),
            bent_px=bent_px,
            light=light - (light - self.light).mean(),
            similarity=similarity(seen, self.light),
            rests=rests,
        )

    def _bent(self, place: Plane) -> float:
        """What is left of the sheet's map without its best similarity."""
        moved = self._maps[:, :-1] @ place[:, :-1].T
        moved -= moved.mean(axis=0)
        across, down = (axis - axis.mean() for axis in self._at)
        size = float(across @ across + down @ down)
        scale = float(across @ moved[:, 0] + down @ moved[:, 1]) / size
        roll = float(across @ moved[:, 1] - down @ moved[:, 0]) / size
        left = float((moved**2).sum()) - size * (scale**2 + roll**2)
        return math.sqrt(max(left, 0.0) / len(moved))


def similarity(one: Values, other: Values) -> float:
    """Correlation, 0 where either shows nothing."""
    first, second = one - one.mean(), other - other.mean()
    power = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / power if power > 0 else 0.0


def _level(landmarks: Landmarks) -> NDArray[np.float64]:
    """The similarity, (2, 3), that puts the eyes level and in their place."""
    (right_x, right_y), (left_x, left_y) = landmarks.five[:2].tolist()
    across, down = left_x - right_x, left_y - right_y
    apart = max(math.hypot(across, down), 1e-6)
    cosine, sine = EYES_PX * across / apart**2, EYES_PX * down / apart**2
    x, y = (right_x + left_x) / 2, (right_y + left_y) / 2
    return np.array(
        [
            [cosine, sine, _EYES_AT[0] - cosine * x - sine * y],
            [-sine, cosine, _EYES_AT[1] + sine * x - cosine * y],
        ]
    )


def _light(image: BgrImage, level: NDArray[np.float64]) -> Plane:
    """The levelled face without noise and without what is broad in its light: shade falls as the head turns."""
    cut = cv2.warpAffine(image, level, (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REPLICATE)
    grey = cv2.GaussianBlur(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY).astype(np.float32), (5, 5), _SMOOTH_PX)
    light: Plane = (grey - cv2.blur(grey, (_DETAIL_PX, _DETAIL_PX))) / np.float32(_CONTRAST)
    return light


def _rigid(mesh: NDArray[np.floating], five: NDArray[np.floating]) -> NDArray[np.uint8]:
    """1 where the face is rigid and safe from its edge: brow, nose, cheeks and chin."""
    inside = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    hull = cv2.convexHull(_bounded(mesh[:, :2]))[:, 0]
    middle = hull.mean(axis=0)
    cv2.fillConvexPoly(inside, np.rint(middle + (hull - middle) * _HULL).astype(np.int32), 1.0)
    right_eye, left_eye, _, right_corner, left_corner = _bounded(five)
    for eye in (right_eye, left_eye):
        _leave_out(inside, eye, (_EYE * EYES_PX, _EYE * EYES_PX))
    width = float(np.linalg.norm(left_corner - right_corner))
    _leave_out(inside, (right_corner + left_corner) / 2, (_MOUTH[0] * width, _MOUTH[1] * width))
    return inside


def _bounded(points: NDArray[np.floating]) -> NDArray[np.float32]:
    bounded: NDArray[np.float32] = np.clip(points, -1e4, 1e4).astype(np.float32)
    return bounded


def _leave_out(inside: NDArray[np.uint8], at: NDArray[np.floating], half: tuple[float, float]) -> None:
    x, y = at.tolist()
    cv2.ellipse(inside, (round(x), round(y)), (round(half[0]), round(half[1])), 0, 0, 360, 0.0, -1)


def _telling(light: Plane, pixels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of these pixels the ones with the greatest gradients."""
    if len(pixels) <= MOST_PIXELS:
        return pixels
    across, down = (cv2.Sobel(light, cv2.CV_32F, x, 1 - x, ksize=3).ravel()[pixels] for x in (1, 0))
    power = across**2 + down**2
    return np.sort(pixels[np.argpartition(-power, MOST_PIXELS)[:MOST_PIXELS]])


def _depth(mesh: NDArray[np.floating]) -> Plane:
    """The mesh's depth at every pixel, in pixels."""
    at = np.rint(np.clip(mesh[:, :2], -1e4, 1e4) * (_GRID / SIZE_PX)).astype(np.intp)
    inside = ((at >= 0) & (at < _GRID)).all(axis=1)
    count, depth = np.zeros((_GRID, _GRID), np.float32), np.zeros((_GRID, _GRID), np.float32)
    np.add.at(count, (at[inside, 1], at[inside, 0]), 1)
    np.add.at(depth, (at[inside, 1], at[inside, 0]), mesh[inside, 2])
    count, depth = (cv2.GaussianBlur(plane, (0, 0), _MESH_SPREAD) for plane in (count, depth))
    return np.asarray(cv2.resize(depth / np.maximum(count, 1e-4), (SIZE_PX, SIZE_PX)), np.float32)


def _without_smooth(depth: Values, smooth: Plane) -> Values:
    """What is left of a depth when a tilted and bent sheet's is taken away."""
    return np.asarray(depth - smooth @ np.linalg.lstsq(smooth, depth, rcond=None)[0], np.float32)
