"""The species of attack: each a recipe that draws its parameters from a seed.

Parameters are frozen with BENCH_VERSION: change one, and the version must change, for figures of two versions
are not comparable. Species named in HELD_OUT_SPECIES are made of held-out people only: no threshold may be
chosen on them.
"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.pad_bench.camera import FOCAL_PX, HEIGHT, WIDTH, Light
from scripts.pad_bench.masks import mask_bent, mask_flat
from scripts.pad_bench.media import MARGIN_MM, RIM_MM, Medium, Print, Screen, Sheet, hands, lay, render
from scripts.pad_bench.motion import Hold, Motion, Pose
from scripts.pad_bench.sources import Picture
from scripts.pad_bench.staging import (
    LENGTH_S,
    Cast,
    Rng,
    View,
    direct,
    head_oval,
    hold,
    near_px,
    portrait,
    require,
    room,
)
from scripts.pad_bench.stock import draw_print, draw_screen

BENCH_VERSION = "3"


def held(  # noqa: PLR0913 - one call a recipe, every argument by its name
    cast: Cast,
    rng: Rng,
    made: Print | Screen,
    *,
    widths: float,
    steady: float,
    edges: str,
    clip: Callable[[float], float],
    fills: bool = False,
    bend: Callable[[float], float] | None = None,
    steer: Callable[[float, Pose], Pose] | None = None,
) -> View:
    """A medium with the victim on it, held before the camera.

    Args:
        cast: Who.
        rng: Draws.
        made: What it is printed or shown on.
        widths: How many face widths the picture is wide.
        steady: See `hold`.
        edges: Where fingers reach over: letters of "lrb".
        clip: Time on the medium for a time of the clip; constant for what does not move.
        fills: So near that no edge of it is in the picture.
        bend: The sheet's curl at a time, where hands bend it.
        steer: Changes how it is held, where whoever holds it does so on purpose; it then neither comes nearer
            nor turns otherwise.
    """
    cut = portrait(cast.victim, ratio=made.height_mm / made.width_mm, widths=widths)
    _, share, x, y = cut(cast.victim.at(clip(0.0)))
    face_mm = share * made.width_mm
    face_px = near_px(cast.victim, rng)
    grip = hold(
        rng,
        face_mm=face_mm,
        face_px=1.2 * share * max(WIDTH, HEIGHT * made.width_mm / made.height_mm) if fills else face_px,
        offset_mm=(x * made.width_mm, y * made.width_mm),
        steady=steady,
    )
    if steer is not None:
        grip = replace(grip, approach_mm=0.0, turning=0.0)
    medium = Medium(made, texel_mm=max(0.8 * grip.centre_mm[2] / FOCAL_PX, made.width_mm / 1200))
    sheet, before = medium.outline(MARGIN_MM if edges else RIM_MM), None
    if edges:
        behind, before = hands(sheet.shape[:2], texel_mm=medium.texel_mm, skin=cast.skin, edges=edges, rng=rng)
        lay(sheet, behind)
        lay(before, behind)
        sheet = behind
    where = room(cast.behind, rng)
    motion = Motion(grip, length_s=LENGTH_S, rng=rng)
    shown_s: list[float] = []

    def sheet_at(on_s: float) -> Sheet:
        if shown_s != [on_s]:
            shown_s[:] = [on_s]
            medium.put(sheet, medium.picture(cut(cast.victim.at(on_s))[0]), before)
        return sheet

    def view(at_s: float) -> Light:
        curl = None if bend is None else bend(at_s)
        return render(
            sheet_at(clip(at_s)),
            medium,
            motion.at(at_s) if steer is None else steer(at_s, motion.at(at_s)),
            room=where,
            optics=cast.optics,
            at_s=at_s,
            curl=curl,
        )

    return view


def _still(_at_s: float) -> float:
    return 0.0


def print_a4(cast: Cast, rng: Rng) -> View:
    """Office paper, matt, held flat in one or two hands."""
    made = draw_print(rng, width_mm=float(rng.uniform(150, 195)), ratio=1.3, glossy=False, curled=False)
    return held(
        cast, rng, made, widths=2.4, steady=1.0, edges=str(rng.choice(["l", "r", "lr", "b"])), clip=_still
    )


def print_photo_curled(cast: Cast, rng: Rng) -> View:
    """Glossy photo paper, bent."""
    made = draw_print(rng, width_mm=float(rng.uniform(95, 180)), ratio=1.35, glossy=True, curled=True)
    return held(cast, rng, made, widths=2.2, steady=1.0, edges=str(rng.choice(["l", "r", "lr"])), clip=_still)


def print_warped(cast: Cast, rng: Rng) -> View:
    """A sheet in two hands that bend it this way and that while it is shown."""
    glossy = bool(rng.random() < 0.4)
    made = draw_print(rng, width_mm=float(rng.uniform(120, 195)), ratio=1.3, glossy=glossy, curled=False)
    made = replace(made, curl_axis=float(rng.normal(0, 0.15)))
    mean, swing = float(rng.normal(0, 0.0015)), float(rng.uniform(0.002, 0.006))
    rates, phases = rng.uniform(0.3, 0.9, 2) * 2 * np.pi, rng.uniform(0, 2 * np.pi, 2)

    def bend(at_s: float) -> float:
        slow, quick = np.sin(rates * at_s + phases)
        return mean + swing * float(0.7 * slow + 0.3 * quick)

    return held(cast, rng, made, widths=2.4, steady=1.0, edges="lr", clip=_still, bend=bend)


def print_mounted(cast: Cast, rng: Rng) -> View:
    """A large print on board, so near that no edge is to be seen, held quite still."""
    made = draw_print(rng, width_mm=float(rng.uniform(280, 400)), ratio=0.8, glossy=False, curled=False)
    return held(
        cast, rng, made, widths=3.5, steady=float(rng.choice([0.0, 0.3])), edges="", clip=_still, fills=True
    )


def replay(kind: str, *, steady: float, edges: str, widths: float) -> Callable[[Cast, Rng], View]:
    """A video of the victim on a screen."""

    def recipe(cast: Cast, rng: Rng) -> View:
        made = draw_screen(rng, kind=kind)
        return held(cast, rng, made, widths=widths, steady=steady, edges=edges, clip=lambda at_s: at_s)

    return recipe


def tablet_photo(cast: Cast, rng: Rng) -> View:
    """A photograph on a tablet."""
    made = draw_screen(rng, kind="tablet")
    return held(cast, rng, made, widths=2.4, steady=1.0, edges=str(rng.choice(["l", "lr", "b"])), clip=_still)


def replay_loop(cast: Cast, rng: Rng) -> View:
    """A short video, repeated, on a laptop that fills the picture."""
    made = draw_screen(rng, kind="laptop")
    loop_s = float(rng.uniform(0.5, 1.0))
    return held(cast, rng, made, widths=6.0, steady=0.3, edges="", clip=lambda at_s: at_s % loop_s)


def cutout_held(cast: Cast, rng: Rng) -> View:
    """A print cut along the head's outline, held from below, the room visible around it."""
    made = draw_print(rng, width_mm=float(rng.uniform(140, 190)), ratio=1.3, glossy=False, curled=False)
    return _cut(cast, rng, made, turned=lambda grip: grip)


