"""The time layer: tells a head that moves in space from a picture on a plane.

All images of a plane are related by a homography, however it is held (Hartley and Zisserman, Multiple View
Geometry, 13.1). Points of the face's own texture are followed from frame to frame by pyramidal Lucas-Kanade
(the mesh only says where the face is: it draws a head in space over any photograph). What the best homography
leaves is measured: a nose that moves before the cheeks, lids and lips that move in their own time. Noise
leaves something too, but its neighbours do not agree on the direction. Lids and lips may add to what the rigid
parts of a head show, and never suffice.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types.faces import BgrImage, Landmarks

SIZE_PX = 192
EYES_PX = 52.0
"""Distance between the eyes in the square in which motion is measured: all lengths here are of its pixels."""
_EYES_AT = (SIZE_PX / 2, SIZE_PX * 0.40)
MIN_POINTS = 20
MAX_POINTS = 100
_LOST_PX = 0.7  # a point that does not come back to where it began was not followed
_PLANE_PX = 1.0  # what RANSAC counts as on the plane
_MOST_PX = 4.0  # one lost point must not decide
_NEIGHBOUR_PX = 9.0  # residuals of a surface are alike within about a sixth of the eyes' distance
_NEAR_MESH_PX = 6.0
_LIDS_PX, _LIPS_PX = 15.0, 13.0  # about an eye's centre, a mouth's corner and its middle
_TOGETHER = 3  # frames over which residuals are averaged: noise of single frames falls out
_LK: Any = {
    "winSize": (15, 15),
    "maxLevel": 2,
    "minEigThreshold": 3e-3,  # a point without texture in both directions slides along the one it has
    "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.02),
}

Residuals = NDArray[np.float64]  # (n, 2), NaN where a point was not followed


@dataclass(frozen=True, slots=True)
class Motion:
    """How one frame differs from the track's first, in pixels at 52 between the eyes.

    Bend and depth are the lesser of the whole face's and of its rigid part's (brow, nose, cheeks, jaw): eyes
    and lips that live behind holes in a sheet of paper make no head of it.

    Args:
        bend_px: What no plane explains and neighbouring points agree on, root mean square.
        agreement: Its share of everything that no plane explains, 0 to 1.
        depth_px: What of that goes with the depth that a head has there.
        sway_px: How far the face has moved in the picture.
    """

    bend_px: float
    agreement: float
    depth_px: float
    sway_px: float


@dataclass(frozen=True, slots=True)
class _Reference:
    grey: NDArray[np.uint8]
    points: NDArray[np.float32]  # (n, 1, 2)
    depth: NDArray[np.float64]  # (n,), NaN where the mesh has no point near
    alike: NDArray[np.float64]  # (n, n), how much two points are neighbours; 0 with themselves
    rigid: NDArray[np.bool_]  # (n,), not about eyes and mouth
    alike_rigid: NDArray[np.float64]  # as `alike`, among those
    centre: NDArray[np.float64]
    scale: float


def _oval() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    x, y = _EYES_AT
    across, down = (columns - x) / (EYES_PX * 0.95), (rows - (y + EYES_PX * 0.35)) / (EYES_PX * 1.35)
    inside: NDArray[np.uint8] = (across**2 + down**2 <= 1).astype(np.uint8)
    return inside


_FACE = _oval()


class MotionWatcher:
    """The motion of one track. It begins anew by itself when too little of its first frame is seen any more."""

    def __init__(self) -> None:
        self._reference: _Reference | None = None
        self._recent: deque[Residuals] = deque(maxlen=_TOGETHER)

    def look(self, image: BgrImage, landmarks: Landmarks) -> Motion | None:
        """Take one frame into account; None for a first one, and where nothing could be followed."""
        affine = _level(landmarks)
        grey = _square(image, affine)
        reference = self._reference
        off_plane = None if reference is None else _follow(reference, grey)
        if reference is None or off_plane is None:
            self._reference = _begin(grey, affine, landmarks)
            self._recent.clear()
            return None
        self._recent.append(off_plane)
        bend_px, agreement = _coherent(self._recent, reference.alike)
        rigid_px, _ = _coherent(self._recent, reference.alike_rigid)
        centre = landmarks.five.mean(axis=0)
        return Motion(
            bend_px=min(bend_px, rigid_px),
            agreement=agreement,
            depth_px=min(
                _along_depth(reference, off_plane, minimum=MIN_POINTS),
                _along_depth(reference, off_plane, minimum=MIN_POINTS // 2, among=reference.rigid),
            ),
            sway_px=float(np.linalg.norm(centre - reference.centre)) * reference.scale,
        )


def _level(landmarks: Landmarks) -> NDArray[np.float64]:
    """The similarity, (2, 3), that puts the eyes level and in their place."""
    (right_x, right_y), (left_x, left_y) = landmarks.five[:2].tolist()
    across, down = left_x - right_x, left_y - right_y
    scale = EYES_PX / max(math.hypot(across, down), 1e-6)
    turn = math.atan2(down, across)
    cosine, sine = scale * math.cos(turn), scale * math.sin(turn)
    x, y = (right_x + left_x) / 2, (right_y + left_y) / 2
    return np.array(
        [
            [cosine, sine, _EYES_AT[0] - cosine * x - sine * y],
            [-sine, cosine, _EYES_AT[1] + sine * x - cosine * y],
        ]
    )


def _square(image: BgrImage, affine: NDArray[np.float64]) -> NDArray[np.uint8]:
    cut = cv2.warpAffine(image, affine, (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REPLICATE)
    grey: NDArray[np.uint8] = np.asarray(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), np.uint8)
    return grey


def _begin(grey: NDArray[np.uint8], affine: NDArray[np.float64], landmarks: Landmarks) -> _Reference | None:
    """Choose the points that are followed; None where the face has too little texture."""
    points = cv2.goodFeaturesToTrack(grey, MAX_POINTS, 0.01, 5, mask=_FACE)
    if points is None or len(points) < MIN_POINTS:
        return None
    flat = points.reshape(-1, 2).astype(np.float64)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    alike = np.exp(-((apart / _NEIGHBOUR_PX) ** 2) / 2)
    np.fill_diagonal(alike, 0)
    scale = math.hypot(affine[0, 0], affine[0, 1])
    depth = np.full(len(flat), np.nan)
    if landmarks.mesh is not None:
        mesh = landmarks.mesh[:, :2] @ affine[:, :2].T + affine[:, 2]
        away = np.linalg.norm(flat[:, None] - mesh[None], axis=2)
        near = away.min(axis=1) < _NEAR_MESH_PX
        depth[near] = landmarks.mesh[away.argmin(axis=1)[near], 2] * scale
    five = landmarks.five @ affine[:, :2].T + affine[:, 2]
    alive = np.vstack([five[[0, 1, 3, 4]], five[3:5].mean(axis=0)])
    reach = np.array([_LIDS_PX, _LIDS_PX, _LIPS_PX, _LIPS_PX, _LIPS_PX])
    rigid = (np.linalg.norm(flat[:, None] - alive[None], axis=2) > reach).all(axis=1)
    centre = landmarks.five.mean(axis=0).astype(np.float64)
    return _Reference(
        grey, points.astype(np.float32), depth, alike, rigid, alike * rigid[:, None] * rigid, centre, scale
    )


def _follow(reference: _Reference, grey: NDArray[np.uint8]) -> Residuals | None:
    """Find the reference's points again, there and back; None where too few are."""
    start: Any = None
    there, found, _ = cv2.calcOpticalFlowPyrLK(reference.grey, grey, reference.points, start, **_LK)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(grey, reference.grey, there, start, **_LK)
    astray = np.linalg.norm((back - reference.points).reshape(-1, 2), axis=1)
    kept = (found.ravel() > 0) & (returned.ravel() > 0) & (astray < _LOST_PX)
    if int(kept.sum()) < MIN_POINTS:
        return None
    before = reference.points.reshape(-1, 2)[kept].astype(np.float64)
    after = there.reshape(-1, 2)[kept].astype(np.float64)
    plane, _ = cv2.findHomography(before, after, cv2.RANSAC, _PLANE_PX)
    if plane is None:
        return None
    off_plane = np.full((len(kept), 2), np.nan)
    left = after - cv2.perspectiveTransform(before[None], plane)[0]
    length = np.linalg.norm(left, axis=1)
    off_plane[kept] = left * np.minimum(1.0, _MOST_PX / np.maximum(length, 1e-6))[:, None]
    return off_plane


