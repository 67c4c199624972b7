"""The species of attack and the kinds of bona fide clip: each a recipe that draws its parameters from a seed.

Parameters are frozen with BENCH_VERSION: change one, and the version must change, for figures of two versions
are not comparable. Species named in HELD_OUT_SPECIES are made of held-out people only: no threshold may be
chosen on them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.pad_bench.animation import Animated
from scripts.pad_bench.camera import FOCAL_PX, HEIGHT, WIDTH, Light, Optics, linear
from scripts.pad_bench.media import MARGIN_MM, Medium, Print, Room, Screen, Sheet, hands, over, render
from scripts.pad_bench.motion import Hold, Motion
from scripts.pad_bench.sources import Picture, Shown

BENCH_VERSION = "2"
LENGTH_S = 2.6
RIGHT_EYE, LEFT_EYE = (33, 133, 159, 145), (362, 263, 386, 374)

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


def still(shown: Shown, find: Callable[[Picture], Shown | None]) -> Moving:
    """A photograph as something that could move and does not."""
    return Moving(shown.person, lambda _at_s: shown.picture, shown.box, find)


def animated(shown: Shown, rng: Rng, find: Callable[[Picture], Shown | None]) -> Moving:
    """A photograph that moves as a head does."""
    moves = Animated(shown, rng)
    left, top, width, height = (2 * side for side in shown.box)
    return Moving(shown.person, moves.at, (left, top, width, height), find)


def direct(who: Moving, rng: Rng) -> View:
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

    def view(at_s: float) -> Light:
        seen = cv2.warpAffine(
            who.at(at_s), matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
        return linear(seen)

    return view


def _scale(who: Moving, rng: Rng) -> float:
    """Camera pixels a pixel of the recording: for a face of 120 to 230, or as much as fills the picture."""
    height, width = who.at(0.0).shape[:2]
    fill = max(WIDTH / width, HEIGHT / height) * 1.001
    return float(np.clip(rng.uniform(120, 230) / who.box[2], fill, 1.3 * fill))


def _near_px(who: Moving, rng: Rng) -> float:
    """The width of the same face in a bona fide presentation, about: so size tells nothing."""
    return who.box[2] * _scale(who, rng) * float(rng.uniform(0.75, 1.15))


def background(picture: Picture, rng: Rng) -> Light:
    """A room out of focus: somebody else's photograph, its face smeared out, with a wall's edge."""
    base = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    smeared = cv2.GaussianBlur(base, (0, 0), 60)
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(mask, (WIDTH // 2, HEIGHT // 2), (230, 230), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 30)[..., None]
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


def draw_print(rng: Rng, *, width_mm: float, ratio: float, glossy: bool, curled: bool) -> Print:
    border = float(rng.choice([0.0, rng.uniform(3, 20)]))
    return Print(
        width_mm=width_mm,
        height_mm=width_mm * ratio,
        border_mm=border,
        white=float(rng.uniform(0.75, 0.9)),
        black=float(rng.uniform(0.02, 0.05) if glossy else rng.uniform(0.035, 0.09)),
        saturation=float(rng.uniform(0.85, 1.1) if glossy else rng.uniform(0.65, 1.1)),
        gain=float(rng.uniform(0.85, 1.3)),
        tint=tuple(float(part) for part in rng.uniform(0.93, 1.05, 3)),  # type: ignore[arg-type]
        band_mm=float(rng.uniform(1.0, 5.0)),
        band=float(rng.uniform(0.0, 0.025)),
        dot_mm=float(rng.choice([0.17, 0.25, 0.42])),
        dot=float(rng.uniform(0.05, 0.4)),
        gloss=float(rng.uniform(0.15, 0.9) if glossy else rng.uniform(0.0, 0.05)),
        curl=float(rng.uniform(-1, 1) * (0.006 if curled else 0.0008)),
        curl_axis=float(rng.choice([0.0, rng.uniform(-0.5, 0.5), 1.57])),
    )


def draw_screen(rng: Rng, *, kind: str) -> Screen:
    width, ratio, pitch, bezel = {
        "phone": (68.0, 148 / 68, 0.063, rng.uniform(2, 4)),
        "oled": (71.0, 155 / 71, 0.055, rng.uniform(1.5, 3)),
        "tablet": (160.0, 1.34, 0.096, rng.uniform(7, 16)),
        "monitor": (520.0, 0.5625, 0.271, rng.uniform(8, 20)),
        "laptop": (310.0, 0.5625, 0.227, rng.uniform(6, 14)),
        "old-monitor": (376.0, 0.8, 0.294, rng.uniform(14, 24)),
    }[kind]
    oled = kind == "oled"
    return Screen(
        width_mm=width,
        height_mm=width * ratio,
        bezel_mm=float(bezel),
        bezel=float(rng.choice([0.01, 0.03, 0.5])),
        pitch_mm=pitch,
        brightness=float(rng.uniform(0.6, 1.25)),
        black=float(rng.uniform(0.003, 0.03) if oled else rng.uniform(0.01, 0.06)),
        gamma=float(rng.uniform(0.85, 1.15)),
        tint=(float(rng.uniform(1.0, 1.25)), 1.0, float(rng.uniform(0.82, 1.0))),
        subpixel=float(rng.uniform(0.3, 0.8)),
        refresh_hz=float(rng.choice([59.94, 60.0, 75.0, 120.0])),
        flicker=float(rng.choice([0.0, rng.uniform(0.005, 0.05)]))
        if not oled
        else float(rng.uniform(0.01, 0.08)),
        gloss=float(rng.uniform(0.05, 0.5)),
    )


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


def held(
    cast: Cast,
    rng: Rng,
    made: Print | Screen,
    *,
    widths: float,
    steady: float,
    edges: str,
    clip: Callable[[float], float],
    fills: bool = False,
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
    """
    cut = portrait(cast.victim, ratio=made.height_mm / made.width_mm, widths=widths)
    _, share, x, y = cut(cast.victim.at(clip(0.0)))
    face_mm = share * made.width_mm
    near_px = _near_px(cast.victim, rng)
    grip = hold(
        rng,
        face_mm=face_mm,
        face_px=1.2 * share * max(WIDTH, HEIGHT * made.width_mm / made.height_mm) if fills else near_px,
        offset_mm=(x * made.width_mm, y * made.width_mm),
        steady=steady,
    )
    medium = Medium(made, texel_mm=max(0.8 * grip.centre_mm[2] / FOCAL_PX, made.width_mm / 1200))
    outline = medium.outline()
    behind, before = hands(outline.shape[:2], texel_mm=medium.texel_mm, skin=cast.skin, edges=edges, rng=rng)
    where = room(cast.behind, rng)
    motion = Motion(grip, length_s=LENGTH_S, rng=rng)
    sheet = over(before, over(outline, behind)) if edges else outline
    shown_s: list[float] = []

    def sheet_at(on_s: float) -> Sheet:
        if shown_s != [on_s]:
            shown_s[:] = [on_s]
            medium.put(sheet, medium.picture(cut(cast.victim.at(on_s))[0]), before)
        return sheet

    def view(at_s: float) -> Light:
        return render(sheet_at(clip(at_s)), medium, motion.at(at_s), room=where, optics=cast.optics, at_s=at_s)

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
    shown = _require(cast.victim.find(cast.victim.at(0.0)))
    return _cut(cast, rng, made, shown=shown)