def cutout_bent(cast: Cast, rng: Rng) -> View:
    """A cut-out that is curled around the upright axis, as a head is, and turned left and right by hand."""
    made = draw_print(rng, width_mm=float(rng.uniform(140, 190)), ratio=1.3, glossy=False, curled=False)
    made = replace(made, curl=float(rng.uniform(0.004, 0.010)), curl_axis=0.0)
    turning = float(rng.uniform(0.2, 0.4))
    return _cut(cast, rng, made, turned=lambda grip: replace(grip, turning=turning))


def _cut(cast: Cast, rng: Rng, made: Print, *, turned: Callable[[Hold], Hold]) -> View:
    shown = require(cast.victim.find(cast.victim.at(0.0)))
    outline = head_oval(shown.mesh).outline
    left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
    right, bottom = np.ceil(outline.max(axis=0)).astype(int)
    part = shown.picture[top:bottom, left:right]
    mm_per_px = made.width_mm / part.shape[1]
    face_mm, face_px = shown.box[2] * mm_per_px, near_px(cast.victim, rng)
    grip = turned(hold(rng, face_mm=face_mm, face_px=face_px, offset_mm=(0.0, 0.0), steady=1.0))
    medium = Medium(made, max(0.8 * grip.centre_mm[2] / FOCAL_PX, made.width_mm / 1200))
    sheet = _cut_sheet(medium, part, (outline - [left, top]) * mm_per_px / medium.texel_mm)
    behind, before = hands(sheet.shape[:2], texel_mm=medium.texel_mm, skin=cast.skin, edges="b", rng=rng)
    lay(sheet, behind)
    lay(before, behind)
    where, motion = room(cast.behind, rng), Motion(grip, length_s=LENGTH_S, rng=rng)
    return lambda at_s: render(behind, medium, motion.at(at_s), room=where, optics=cast.optics, at_s=at_s)