def _coherent(recent: deque[Residuals], alike: NDArray[np.float64]) -> tuple[float, float]:
    """Root mean square of what neighbours agree on, and its share of the whole.

    A point is compared with its neighbours' mean without itself, so that independent noise adds nothing.
    """
    stack = np.stack(recent)
    counted = np.isfinite(stack[..., 0]).sum(axis=0)
    seen = counted > 0
    mean = np.nansum(stack, axis=0) / np.maximum(counted, 1)[:, None]
    weights = alike * seen[None]
    total = weights.sum(axis=1)
    good = seen & (total > 0.5)
    if int(good.sum()) < MIN_POINTS // 2:
        return 0.0, 0.0
    around = (weights @ mean)[good] / total[good, None]
    agreed = float((mean[good] * around).sum(axis=1).mean())
    whole = float((mean[good] ** 2).sum(axis=1).mean())
    bend_px = math.sqrt(max(agreed, 0.0))
    return bend_px, min(bend_px / (math.sqrt(whole) + 0.02), 1.0)


def _along_depth(
    reference: _Reference, off_plane: Residuals, *, minimum: int, among: NDArray[np.bool_] | None = None
) -> float:
    """Root mean square of what goes with a head's depth, less what of the depth is a tilted plane's."""
    usable = np.isfinite(off_plane[:, 0]) & np.isfinite(reference.depth)
    if among is not None:
        usable &= among
    if int(usable.sum()) < minimum:
        return 0.0
    points = reference.points.reshape(-1, 2)[usable]
    ones = np.column_stack([points, np.ones(len(points))]).astype(np.float64)
    depth = reference.depth[usable]
    depth = depth - ones @ np.linalg.lstsq(ones, depth, rcond=None)[0]
    power = float(depth @ depth)
    if power < 1e-6:
        return 0.0
    slope = depth @ off_plane[usable] / power
    return float(np.linalg.norm(slope)) * math.sqrt(power / len(depth))