def _cut(cast: Cast, rng: Rng, made: Print, *, shown: Shown) -> View:
    oval = head_oval(shown)
    left, top, right, bottom = (*np.floor(oval.min(axis=0)).astype(int), *np.ceil(oval.max(axis=0)).astype(int))
    left, top = max(left, 0), max(top, 0)
    part = shown.picture[top:bottom, left:right]
    width_mm = made.width_mm
    mm_per_px = width_mm / part.shape[1]
    face_mm = shown.box[2] * mm_per_px
    grip = hold(rng, face_mm=face_mm, face_px=_near_px(cast.victim, rng), offset_mm=(0.0, 0.0), steady=1.0)
    texel = max(0.8 * grip.centre_mm[2] / FOCAL_PX, width_mm / 1200)
    size = (round(width_mm / texel), round(part.shape[0] * mm_per_px / texel))
    medium = Medium(made, texel)
    light = cv2.resize(medium.picture(part), size, interpolation=cv2.INTER_LINEAR)
    opacity = np.zeros(light.shape[:2], np.float32)
    outline = (oval - [left, top]) * mm_per_px / texel
    cv2.fillPoly(opacity, [outline.astype(np.int32)], 1.0)
    opacity = cv2.GaussianBlur(opacity, (0, 0), 0.6)[..., None]
    margin = round(MARGIN_MM / texel)
    sheet = np.zeros((size[1] + 2 * margin, size[0] + 2 * margin, 4), np.float32)
    sheet[margin:-margin, margin:-margin] = np.concatenate([light * opacity, opacity], axis=2)
    behind, before = hands(sheet.shape[:2], texel_mm=texel, skin=cast.skin, edges="b", rng=rng)
    sheet = over(before, over(sheet, behind))
    where, motion = room(cast.behind, rng), Motion(grip, length_s=LENGTH_S, rng=rng)
    return lambda at_s: render(sheet, medium, motion.at(at_s), room=where, optics=cast.optics, at_s=at_s)


def head_oval(shown: Shown) -> NDArray[np.float32]:
    """The head's outline, a little more than the mesh: an ellipse of points in picture pixels."""
    hull = shown.mesh[:, :2]
    centre = (hull.min(axis=0) + hull.max(axis=0)) / 2 - [0, 0.10 * np.ptp(hull[:, 1])]
    reach = np.ptp(hull, axis=0) / 2 * [1.12, 1.30]
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    return (centre + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)