def _cut_sheet(medium: Medium, part: Picture, outline: NDArray[np.float32]) -> Sheet:
    """The picture within an outline (texels of the part), with a margin for fingers."""
    height = round(medium.made.width_mm * part.shape[0] / part.shape[1] / medium.texel_mm)
    size = (round(medium.made.width_mm / medium.texel_mm), height)
    light = cv2.resize(medium.picture(part), size, interpolation=cv2.INTER_LINEAR)
    opacity = np.zeros(light.shape[:2], np.float32)
    cv2.fillPoly(opacity, [outline.astype(np.int32)], (1.0,))
    opacity = cv2.GaussianBlur(opacity, (0, 0), 0.6)[..., None]
    margin = round(MARGIN_MM / medium.texel_mm)
    sheet = np.zeros((size[1] + 2 * margin, size[0] + 2 * margin, 4), np.float32)
    sheet[margin:-margin, margin:-margin] = np.concatenate([light * opacity, opacity], axis=2)
    return sheet


def face_swap(cast: Cast, rng: Rng) -> View:
    """A living person builds trust; then the picture cuts to a print of the victim at the same place."""
    if cast.attacker is None:
        raise SystemExit("pad-bench: a swap needs somebody living")
    living, shown = direct(cast.attacker, rng), print_a4(cast, rng)
    return lambda at_s: living(at_s) if at_s < SWAP_S else shown(at_s)


SWAP_S = 1.2
"""When `face_swap` cuts: what is judged before it is the living person."""


SPECIES: dict[str, Callable[[Cast, Rng], View]] = {
    "print-a4": print_a4,
    "replay-phone": replay("phone", steady=1.0, edges="l", widths=1.5),
    "replay-monitor": replay("monitor", steady=0.0, edges="", widths=4.5),
    "photo-tablet": tablet_photo,
    "mask-plain": mask_flat(holes=False),
    "mask-eyes": mask_flat(holes=True),
    "cutout-held": cutout_held,
    "print-photo-curled": print_photo_curled,
    "print-mounted": print_mounted,
    "print-warped": print_warped,
    "replay-phone-oled": replay("oled", steady=0.7, edges="r", widths=1.6),
    "replay-old-monitor": replay("old-monitor", steady=0.0, edges="", widths=3.0),
    "replay-loop": replay_loop,
    "cutout-bent": cutout_bent,
    "mask-bent": mask_bent,
    "face-swap": face_swap,
}
HELD_OUT_SPECIES = (
    "print-photo-curled",
    "print-mounted",
    "print-warped",
    "replay-phone-oled",
    "replay-old-monitor",
    "replay-loop",
    "cutout-bent",
    "mask-bent",
    "face-swap",
)
MOVES = tuple(name for name in SPECIES if name.startswith("replay"))
WORN = ("mask-plain", "mask-eyes", "mask-bent", "face-swap")
