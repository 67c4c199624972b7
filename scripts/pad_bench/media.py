"""What an attack is made of: a sheet of paper or a screen, as linear light with an outline, fingers and all.

Lengths in mm on the medium, counted from its centre. Prints lose gamut and contrast, carry printer bands and
halftone dots; screens emit, with subpixels, black level, tint and refresh. Fine structure is computed as its
first harmonic, damped by lens and pixel aperture at the frequency at which the camera meets it, and sampled
at pixel centres: where it beats with the pixels there is moire, where optics would have removed it there is
none.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.pad_bench.camera import FOCAL_PX, FPS, HEIGHT, LINEAR, Light, Optics, linear
from scripts.pad_bench.motion import STEP_PX, Grid, Map, Pose, Window, sight, window

Sheet = NDArray[np.float32]  # (h, w, 4) linear BGR, premultiplied, and opacity
LENS_CUTOFF_PX = 0.3
FAINTEST = 0.004
"""Contrast of fine structure that the camera's noise hides: not computed."""
MARGIN_MM, RIM_MM = 110.0, 3.0
"""Room around the medium for hands, and where there are none."""


@dataclass(frozen=True)
class Print:
    """How it is printed.

    Args:
        width_mm, height_mm: The picture.
        border_mm: White paper around it.
        white, black: Reflectance of paper and of full ink.
        saturation: Of the gamut against the original's.
        gain: Dot gain: exponent on linear light.
        tint: Colour cast, BGR.
        band_mm, band: Pitch and contrast of the printer's bands.
        dot_mm, dot: Pitch and contrast of the halftone.
        gloss: Strength of the paper's reflection of the lamp.
        curl: 1/mm.
        curl_axis: Radians.
    """

    width_mm: float
    height_mm: float
    border_mm: float
    white: float
    black: float
    saturation: float
    gain: float
    tint: tuple[float, float, float]
    band_mm: float
    band: float
    dot_mm: float
    dot: float
    gloss: float
    curl: float
    curl_axis: float


@dataclass(frozen=True)
class Screen:
    """What it is shown on.

    Args:
        width_mm, height_mm: The lit area.
        bezel_mm: Frame around it.
        bezel: Its reflectance.
        pitch_mm: Of the pixels.
        brightness: Of full white, against the scene's white.
        black: Light of a black pixel, with the room's reflection.
        gamma: Error of the screen's curve, as an exponent on linear light.
        tint: BGR.
        subpixel: Contrast of the grid.
        refresh_hz: Of the panel or its backlight.
        flicker: Depth of the band that the rolling shutter makes of it.
        gloss: Reflection of the lamp.
    """

    width_mm: float
    height_mm: float
    bezel_mm: float
    bezel: float
    pitch_mm: float
    brightness: float
    black: float
    gamma: float
    tint: tuple[float, float, float]
    subpixel: float
    refresh_hz: float
    flicker: float
    gloss: float


@dataclass(frozen=True)
class Room:
    """Where it is shown: a lamp and what is behind.

    Args:
        background: (480, 640, 3) float32, linear light.
        lamp_mm: Position of the lamp.
        ambient: Share of light that does not come from the lamp's direction.
    """

    background: Light
    lamp_mm: tuple[float, float, float]
    ambient: float


