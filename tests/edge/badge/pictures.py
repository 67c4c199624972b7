"""Frames with a badge in them, as a camera would see it: turned, tilted, blurred, noisy."""

import cv2
import numpy as np
import segno

from edge.types.faces import BgrImage


def code(text: str, *, side_px: int = 200) -> BgrImage:
    """A QR code with its quiet zone, (side_px, side_px, 3)."""
    rows = segno.make(text, error="m", micro=False, boost_error=False).matrix_iter(border=4, scale=8)
    whole = np.array([[0 if dark else 255 for dark in row] for row in rows], np.uint8)
    small = cv2.resize(whole, (side_px, side_px), interpolation=cv2.INTER_AREA)
    picture: BgrImage = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    return picture


def held_up(
    text: str, *, side_px: int = 200, turn_deg: float = 0.0, tilt: float = 0.0, seed: int = 1
) -> BgrImage:
    """Somebody holds a badge before a grey wall: (480, 640, 3), out of focus, with a sensor's noise."""
    picture = code(text, side_px=side_px)
    corners = np.float32([[0, 0], [side_px, 0], [side_px, side_px], [0, side_px]])
    half = side_px / 2
    square = np.array([[-half, -half], [half, -half * (1 - tilt)], [half, half * (1 - tilt)], [-half, half]])
    angle = np.deg2rad(turn_deg)
    turned = square @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = cv2.getPerspectiveTransform(corners, np.float32(turned + np.array([320, 240])))
    wall = np.full((480, 640, 3), 120, np.uint8)
    frame = cv2.warpPerspective(picture, matrix, (640, 480), dst=wall, borderMode=cv2.BORDER_TRANSPARENT)
    soft = cv2.GaussianBlur(frame, (0, 0), 0.7).astype(np.float32) * 0.75 + 30
    noise = np.random.default_rng(seed).normal(0, 5, soft.shape)
    seen: BgrImage = np.clip(soft + noise, 0, 255).astype(np.uint8)
    return seen
