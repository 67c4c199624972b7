"""Who takes part in a presentation and where: people who move, rooms, and how something is held."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.pad_bench.animation import Animated
from scripts.pad_bench.camera import FOCAL_PX, HEIGHT, WIDTH, Light, Optics, linear
from scripts.pad_bench.media import Room
from scripts.pad_bench.motion import Hold
from scripts.pad_bench.sources import Picture, Shown

LENGTH_S = 2.6
RIGHT_EYE, LEFT_EYE = (33, 133, 159, 145), (362, 263, 386, 374)
LIPS = (61, 291, 0, 17)

Rng = np.random.Generator
View = Callable[[float], Light]
"""Linear light of the scene at a time of the clip."""


@dataclass(frozen=True)
class Moving:
    """A person who moves: what they look like at a time, and where the face is in it on the whole.

    Args:
        person: Whose.
        at: (h, w, 3) uint8 BGR at a time in seconds.
        box: Left, top, width, height of the face in these pictures, about.
        find: The face in one of these pictures, or None.
    """

    person: str
    at: Callable[[float], Picture]
    box: tuple[float, float, float, float]
    find: Callable[[Picture], Shown | None]


@dataclass(frozen=True)
class Cast:
    """Who takes part in one presentation.

    Args:
        victim: Whose face is presented.
        attacker: A moving person who presents it, where one is seen.
        skin: Of the hand.
        behind: Somebody's photograph to make a room of.
        optics: The camera: the parameters that depend on it are drawn before.
    """

    victim: Moving
    attacker: Moving | None
    skin: NDArray[np.float32]
    behind: Picture
    optics: Optics


def still(shown: Shown, find: Callable[[Picture], Shown | None]) -> Moving:
    """A photograph as something that could move and does not."""
    return Moving(shown.person, lambda _at_s: shown.picture, shown.box, find)


def animated(shown: Shown, rng: Rng, find: Callable[[Picture], Shown | None]) -> Moving:
    """A photograph that moves as a head does."""
    moves = Animated(shown, rng)
    left, top, width, height = (2 * side for side in shown.box)
    return Moving(shown.person, moves.at, (left, top, width, height), find)


def direct(who: Moving, rng: Rng) -> View:
    """The person in front of the camera, as light."""
    seen = framed(who, rng)
    return lambda at_s: linear(seen(at_s))


def framed(who: Moving, rng: Rng) -> Callable[[float], Picture]:
    """The person in front of the camera: the recording fills the picture, scaled and shifted once."""
    height, width = who.at(0.0).shape[:2]
    scale = _scale(who, rng)
    left, top, face_width, face_height = who.box
    centre = np.array([left + face_width / 2, top + face_height / 2]) * scale
    shift = np.array([WIDTH, HEIGHT]) / 2 + rng.uniform(-40, 40, 2) - centre
    low = np.array([WIDTH - width * scale, HEIGHT - height * scale])
    shift = np.clip(shift, low, 0)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA

    def seen(at_s: float) -> Picture:
        picture, size = who.at(at_s), (WIDTH, HEIGHT)
        warped = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(warped, np.uint8)

    return seen


def _scale(who: Moving, rng: Rng) -> float:
    """Camera pixels a pixel of the recording: for a face of 120 to 230, or as much as fills the picture."""
    height, width = who.at(0.0).shape[:2]
    fill = max(WIDTH / width, HEIGHT / height) * 1.001
    return float(np.clip(rng.uniform(120, 230) / who.box[2], fill, 1.3 * fill))


def near_px(who: Moving, rng: Rng) -> float:
    """The width of the same face in a bona fide presentation, about: so size tells nothing."""
    return who.box[2] * _scale(who, rng) * float(rng.uniform(0.75, 1.15))


def background(picture: Picture, rng: Rng) -> Light:
    """A room out of focus: somebody else's photograph, its face smeared out, with a wall's edge."""
    base = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(base, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    smeared = cv2.resize(cv2.GaussianBlur(small, (0, 0), 7.5), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    mask = _middle()
    mixed = cv2.GaussianBlur(base, (0, 0), 3.0) * (1 - mask) + smeared * mask
    light = linear(mixed.astype(np.uint8))
    if rng.random() < 0.6:
        edge = int(rng.uniform(0.1, 0.9) * WIDTH)
        light[:, :edge] *= rng.uniform(0.6, 0.9)
    for _ in range(int(rng.integers(0, 4))):
        x, y = int(rng.uniform(0, WIDTH)), int(rng.uniform(0, HEIGHT))
        size = rng.uniform(40, 200, 2).astype(int)
        patch = light[y : y + size[1], x : x + size[0]]
        patch *= rng.uniform(0.5, 1.3)
    return cv2.GaussianBlur(light, (0, 0), float(rng.uniform(0.8, 2.5)))


@cache
def _middle() -> Light:
    """How much of each pixel belongs to the middle, where the face was, (480, 640, 1)."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(mask, (WIDTH // 2, HEIGHT // 2), (230, 230), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 30), np.float32)[..., None]