@dataclass(frozen=True)
class Medium:
    """A sheet's light at `texel_mm`, its outline, and how its surface answers the lamp.

    Args:
        made: Print or screen.
        texel_mm: Size of a texel.
    """

    made: Print | Screen
    texel_mm: float

    def outline(self, margin_mm: float = MARGIN_MM) -> Sheet:
        """The empty medium (paper or bezel) as (h, w, 4), with a margin for fingers."""
        made = self.made
        rim = made.border_mm if isinstance(made, Print) else made.bezel_mm
        paper = made.white if isinstance(made, Print) else made.bezel
        height = round((made.height_mm + 2 * (rim + margin_mm)) / self.texel_mm)
        width = round((made.width_mm + 2 * (rim + margin_mm)) / self.texel_mm)
        opacity = np.zeros((height, width), np.uint8)
        edge = round(margin_mm / self.texel_mm)
        corner = 0 if isinstance(made, Print) else round(min(8.0, made.bezel_mm + 3) / self.texel_mm)
        _rounded(opacity, (edge, edge, width - edge, height - edge), corner)
        soft = cv2.GaussianBlur(opacity.astype(np.float32) / 255, (0, 0), 0.6)
        return np.dstack([soft * paper] * 3 + [soft]).astype(np.float32)

    def picture(self, shown: NDArray[np.uint8]) -> Light:
        """Linear light of the picture area, whatever is on it."""
        made = self.made
        size = (max(8, round(made.width_mm / self.texel_mm)), max(8, round(made.height_mm / self.texel_mm)))
        shrinks = size[0] < shown.shape[1]
        fitted = cv2.resize(shown, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        tint = np.array(made.tint, np.float32)
        if isinstance(made, Print):
            light = linear(fitted)
            grey = light.mean(axis=2, keepdims=True)
            light = np.clip(grey + made.saturation * (light - grey), 0, 1) ** made.gain
            return ((made.black + (made.white - made.black) * light) * tint).astype(np.float32)
        curve = (made.black + made.brightness * LINEAR**made.gamma)[:, None] * tint
        return np.asarray(cv2.LUT(fitted, curve.astype(np.float32)[None]), np.float32)

    def put(self, sheet: Sheet, picture: Light, before: Sheet | None) -> None:
        """Lay the picture into the middle of a sheet, under what lies before it."""
        top, left = (sheet.shape[0] - picture.shape[0]) // 2, (sheet.shape[1] - picture.shape[1]) // 2
        place = slice(top, top + picture.shape[0]), slice(left, left + picture.shape[1])
        sheet[(*place, slice(0, 3))] = picture
        if before is not None:
            lay(before[place], sheet[place])


def _rounded(mask: NDArray[np.uint8], box: tuple[int, int, int, int], radius: int) -> None:
    left, top, right, bottom = box
    cv2.rectangle(mask, (left + radius, top), (right - radius - 1, bottom - 1), 255, -1)
    cv2.rectangle(mask, (left, top + radius), (right - 1, bottom - radius - 1), 255, -1)
    for x in (left + radius, right - radius - 1):
        for y in (top + radius, bottom - radius - 1):
            cv2.circle(mask, (x, y), radius, 255, -1)


def hands(
    shape: tuple[int, int], *, texel_mm: float, skin: NDArray[np.float32], edges: str, rng: np.random.Generator
) -> tuple[Sheet, Sheet]:
    """Hands that hold the medium by the edges named ("l", "r", "b").

    Returns:
        What lies behind the medium (palm and forearm) and what lies on it (thumbs), both of the sheet's shape.
    """
    behind, before = np.zeros((*shape, 4), np.float32), np.zeros((*shape, 4), np.float32)
    height, width = shape
    margin = MARGIN_MM / texel_mm
    for edge in edges:
        thick = rng.uniform(16, 20) / texel_mm
        reach = min(rng.uniform(8, 24) / texel_mm, 0.15 * (width - 2 * margin))  # no thumb across the face
        colour = skin * float(rng.uniform(0.85, 1.1))
        along = rng.uniform(0.5, 0.75)
        if edge == "b":
            wrist = np.array([rng.uniform(0.3, 0.7) * width, height - 0.55 * margin])
            thumb = np.array([wrist[0] + rng.uniform(-10, 10) / texel_mm, height - margin - reach])
        else:
            wrist = np.array([0.55 * margin, along * height])
            thumb = np.array([margin + reach, along * height - rng.uniform(5, 20) / texel_mm])
            if edge == "r":
                wrist[0], thumb[0] = width - wrist[0], width - thumb[0]
        elbow = np.array([wrist[0] + (wrist[0] - width / 2) * 0.4, height + margin])
        _limb(behind, wrist, elbow, 30 / texel_mm, colour)
        inward = thumb + 0.6 * (thumb - wrist)
        _limb(behind, wrist, inward, 34 / texel_mm, colour)
        _limb(before, thumb, wrist, thick / 2, colour * 1.05)
    return behind, before


def _limb(
    sheet: Sheet, tip: NDArray[np.float64], root: NDArray[np.float64], radius: float, skin: Light
) -> None:
    """A capsule of skin, shaded as a cylinder, with its contact shadow on what is drawn already."""
    axis = tip - root
    length = float(np.hypot(*axis))
    axis = axis / max(length, 1e-6)
    low = np.floor(np.minimum(tip, root) - radius).astype(int)
    high = np.ceil(np.maximum(tip, root) + radius).astype(int) + 1
    left, top = np.clip(low, 0, sheet.shape[1::-1])
    right, bottom = np.clip(high, 0, sheet.shape[1::-1])
    if right <= left or bottom <= top:
        return
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    along = np.clip((x - root[0]) * axis[0] + (y - root[1]) * axis[1], 0, length)
    away = np.hypot(x - root[0] - along * axis[0], y - root[1] - along * axis[1]) / radius
    opacity = np.clip((1 - away) * radius, 0, 1)[..., None]
    shade = np.sqrt(np.clip(1 - away**2, 0.05, 1))[..., None]
    colour = np.concatenate([skin * (0.35 + 0.65 * shade), np.ones_like(shade)], axis=2) * opacity
    part = sheet[top:bottom, left:right]
    part[:] = part * (1 - opacity) + colour


def lay(front: Sheet, back: Sheet) -> None:
    """Put one sheet on another, in place; both premultiplied; work only where the front shows anything."""
    left, top, width, height = cv2.boundingRect((front[..., 3] > 0).astype(np.uint8))
    place = slice(top, top + height), slice(left, left + width)
    back[place] *= 1 - front[place][..., 3:]
    back[place] += front[place]


def render(
    sheet: Sheet,
    medium: Medium,
    pose: Pose,
    *,
    room: Room,
    optics: Optics,
    at_s: float,
    curl: float | None = None,
) -> Light:
    """The scene's light with the medium in it.

    Args:
        sheet: What is on the medium, and the fingers.
        medium: Its surface.
        pose: Where it is.
        room: What is behind, and the lamp.
        optics: The camera.
        at_s: Time in the clip, for the refresh.
        curl: Of a sheet that is bent otherwise than it was made.
    """
    made = medium.made
    bent, axis = (made.curl, made.curl_axis) if isinstance(made, Print) else (0.0, 0.0)
    bent = bent if curl is None else curl
    grid = sight(pose, curl=bent, axis=axis)
    area = window(grid, (sheet.shape[1] / 2 * medium.texel_mm, sheet.shape[0] / 2 * medium.texel_mm))
    scene = room.background.copy()
    if area is None:
        return scene
    x, y = (area.fine(np.ascontiguousarray(grid[..., part]) / medium.texel_mm) for part in (0, 1))
    column, row = x + np.float32((sheet.shape[1] - 1) / 2), y + np.float32((sheet.shape[0] - 1) / 2)
    seen = cv2.remap(sheet, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    opacity = np.ascontiguousarray(seen[..., 3])
    shade, glare = _lit(grid, area, pose, room, curl=bent, axis=axis)
    if isinstance(made, Screen):
        shade = _refresh(made, area, at_s)
    glare *= opacity
    glare *= made.gloss
    fine = structure(made, x, y, medium.texel_mm, pose=pose, optics=optics)
    part = scene[area.place]
    part *= (1 - opacity)[..., None]
    for channel, gain in enumerate(fine):  # planes apart: they fit the processor's cache
        plane = seen[..., channel] * shade
        plane *= gain
        plane += glare
        part[..., channel] += plane
    return scene


def _refresh(made: Screen, area: Window, at_s: float) -> Map:
    """Gain of each row, as the rolling shutter meets the screen's refresh; (h, 1)."""
    rows = np.arange(area.top, area.top + area.height, dtype=np.float32)[:, None] / HEIGHT
    turns = made.refresh_hz * (at_s + rows * 0.9 / (2 * FPS))
    return (1 + made.flicker * np.sin(2 * np.pi * turns)).astype(np.float32)


def _lit(
    grid: Grid, area: Window, pose: Pose, room: Room, *, curl: float, axis: float
) -> tuple[Map | float, Map]:
    """Diffuse shade (mean about 1) and glare of the lamp, computed coarsely: both are smooth."""
    small = np.clip(grid[::2, ::2], -400, 400)
    across = np.clip(small[..., 0] * np.cos(axis) + small[..., 1] * np.sin(axis), -200, 200)
    points = np.dstack([small, curl * across**2 / 2]) @ pose.rotation.T + pose.at_mm
    tilt = curl * across
    normals = np.dstack([tilt * np.cos(axis), tilt * np.sin(axis), -np.ones_like(tilt)]) @ pose.rotation.T
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    shade, glare = shine(points, normals, room.lamp_mm, room.ambient)
    return area.fine(shade, 2 * STEP_PX), area.fine(glare, 2 * STEP_PX)


def shine(
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    lamp: tuple[float, float, float],
    ambient: float,
) -> tuple[Map, Map]:
    """Diffuse shade (mean about 1) and glare (at most 1) of surface points in camera coordinates.

    Args:
        points: (h, w, 3) in the lamp's unit of length.
        normals: (h, w, 3), out of the surface towards whoever sees it, unit length.
        lamp: Where it hangs.
        ambient: Share of light that does not come from its direction.
    """
    to_lamp = np.array(lamp) - points
    to_lamp /= np.linalg.norm(to_lamp, axis=-1, keepdims=True)
    half = to_lamp - points / np.linalg.norm(points, axis=-1, keepdims=True)
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    diffuse = ambient + (1 - ambient) * 1.4 * np.clip((normals * to_lamp).sum(axis=-1), 0, 1)
    glare = np.clip((normals * half).sum(axis=-1), 0, 1) ** 60
    return diffuse.astype(np.float32), glare.astype(np.float32)


def structure(
    made: Print | Screen, x: Map, y: Map, texel_mm: float, *, pose: Pose, optics: Optics
) -> tuple[Map | float, Map | float, Map | float]:
    """Gain of each pixel in blue, green and red by subpixels, dots and bands, as the camera resolves them.

    Args:
        made: Print or screen.
        x: (h, w) where on the medium, in texels from its centre.
        y: The same, downwards.
        texel_mm: Their size.
        pose: Where the medium is.
        optics: The camera.
    """
    mm_per_px = float(pose.at_mm[2]) / FOCAL_PX
    if isinstance(made, Screen):
        depth = made.subpixel * _resolved(mm_per_px / made.pitch_mm, optics)
        if depth < FAINTEST:
            return 1.0, 1.0, 1.0
        turn = 2 * np.pi * texel_mm / made.pitch_mm
        cosine, sine = _wave(x, turn)
        rows = 1 + 0.4 * depth * _wave(y, turn)[0]
        blue, green, red = (
            rows + depth * (math.cos(shift) * cosine - math.sin(shift) * sine) for shift in (-2.09, 0.0, 2.09)
        )
        return blue, green, red
    gain: Map | float = 1.0
    bands = made.band * _resolved(mm_per_px / made.band_mm, optics)
    if bands > FAINTEST:
        gain = 1 + bands * _wave(y, 2 * np.pi * texel_mm / made.band_mm)[0]
    depth = made.dot * _resolved(mm_per_px / made.dot_mm, optics)
    if depth <= FAINTEST:
        return gain, gain, gain
    turn = 2 * np.pi * texel_mm / made.dot_mm
    planes = []
    for angle in (0.26, 1.31, 0.78):  # screens of the inks lie at angles of their own
        cosine, sine = math.cos(angle), math.sin(angle)
        s, t = x * cosine + y * sine, y * cosine - x * sine
        planes.append(gain * (1 + depth * (_wave(s, turn)[0] + _wave(t, turn)[0]) / 2))
    return planes[0], planes[1], planes[2]


def _wave(plane: Map, turn: float) -> tuple[Map, Map]:
    """Cosine and sine of a plane times a factor."""
    phase = plane * np.float32(turn)
    return np.cos(phase), np.sin(phase)


def _resolved(cycles_a_px: float, optics: Optics) -> float:
    """What lens and pixel leave of a structure's contrast."""
    lens = np.exp(-2 * (np.pi * LENS_CUTOFF_PX * optics.psf_px * cycles_a_px) ** 2)
    return float(lens * abs(np.sinc(optics.aperture * cycles_a_px)))
