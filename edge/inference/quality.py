"""Judges whether a face is good enough to be matched, and says what the person could do about it.

A bad picture of an enrolled person looks like a stranger, so it is not matched at all. Pure: measurements and
limits in, `Quality` out. The limits come from measurement (docs/accuracy.md) and are in `QualityConfig`.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config.recognition import QualityConfig
from edge.inference.alignment import CROP_PX
from edge.types.faces import BgrImage, Coaching, Detection, Landmarks, Quality


def _oval() -> NDArray[np.bool_]:
    """The face in the aligned crop: an ellipse from brow to chin, without hair and background."""
    rows, columns = np.mgrid[0:CROP_PX, 0:CROP_PX]
    inside: NDArray[np.bool_] = ((columns - 56) / 34) ** 2 + ((rows - 66) / 42) ** 2 <= 1
    return inside


_FACE = _oval()
_FACE_ROWS, _FACE_COLUMNS = slice(24, 109), slice(22, 91)  # what of the crop the ellipse covers
_FACE_PIXELS = int(_FACE.sum())
_FACE_PART: NDArray[np.uint8] = _FACE[_FACE_ROWS, _FACE_COLUMNS].astype(np.uint8)
_FACE_FACTOR: NDArray[np.int16] = _FACE_PART.astype(np.int16)
_SECOND_DERIVATIVES = (
    np.array([[0, 0, 0], [1, -2, 1], [0, 0, 0]], np.float32),
    np.array([[0, 1, 0], [0, -2, 0], [0, 1, 0]], np.float32),
    np.array([[1, 0, 0], [0, -2, 0], [0, 0, 1]], np.float32) / np.float32(np.sqrt(2)),
    np.array([[0, 0, 1], [0, -2, 0], [1, 0, 0]], np.float32) / np.float32(np.sqrt(2)),
)
_LEVEL_PITCH_DEG = (
    -5.5
)  # what the mesh measures of people who look straight ahead (median of 1,227 photographs)
_TEMPLE_RIGHT, _TEMPLE_LEFT, _BROW, _CHIN = 234, 454, 10, 152
_EYE_RIGHT, _EYE_LEFT = 33, 263


@dataclass(frozen=True, slots=True)
class Pose:
    """How a head is held, degrees; signs as in `Quality`."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def pose(landmarks: Landmarks) -> Pose:
    """Estimate the pose from the mesh, or coarsely from the five points where there is none."""
    if landmarks.mesh is None:
        return _pose_of_five(landmarks.five)
    mesh = landmarks.mesh
    across_x, across_y, across_z = (mesh[_TEMPLE_LEFT] - mesh[_TEMPLE_RIGHT]).tolist()
    down_x, down_y, down_z = (mesh[_CHIN] - mesh[_BROW]).tolist()
    eyes = mesh[_EYE_LEFT] - mesh[_EYE_RIGHT]
    # down x across: z grows away from the camera, so this points out of the face, towards it
    out_x = down_y * across_z - down_z * across_y
    out_y = down_z * across_x - down_x * across_z
    out_z = down_x * across_y - down_y * across_x
    roll = math.atan2(float(eyes[1]), float(eyes[0]))
    cosine, sine = math.cos(roll), math.sin(roll)
    level_x = out_x * cosine + out_y * sine
    level_y = -out_x * sine + out_y * cosine
    return Pose(
        yaw_deg=math.degrees(math.atan2(level_x, -out_z)),
        pitch_deg=math.degrees(math.atan2(-level_y, -out_z)) - _LEVEL_PITCH_DEG,
        roll_deg=math.degrees(roll),
    )


def _pose_of_five(five: NDArray[np.float32]) -> Pose:
    eyes, mouth = five[:2].mean(axis=0), five[3:].mean(axis=0)
    width = max(float(np.linalg.norm(five[1] - five[0])), 1e-9)
    roll = math.atan2(float(five[1, 1] - five[0, 1]), float(five[1, 0] - five[0, 0]))
    cosine, sine = math.cos(roll), math.sin(roll)
    nose = five[2] - (eyes + mouth) / 2
    aside = (float(nose[0]) * cosine + float(nose[1]) * sine) / width
    below = (-float(nose[0]) * sine + float(nose[1]) * cosine) / width
    return Pose(
        yaw_deg=math.degrees(math.asin(max(-1.0, min(1.0, 1.5 * aside)))),
        pitch_deg=math.degrees(math.asin(max(-1.0, min(1.0, -1.5 * below)))),
        roll_deg=math.degrees(roll),
    )