def room(behind: Picture, rng: Rng) -> Room:
    lamp = (float(rng.uniform(-1200, 1200)), float(rng.uniform(-1800, -500)), float(rng.uniform(-200, 900)))
    return Room(background(behind, rng), lamp, float(rng.uniform(0.5, 0.85)))


def hold(rng: Rng, *, face_mm: float, face_px: float, offset_mm: tuple[float, float], steady: float) -> Hold:
    """Held so that the face comes to the middle at the width wanted; `steady` 1 is a hand, 0 a stand."""
    z = FOCAL_PX * face_mm / face_px
    jitter = rng.uniform(-40, 40, 2) * z / FOCAL_PX
    return Hold(
        centre_mm=(float(jitter[0] - offset_mm[0]), float(jitter[1] - offset_mm[1]), float(z)),
        turn=(float(rng.normal(0, 0.10)), float(rng.normal(0, 0.14)), float(rng.normal(0, 0.04))),
        drift_mm=float(rng.uniform(3, 14)) * steady * min(1.0, z / 350),
        drift_rad=float(rng.uniform(0.02, 0.09)) * steady,
        tremor_mm=float(rng.uniform(0.1, 0.6)) * steady,
        tremor_rad=float(rng.uniform(0.0005, 0.003)) * steady,
        approach_mm=float(rng.choice([0.0, rng.uniform(-0.25, 0.3)])) * z * steady,
        turning=float(rng.choice([0.0, 0.0, rng.uniform(0.1, 0.35)])) * steady,
    )


def portrait(
    who: Moving, *, ratio: float, widths: float
) -> Callable[[Picture], tuple[Picture, float, float, float]]:
    """Cuts the face out of a picture for a medium of a height-to-width ratio.

    Returns:
        A function giving the cut, the face's share of its width, and the face's offset from the cut's centre in
        widths of the cut (x, y).
    """
    left, top, width, height = who.box
    shape = who.at(0.0).shape
    cut_width = min(widths * width, shape[1], shape[0] / ratio)
    cut_height = cut_width * ratio
    middle = (left + width / 2, top + height / 2)
    x = float(np.clip(middle[0] - cut_width / 2, 0, shape[1] - cut_width))
    y = float(np.clip(middle[1] - cut_height * 0.48, 0, shape[0] - cut_height))
    offset = ((middle[0] - x) / cut_width - 0.5, ((middle[1] - y) - cut_height / 2) / cut_width)

    def cut(picture: Picture) -> tuple[Picture, float, float, float]:
        part = picture[round(y) : round(y + cut_height), round(x) : round(x + cut_width)]
        return part, width / cut_width, offset[0], offset[1]

    return cut


def skin_of(shown: Shown) -> NDArray[np.float32]:
    """Linear colour of a cheek."""
    left, top, width, height = (int(side) for side in shown.box)
    patch = shown.picture[top + height // 2 : top + 2 * height // 3, left + width // 4 : left + 3 * width // 4]
    light = linear(patch if patch.size else shown.picture)
    return np.median(light.reshape(-1, 3), axis=0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Oval:
    """An upright ellipse in picture pixels.

    Args:
        centre: (2,).
        reach: (2,) half its width and height.
    """

    centre: NDArray[np.float32]
    reach: NDArray[np.float32]

    @property
    def outline(self) -> NDArray[np.float32]:
        """(64, 2) points."""
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        round_it = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return (self.centre + self.reach * round_it).astype(np.float32)


def head_oval(mesh: NDArray[np.float32]) -> Oval:
    """The head's outline, a little more than the mesh."""
    hull = mesh[:, :2]
    centre = (hull.min(axis=0) + hull.max(axis=0)) / 2 - [0, 0.10 * np.ptp(hull[:, 1])]
    return Oval(centre.astype(np.float32), (np.ptp(hull, axis=0) / 2 * [1.12, 1.30]).astype(np.float32))


def require(shown: Shown | None) -> Shown:
    if shown is None:
        raise SystemExit("pad-bench: a face that was found before is not found again")
    return shown