def mask(*, holes: bool) -> Callable[[Cast, Rng], View]:
    """A paper mask that follows its living wearer's head; with holes their eyes look through."""

    def recipe(cast: Cast, rng: Rng) -> View:
        wearer = cast.attacker
        if wearer is None:
            raise SystemExit("pad-bench: a mask needs somebody who wears it")
        made = draw_print(rng, width_mm=150.0, ratio=1.3, glossy=False, curled=False)
        shown = _require(cast.victim.find(cast.victim.at(0.0)))
        sheet, anchors = _mask_sheet(made, shown, holes=holes)
        scene = direct(wearer, rng)
        shade = float(rng.uniform(0.8, 1.1))
        last: list[NDArray[np.float32]] = []

        def view(at_s: float) -> Light:
            light = scene(at_s)
            seen = (255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)
            worn = wearer.find(seen)
            if worn is not None:
                target = _anchors(worn.mesh)
                last[:] = [target if not last else 0.5 * last[0] + 0.5 * target]
            if not last:
                return light
            matrix, _ = cv2.estimateAffinePartial2D(anchors, last[0])
            put = cv2.warpAffine(sheet, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
            edge = 1 - 0.3 * (cv2.GaussianBlur(put[..., 3:], (0, 0), 4) * (1 - put[..., 3]))[..., None]
            return (light * edge * (1 - put[..., 3:]) + put[..., :3] * shade).astype(np.float32)

        return view

    return recipe


def _anchors(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Both eyes and the chin, (3, 2)."""
    eyes = [mesh[list(ids), :2].mean(axis=0) for ids in (RIGHT_EYE, LEFT_EYE)]
    return np.array([*eyes, mesh[152, :2]], np.float32)


def _mask_sheet(made: Print, shown: Shown, *, holes: bool) -> tuple[Sheet, NDArray[np.float32]]:
    grown = cv2.resize(shown.picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    medium = Medium(made, texel_mm=made.width_mm / grown.shape[1])
    light = cv2.resize(medium.picture(grown), grown.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    opacity = np.zeros(grown.shape[:2], np.float32)
    cv2.fillPoly(opacity, [(2 * head_oval(shown)).astype(np.int32)], 1.0)
    if holes:
        for ids in (RIGHT_EYE, LEFT_EYE):
            eye = 2 * shown.mesh[list(ids), :2]
            radii = (int(np.ptp(eye[:, 0]) * 0.62) + 2, int(np.ptp(eye[:, 0]) * 0.4) + 2)
            cv2.ellipse(opacity, tuple(int(c) for c in eye.mean(axis=0)), radii, 0, 0, 360, 0.0, -1)
    opacity = cv2.GaussianBlur(opacity, (0, 0), 0.8)[..., None]
    return np.concatenate([light * opacity, opacity], axis=2), 2 * _anchors(shown.mesh)


def face_swap(cast: Cast, rng: Rng) -> View:
    """A living person builds trust; then the picture cuts to a print of the victim at the same place."""
    if cast.attacker is None:
        raise SystemExit("pad-bench: a swap needs somebody living")
    living, shown = direct(cast.attacker, rng), print_a4(cast, rng)
    return lambda at_s: living(at_s) if at_s < SWAP_S else shown(at_s)


SWAP_S = 1.2
"""When `face_swap` cuts: what is judged before it is the living person."""


def _require(shown: Shown | None) -> Shown:
    if shown is None:
        raise SystemExit("pad-bench: a face that was found before is not found again")
    return shown


SPECIES: dict[str, Callable[[Cast, Rng], View]] = {
    "print-a4": print_a4,
    "replay-phone": replay("phone", steady=1.0, edges="l", widths=1.5),
    "replay-monitor": replay("monitor", steady=0.0, edges="", widths=4.5),
    "photo-tablet": tablet_photo,
    "mask-plain": mask(holes=False),
    "print-photo-curled": print_photo_curled,
    "print-mounted": print_mounted,
    "replay-phone-oled": replay("oled", steady=0.7, edges="r", widths=1.6),
    "replay-old-monitor": replay("old-monitor", steady=0.0, edges="", widths=3.0),
    "replay-loop": replay_loop,
    "cutout-held": cutout_held,
    "mask-eyes": mask(holes=True),
    "face-swap": face_swap,
}
HELD_OUT_SPECIES = (
    "print-photo-curled",
    "print-mounted",
    "replay-phone-oled",
    "replay-old-monitor",
    "replay-loop",
    "cutout-held",
    "mask-eyes",
    "face-swap",
)
MOVES = tuple(name for name in SPECIES if name.startswith("replay"))
WORN = ("mask-plain", "mask-eyes", "face-swap")
