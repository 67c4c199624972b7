"""The time layer on one real face whose picture is moved as a sheet is, and as a head is."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.inference.pad.evidence import FLAT, Moved, motion_log_odds
from edge.inference.pad.motion import MotionWatcher, Step, _quantile
from edge.types.faces import BgrImage, Landmarks

RIGHT_EYE, LEFT_EYE = (-26.0, 0.0), (26.0, 0.0)
FIVE = np.array([RIGHT_EYE, LEFT_EYE, (0, 28), (-20, 56), (20, 56)], np.float32)
POSE = {234: (-45, 20), 454: (45, 20), 10: (0, -25), 152: (0, 75), 33: (-36, 0), 263: (36, 0)}
SCALE = 2.0  # pixels of the picture for one at 52 between the eyes
MIDDLE = np.array([320.0, 200.0])
FRAMES = 12


def relief(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth of a head at points around its eyes: a nose before cheeks that fall away; nearer is less."""
    x, y = points[:, 0], points[:, 1]
    nose = 22 * np.exp(-((x / 9) ** 2) - ((y - 22) / 16) ** 2)
    depth: NDArray[np.float64] = (x / 9) ** 2 * 0.6 - nose
    return depth


def mesh() -> NDArray[np.float32]:
    """468 points spread over the face, with the relief's depth; those that tell the pose look ahead."""
    columns, rows = np.meshgrid(np.linspace(-45, 45, 18), np.linspace(-25, 75, 26))
    flat = np.column_stack([columns.ravel(), rows.ravel()])
    for index, point in POSE.items():
        flat[index] = point
    return np.column_stack([flat * SCALE + MIDDLE, relief(flat) * SCALE]).astype(np.float32)