def assess(
    frame_shape: tuple[int, ...],
    detection: Detection,
    landmarks: Landmarks,
    *,
    crop: BgrImage,
    limits: QualityConfig,
) -> Quality:
    """Measure one face and compare it with the limits.

    Args:
        frame_shape: (h, w, 3) of the picture.
        detection: The face's box in it.
        landmarks: Its mesh and five points.
        crop: (112, 112, 3) uint8 BGR, aligned.
        limits: What is good enough.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    mean, deviation = cv2.meanStdDev(grey[_FACE_ROWS, _FACE_COLUMNS], mask=_FACE_PART)
    held = pose(landmarks)
    measured = Quality(
        coaching=None,
        face_px=detection.box.width,
        yaw_deg=held.yaw_deg,
        pitch_deg=held.pitch_deg,
        roll_deg=held.roll_deg,
        sharpness=_sharpness(grey),
        brightness=float(mean[0, 0]) / 255,
        contrast=float(deviation[0, 0]) / 255,
    )
    covered = landmarks.presence < limits.min_presence or _mouth_detail(grey) < limits.min_mouth_detail
    coaching = _first_reason(measured, frame_shape, landmarks, covered=covered, limits=limits)
    if coaching is None:
        return measured
    return Quality(
        coaching=coaching,
        face_px=measured.face_px,
        yaw_deg=measured.yaw_deg,
        pitch_deg=measured.pitch_deg,
        roll_deg=measured.roll_deg,
        sharpness=measured.sharpness,
        brightness=measured.brightness,
        contrast=measured.contrast,
    )


def _sharpness(grey: NDArray[np.uint8]) -> float:
    """Variance of the second derivative in the direction that has least of it.

    A Laplacian adds up directions, so a face that moves sideways keeps the sharpness of its horizontal edges;
    the least of four directions tells motion from rest.
    """
    part = grey[_FACE_ROWS, _FACE_COLUMNS]
    # Second derivatives have a mean of nearly zero, so the mean square is the variance. A product with the
    # mask and a plain norm take a quarter of the time of OpenCV's masked norm, and give the same.
    least = math.inf
    for kernel in _SECOND_DERIVATIVES:
        change = cv2.filter2D(part, cv2.CV_16S, kernel)
        np.multiply(change, _FACE_FACTOR, out=change)
        least = min(least, cv2.norm(change, cv2.NORM_L2SQR))
    return least / _FACE_PIXELS


def _mouth_detail(grey: NDArray[np.uint8]) -> float:
    """Edge strength around the mouth over that around the eyes; a hand, a scarf or a flat mask has little."""
    edges = cv2.Laplacian(grey[42:106], cv2.CV_16S)  # rows 42 to 105: eyes to below the lips
    mouth, eyes = edges[42:62, 36:76], edges[2:18, 24:88]
    return (_mean_size(mouth) + 1) / (_mean_size(eyes) + 1)


def _mean_size(values: NDArray[np.int16]) -> float:
    return float(cv2.norm(values, cv2.NORM_L1)) / values.size


def _first_reason(
    measured: Quality,
    frame_shape: tuple[int, ...],
    landmarks: Landmarks,
    *,
    covered: bool,
    limits: QualityConfig,
) -> Coaching | None:
    """The most useful request first: where to stand, then the light, then how to look."""
    turned = (
        abs(measured.yaw_deg) > limits.max_yaw_deg
        or abs(measured.pitch_deg) > limits.max_pitch_deg
        or abs(measured.roll_deg) > limits.max_roll_deg
    )
    reasons = (
        (measured.face_px < limits.min_face_px, Coaching.COME_CLOSER),
        (measured.face_px > limits.max_face_fraction * frame_shape[1], Coaching.STEP_BACK),
        (_cut_off(frame_shape, landmarks), Coaching.MOVE_INTO_VIEW),
        (measured.brightness < limits.min_brightness, Coaching.TOO_DARK),
        (measured.brightness > limits.max_brightness, Coaching.TOO_BRIGHT),
        (measured.contrast < limits.min_contrast, Coaching.TOO_DARK),
        (turned, Coaching.LOOK_HERE),
        (measured.sharpness < limits.min_sharpness, Coaching.HOLD_STILL),
        (covered, Coaching.UNCOVER_FACE),
    )
    return next((coaching for wrong, coaching in reasons if wrong), None)


def _cut_off(frame_shape: tuple[int, ...], landmarks: Landmarks) -> bool:
    """Whether one of the five points lies outside of the picture: what is not seen cannot be matched."""
    height, width = frame_shape[:2]
    return not all(0 <= x < width and 0 <= y < height for x, y in landmarks.five.tolist())
