"""Paper masks that follow a living wearer's head: flat ones, and one that is bent around the head in 3D.

How the head has moved since the first picture is taken from the points of its mesh that no expression moves;
where it is at one moment, from the pictures before and after as well, so that the mask neither lags behind nor
trembles as single meshes do. What the holes and the mask's rim leave free is the living wearer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.pad_bench.camera import FOCAL_PX, FPS, HEIGHT, WIDTH, Light, linear
from scripts.pad_bench.media import Medium, Sheet, shine
from scripts.pad_bench.sources import Picture, Shown
from scripts.pad_bench.staging import (
    LEFT_EYE,
    LENGTH_S,
    LIPS,
    RIGHT_EYE,
    Cast,
    Moving,
    Oval,
    Rng,
    View,
    framed,
    head_oval,
    require,
)
from scripts.pad_bench.stock import draw_print

Points = NDArray[np.float64]
Holes = tuple[tuple[int, ...], ...]
_MIDDLE = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 2, 98, 327, 33, 133, 362, 263, 127, 356, 234, 454)
RIGID = (*_MIDDLE, 116, 345, 117, 346, 109, 338, 67, 297, 54, 284, 21, 251)
RIGHT_TEMPLE, LEFT_TEMPLE, FOREHEAD, CHIN, NOSE = 234, 454, 10, 152, 4
SMOOTHED = {-2: 1.0, -1: 2.0, 0: 3.0, 1: 2.0, 2: 1.0}
"""Weights of the pictures before and after."""
PRESENT = {0: 1.0}
_STEP_PX = 3  # between pixels whose rays are computed
_GROWN = 2  # the victim's photograph is enlarged before it is cut


class Head:
    """The wearer's head through a clip.

    Args:
        wearer: Whose.
        seen: The picture at a time of the clip.
        smoothed: Weights of the pictures before and after; `PRESENT` where nobody knows what comes.
        length_s: Of the clip.
    """

    def __init__(
        self,
        wearer: Moving,
        seen: Callable[[float], Picture],
        *,
        smoothed: Mapping[int, float] = SMOOTHED,
        length_s: float = LENGTH_S,
    ) -> None:
        self._wearer, self._seen, self._smoothed = wearer, seen, smoothed
        self._found: dict[int, Points | None] = {}
        self._last = round(length_s * FPS) - 1

    def at(self, at_s: float) -> Points:
        """(468, 3) mesh in pixels, smoothed over five pictures around this time."""
        middle = min(max(round(at_s * FPS), 0), self._last)
        around = {step: self._mesh(min(max(middle + step, 0), self._last)) for step in self._smoothed}
        weighed = [(mesh, self._smoothed[step]) for step, mesh in around.items() if mesh is not None]
        if not weighed:
            return self._nearest(middle)
        total = sum(weight for _, weight in weighed)
        return np.asarray(sum(mesh * (weight / total) for mesh, weight in weighed))

    def _mesh(self, index: int) -> Points | None:
        if index not in self._found:
            shown = self._wearer.find(self._seen(index / FPS))
            self._found[index] = None if shown is None else shown.mesh.astype(np.float64)
        return self._found[index]

    def _nearest(self, middle: int) -> Points:
        known = middle + max(self._smoothed)
        for index in sorted(range(self._last + 1), key=lambda index: (index > known, abs(index - middle))):
            mesh = self._mesh(index)
            if mesh is not None:
                return mesh
        raise SystemExit(f"pad-bench: {self._wearer.person} wears a mask, and no face of theirs is found")


def similarity(before: Points, after: Points) -> tuple[float, Points, Points]:
    """Scale, rotation and shift that bring points (n, d) nearest to others (Umeyama 1991).

    Returns:
        s, (d, d), (d,): after is about s * before @ rotation.T + shift.
    """
    middle, target = before.mean(axis=0), after.mean(axis=0)
    left, strength, right = np.linalg.svd((after - target).T @ (before - middle))
    kept = np.ones(len(strength))
    kept[-1] = np.sign(np.linalg.det(left @ right))
    rotation = (left * kept) @ right
    scale = float((strength * kept).sum() / ((before - middle) ** 2).sum())
    return scale, rotation, target - scale * rotation @ middle


def mask_flat(*, holes: bool) -> Callable[[Cast, Rng], View]:
    """A flat paper mask that shifts, grows and rolls with a head; with holes its wearer's eyes look through."""

    def recipe(cast: Cast, rng: Rng) -> View:
        shown, seen, head, medium = _worn(cast, rng)
        first = head.at(0.0)
        scale, rotation, shift = similarity(_anchors(shown.mesh), _anchors(first))
        hull = (first[:, :2] - shift) @ rotation / scale
        sheet = _sheet(medium, shown, hull, holes=(RIGHT_EYE, LEFT_EYE) if holes else ())
        shade = float(rng.uniform(0.8, 1.1))

        def view(at_s: float) -> Light:
            grows, turns, moves = similarity(first[list(RIGID), :2], head.at(at_s)[list(RIGID), :2])
            matrix = np.column_stack([grows * scale / _GROWN * turns @ rotation, grows * turns @ shift + moves])
            put = cv2.warpAffine(sheet, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
            put[..., :3] *= shade
            return _before(linear(seen(at_s)), put)

        return view

    return recipe


def mask_bent(
    cast: Cast,
    rng: Rng,
    *,
    holes: Holes = (RIGHT_EYE, LEFT_EYE, LIPS),
    smoothed: Mapping[int, float] = SMOOTHED,
    length_s: float = LENGTH_S,
) -> View:
    """A paper mask bent like a cylinder around the head, turning with it in 3D; eyes and mouth look through.

    Args:
        cast: Who; the attacker wears it.
        rng: Draws.
        holes: What is cut out, as points of the mesh around it.
        smoothed: See `Head`.
        length_s: Of the clip.
    """
    shown, seen, head, medium = _worn(cast, rng, smoothed=smoothed, length_s=length_s)
    first = head.at(0.0)
    bent = _bend(first, rng)
    still = Placed(1.0, np.eye(3), np.zeros(3))
    worn = bent.hit(still, _anchors(first, lips=True))[0]
    scale, rotation, shift = similarity(_anchors(shown.mesh, lips=True), worn)
    hull = (bent.hit(still, first[:, :2])[0] - shift) @ rotation / scale
    sheet = _sheet(medium, shown, hull[np.isfinite(hull).all(axis=1)], holes=holes)
    into = rotation.T * (_GROWN / scale)
    lamp = tuple(float(side) for side in rng.uniform((-1200, -1800, -200), (1200, -500, 500)))
    ambient, shade = float(rng.uniform(0.5, 0.85)), float(rng.uniform(0.8, 1.1))

    def view(at_s: float) -> Light:
        mesh = head.at(at_s)
        placed = Placed(*similarity(first[list(RIGID)], mesh[list(RIGID)]))
        area = _around(mesh)
        x, y = area.pixels
        on, points, normals = bent.hit(placed, np.dstack([x, y]).reshape(-1, 2))
        texel = np.where(np.isfinite(on), (on - shift) @ into.T, -1e4).astype(np.float32)
        column, row = (area.fine(texel[:, part].reshape(x.shape)) for part in (0, 1))
        part = cv2.remap(sheet, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        shape = (*x.shape, 3)
        lit, _ = shine(points.reshape(shape), normals.reshape(shape), lamp, ambient)  # type: ignore[arg-type]
        part[..., :3] *= area.fine(np.nan_to_num(lit))[..., None] * shade
        put = np.zeros((HEIGHT, WIDTH, 4), np.float32)
        put[area.top : area.top + area.height, area.left : area.left + area.width] = part
        return _before(linear(seen(at_s)), put)

    return view


@dataclass(frozen=True)
class Placed:
    """Where the head is, as it has moved since the first picture: s * point @ rotation.T + shift."""

    scale: float
    rotation: Points
    shift: Points


@dataclass(frozen=True)
class Bent:
    """A sheet bent like a cylinder, in the space of the first picture: pixels, depth away from the camera.

    Args:
        origin: (3,) where the sheet's zero lies, on the line nearest to the camera.
        axes: (3, 3) columns: to the wearer's left, down, and into the head.
        radius: Of the cylinder.
    """

    origin: Points
    axes: Points
    radius: float

    def hit(self, placed: Placed, pixels: Points) -> tuple[Points, Points, Points]:
        """Where rays through pixels meet it first.

        Args:
            placed: The head.
            pixels: (n, 2).

        Returns:
            (n, 2) along the bent sheet in pixels of the first picture, NaN beside it; (n, 3) the same in space
            from the camera; (n, 3) normals there, towards the camera.
        """
        axes = placed.rotation @ self.axes
        origin = placed.scale * placed.rotation @ self.origin + placed.shift
        camera = np.array([WIDTH / 2, HEIGHT / 2, -FOCAL_PX])
        rays = np.column_stack([pixels, np.zeros(len(pixels))]) - camera
        start, slope = (camera - origin) @ axes, rays @ axes
        radius = self.radius * placed.scale
        deep = start[2] - radius
        square = slope[:, 0] ** 2 + slope[:, 2] ** 2
        half = start[0] * slope[:, 0] + deep * slope[:, 2]
        with np.errstate(invalid="ignore"):  # a ray beside the cylinder has no root
            reach = (-half - np.sqrt(half**2 - square * (start[0] ** 2 + deep**2 - radius**2))) / square
        local = start + slope * reach[:, None]
        turned = np.arctan2(local[:, 0], radius - local[:, 2])
        on = np.column_stack([radius * turned, local[:, 1]]) / placed.scale
        outwards = np.column_stack([np.sin(turned), np.zeros(len(turned)), -np.cos(turned)])
        return on, rays * reach[:, None], outwards @ axes.T


def _bend(mesh: Points, rng: Rng) -> Bent:
    """A cylinder around a head: upright with it, resting on the tip of the nose, as wide as heads are."""
    across = mesh[LEFT_TEMPLE] - mesh[RIGHT_TEMPLE]
    width = float(np.linalg.norm(across))
    across = across / width
    down = mesh[CHIN] - mesh[FOREHEAD]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    axes = np.column_stack([across, down, np.cross(across, down)])
    middle = mesh[[RIGHT_TEMPLE, LEFT_TEMPLE, FOREHEAD, CHIN]].mean(axis=0)
    rests = float((mesh[NOSE] - middle) @ axes[:, 2])
    return Bent(middle + axes[:, 2] * rests, axes, float(rng.uniform(0.55, 0.75)) * width)


def _worn(
    cast: Cast, rng: Rng, *, smoothed: Mapping[int, float] = SMOOTHED, length_s: float = LENGTH_S
) -> tuple[Shown, Callable[[float], Picture], Head, Medium]:
    wearer = cast.attacker
    if wearer is None:
        raise SystemExit("pad-bench: a mask needs somebody who wears it")
    made = draw_print(rng, width_mm=150.0, ratio=1.3, glossy=False, curled=False)
    shown = require(cast.victim.find(cast.victim.at(0.0)))
    seen = framed(wearer, rng)
    return (
        shown,
        seen,
        Head(wearer, seen, smoothed=smoothed, length_s=length_s),
        Medium(made, made.width_mm / (_GROWN * shown.picture.shape[1])),
    )


def _anchors(mesh: NDArray[np.floating], *, lips: bool = False) -> Points:
    """Both eyes and the chin, or the lips, (3, 2)."""
    low = mesh[list(LIPS), :2].mean(axis=0) if lips else mesh[CHIN, :2]
    return np.array([*(mesh[list(ids), :2].mean(axis=0) for ids in (RIGHT_EYE, LEFT_EYE)), low], np.float64)


def _sheet(medium: Medium, shown: Shown, wearer: Points, *, holes: Holes) -> Sheet:
    """The mask as it is cut from the print: as large as its wearer's face, or larger.

    Args:
        medium: The print.
        shown: The victim.
        wearer: (n, 2) the wearer's face as it lies behind the victim's, in pixels of the victim's picture.
        holes: What is cut out, as points of the mesh around it.
    """
    grown = cv2.resize(shown.picture, None, fx=_GROWN, fy=_GROWN, interpolation=cv2.INTER_CUBIC)
    light = cv2.resize(medium.picture(grown), grown.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    oval = head_oval(shown.mesh)
    beyond = np.linalg.norm((wearer - oval.centre) / oval.reach, axis=1).max(initial=0.0)
    oval = Oval(oval.centre, oval.reach * float(np.clip(1.03 * beyond, 1.0, 1.3)))
    opacity = np.zeros(grown.shape[:2], np.float32)
    cv2.fillPoly(opacity, [(_GROWN * oval.outline).astype(np.int32)], (1.0,))
    for ids in holes:
        rim = _GROWN * shown.mesh[list(ids), :2]
        wide = float(np.ptp(rim[:, 0]))
        radii = (int(wide * 0.62) + 2, int(max(wide * 0.4, np.ptp(rim[:, 1]) * 0.6)) + 2)
        cv2.ellipse(opacity, tuple(int(c) for c in rim.mean(axis=0)), radii, 0, 0, 360, (0.0,), -1)
    opacity = cv2.GaussianBlur(opacity, (0, 0), 0.8)[..., None]
    return np.concatenate([light * opacity, opacity], axis=2)


@dataclass(frozen=True)
class Area:
    """The part of the picture in which the mask can be, of whole steps."""

    left: int
    top: int
    width: int
    height: int

    @property
    def pixels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns and rows of every `_STEP_PX`-th pixel, one step beyond the end."""
        across, down = (np.arange(0, side + _STEP_PX, _STEP_PX) for side in (self.width, self.height))
        x, y = np.meshgrid(self.left + across, self.top + down)
        return x, y

    def fine(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """A plane of those pixels, for every pixel."""
        into = np.array([[1 / _STEP_PX, 0, 0], [0, 1 / _STEP_PX, 0]], np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.width, self.height)
        return np.asarray(cv2.warpAffine(np.ascontiguousarray(plane), into, size, flags=flags), np.float32)


def _around(mesh: Points) -> Area:
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    spare = 0.6 * (high - low)
    left, top = np.clip((low - spare).astype(int), 0, (WIDTH - 9, HEIGHT - 9))
    right, bottom = np.clip((high + spare).astype(int), (left + 9, top + 9), (WIDTH, HEIGHT))
    width, height = (int(side) // _STEP_PX * _STEP_PX for side in (right - left, bottom - top))
    return Area(int(left), int(top), width, height)


def _before(scene: Light, put: Sheet) -> Light:
    """The mask before the wearer, with its shadow around the rim and the holes."""
    opacity = put[..., 3]
    shadow = cv2.GaussianBlur(opacity, (0, 0), 4) * (1 - opacity)
    scene *= ((1 - 0.3 * shadow) * (1 - opacity))[..., None]
    scene += put[..., :3]
    return scene