def holes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where a mask is cut out about eyes and mouth, 0 on its paper."""
    centres = np.vstack([FIVE[[0, 1, 3, 4]], FIVE[3:5].mean(axis=0)])
    open_: NDArray[np.float64] = np.zeros(len(points))
    for centre in centres:
        open_ = np.maximum(open_, np.linalg.norm(points - centre, axis=1) < 11)
    return open_


def moved(
    portrait: BgrImage, *, turn: float, plane: bool, behind_px: float = 0.0, seed: int = 0
) -> tuple[BgrImage, Landmarks]:
    """The portrait in a frame, turned about the upright axis as a sheet or as a head; with a camera's noise.

    What is behind a mask's holes moves by `behind_px` as well, up or down.
    """
    rows, columns = np.mgrid[0:480, 0:640].astype(np.float64)
    around = np.column_stack([columns.ravel(), rows.ravel()]) - MIDDLE
    depth = np.zeros(len(around)) if plane else relief(around / SCALE) * SCALE
    tilted = around / (1 - turn * around[:, :1] / 2000)  # a plane in perspective stays a plane
    across = tilted[:, 0] + turn * 40 + depth * turn * 0.2
    down = tilted[:, 1] + holes(around / SCALE) * behind_px * SCALE
    maps = [a.reshape(480, 640).astype(np.float32) for a in (across + 250.0, down + 215.0)]
    image = cv2.remap(portrait, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(seed).normal(0, 2.0, image.shape)
    five = (FIVE * SCALE + MIDDLE - (turn * 40, 0)).astype(np.float32)
    frame: BgrImage = np.clip(image + noise, 0, 255).astype(np.uint8)
    return frame, Landmarks(five=five, mesh=mesh(), presence=1.0)


def bent(portrait: BgrImage, *, bend: float, seed: int) -> tuple[BgrImage, Landmarks]:
    """The portrait on a sheet that bends about the upright axis and is seen from the side."""
    rows, columns = np.mgrid[0:480, 0:640].astype(np.float64)
    across = columns - MIDDLE[0]
    seen = across + bend * across**2 / 200
    maps = [a.astype(np.float32) for a in (seen + 250.0, rows - MIDDLE[1] + 215.0)]
    image = cv2.remap(portrait, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(seed).normal(0, 2.0, image.shape)
    frame: BgrImage = np.clip(image + noise, 0, 255).astype(np.uint8)
    return frame, Landmarks(five=(FIVE * SCALE + MIDDLE).astype(np.float32), mesh=mesh(), presence=1.0)


def lined(image: BgrImage, *, depth: float) -> BgrImage:
    """The face with a line from the nose to the mouth on both sides, as a smile has, so deep."""
    shade = np.zeros(image.shape[:2], np.float32)
    for side in (-1, 1):
        start, end = MIDDLE + np.array([side * 14, 26]) * SCALE, MIDDLE + np.array([side * 30, 50]) * SCALE
        cv2.line(shade, np.rint(start).astype(int).tolist(), np.rint(end).astype(int).tolist(), 1.0, 5)
    soft = cv2.GaussianBlur(shade, (0, 0), 2)[..., None]
    shaded: BgrImage = np.clip(image * (1 - 0.5 * depth * soft), 0, 255).astype(np.uint8)
    return shaded


def watched(portrait: BgrImage, *, plane: bool, most: float = 0.5, behind_px: float = 0.0) -> Moved:
    watcher, steps = MotionWatcher(), []
    for index in range(FRAMES):
        turn = most * index / (FRAMES - 1)
        behind = behind_px * index / (FRAMES - 1)
        steps.append(watcher.look(*moved(portrait, turn=turn, plane=plane, behind_px=behind, seed=index)))
    assert steps == [Step.BEGUN] + [Step.FOLLOWED] * (FRAMES - 1)
    assert watcher.moved is not None
    return watcher.moved


@pytest.fixture(scope="module")
def portrait(astronaut: BgrImage) -> BgrImage:
    """The face with its eyes 104 pixels apart, at (250, 215)."""
    big: BgrImage = cv2.resize(astronaut, None, fx=2.6, fy=2.6, interpolation=cv2.INTER_CUBIC)[70:570, 330:830]
    return np.ascontiguousarray(big)


def test_a_head_that_turns_shows_a_depth_that_a_sheet_turned_as_far_does_not(portrait: BgrImage) -> None:
    head, sheet = watched(portrait, plane=False), watched(portrait, plane=True)
    assert head.turned_deg > 3 * sheet.turned_deg
    assert head.certainty > 3 * sheet.certainty
    assert motion_log_odds(head) > 1 > FLAT > motion_log_odds(sheet)
    assert sheet.sway > 0.1


def test_eyes_and_lips_that_live_behind_a_mask_make_no_head_of_it(portrait: BgrImage) -> None:
    assert motion_log_odds(watched(portrait, plane=True, behind_px=3.0)) < -1


def test_paper_that_is_bent_makes_no_head(portrait: BgrImage) -> None:
    watcher = MotionWatcher()
    for index in range(FRAMES):
        watcher.look(*bent(portrait, bend=0.12 * index / (FRAMES - 1), seed=index))
    assert watcher.moved is not None
    assert motion_log_odds(watcher.moved) < 0


def test_skin_that_changes_counts_and_noise_does_not(portrait: BgrImage) -> None:
    frames = [moved(portrait, turn=0.0, plane=True, seed=index) for index in range(FRAMES)]
    still, smiling = MotionWatcher(), MotionWatcher()
    for index, (image, landmarks) in enumerate(frames):
        still.look(image, landmarks)
        smiling.look(lined(image, depth=index / (FRAMES - 1)), landmarks)
    assert still.moved is not None
    assert smiling.moved is not None
    assert smiling.moved.changed > 10 * still.moved.changed


def test_what_stands_still_neither_turns_nor_sways(portrait: BgrImage) -> None:
    last = watched(portrait, plane=False, most=0.0)
    assert last.turned_deg < 0.3
    assert last.sway < 0.01


def test_a_face_without_texture_says_nothing(portrait: BgrImage) -> None:
    watcher = MotionWatcher()
    _, landmarks = moved(portrait, turn=0.0, plane=True)
    blank = np.full((480, 640, 3), 128, np.uint8)
    assert [watcher.look(blank, landmarks) for _ in range(3)] == [Step.NOTHING] * 3
    assert watcher.moved is None


def test_a_face_that_takes_the_place_of_another_begins_with_nothing(portrait: BgrImage) -> None:
    watcher = MotionWatcher()
    for index in range(FRAMES):
        watcher.look(*moved(portrait, turn=0.5 * index / FRAMES, plane=False, seed=index))
    before = watcher.moved
    assert before is not None
    assert before.frames == FRAMES - 1
    image, landmarks = moved(portrait, turn=0.5, plane=False)
    assert watcher.look(np.ascontiguousarray(image[:, ::-1]), landmarks) is Step.LOST
    assert watcher.moved is None


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=64), share=st.sampled_from([0.5, 0.9]))
def test_the_quantile_of_a_handful_is_numpys(values: list[float], share: float) -> None:
    assert _quantile(sorted(values), share) == pytest.approx(
        float(np.quantile(values, share)), rel=1e-9, abs=1e-6
    )


def test_a_quantile_with_what_is_no_number_is_none() -> None:
    assert math.isnan(_quantile([1.0, math.nan, 2.0], 0.9))


def test_a_face_at_the_very_edge_or_of_no_size_never_raises(portrait: BgrImage) -> None:
    frame, landmarks = moved(portrait, turn=0.0, plane=True)
    for five in (landmarks.five * 0, landmarks.five + 5000, landmarks.five * 1e-3):
        watcher = MotionWatcher()
        for _ in range(3):
            watcher.look(frame, Landmarks(five=five.astype(np.float32), mesh=mesh(), presence=1.0))
            watcher.look(frame, Landmarks(five=five.astype(np.float32), mesh=None, presence=1.0))
