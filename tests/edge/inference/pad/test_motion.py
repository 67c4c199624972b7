"""The time layer on one real face whose picture is moved as a sheet is, and as a head is."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.inference.pad.evidence import BEND_PX, DEPTH_PX
from edge.inference.pad.motion import Motion, MotionWatcher
from edge.types.faces import BgrImage, Landmarks

RIGHT_EYE, LEFT_EYE = (-26.0, 0.0), (26.0, 0.0)
FIVE = np.array([RIGHT_EYE, LEFT_EYE, (0, 28), (-20, 56), (20, 56)], np.float32)
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
    """468 points spread over the face, with the relief's depth."""
    columns, rows = np.meshgrid(np.linspace(-45, 45, 18), np.linspace(-25, 75, 26))
    flat = np.column_stack([columns.ravel(), rows.ravel()])
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


def watched(portrait: BgrImage, *, plane: bool, most: float = 0.5, behind_px: float = 0.0) -> list[Motion]:
    watcher, seen = MotionWatcher(), []
    for index in range(FRAMES):
        turn = most * index / (FRAMES - 1)
        behind = behind_px * index / (FRAMES - 1)
        motion = watcher.look(*moved(portrait, turn=turn, plane=plane, behind_px=behind, seed=index))
        if motion is not None:
            seen.append(motion)
    return seen


@pytest.fixture(scope="module")
def portrait(astronaut: BgrImage) -> BgrImage:
    """The face with its eyes 104 pixels apart, at (250, 215)."""
    big: BgrImage = cv2.resize(astronaut, None, fx=2.6, fy=2.6, interpolation=cv2.INTER_CUBIC)[70:570, 330:830]
    return np.ascontiguousarray(big)


def test_a_head_that_turns_bends_what_a_sheet_that_is_turned_as_far_does_not(portrait: BgrImage) -> None:
    head, sheet = watched(portrait, plane=False), watched(portrait, plane=True)
    assert len(head) == len(sheet) == FRAMES - 1
    assert head[-1].bend_px > 3 * sheet[-1].bend_px
    assert head[-1].depth_px > 3 * sheet[-1].depth_px
    assert head[-1].agreement > sheet[-1].agreement
    assert sheet[-1].sway_px > 5


def test_eyes_and_lips_that_live_behind_a_mask_make_no_head_of_it(portrait: BgrImage) -> None:
    head, mask = watched(portrait, plane=False)[-1], watched(portrait, plane=True, behind_px=3.0)[-1]
    assert mask.bend_px < BEND_PX < head.bend_px
    assert mask.depth_px < DEPTH_PX < head.depth_px


def test_what_stands_still_neither_bends_nor_sways(portrait: BgrImage) -> None:
    last = watched(portrait, plane=False, most=0.0)[-1]
    assert last.bend_px < 0.1
    assert last.sway_px < 0.1


def test_the_first_frame_and_a_face_without_texture_say_nothing(portrait: BgrImage) -> None:
    watcher = MotionWatcher()
    _, landmarks = moved(portrait, turn=0.0, plane=True)
    blank = np.full((480, 640, 3), 128, np.uint8)
    assert [watcher.look(blank, landmarks) for _ in range(3)] == [None, None, None]


def test_a_face_that_is_suddenly_another_begins_anew(portrait: BgrImage) -> None:
    watcher = MotionWatcher()
    frame, landmarks = moved(portrait, turn=0.0, plane=True)
    other = np.ascontiguousarray(np.roll(frame[::-1], 61, axis=1))
    assert watcher.look(frame, landmarks) is None
    assert watcher.look(frame, landmarks) is not None
    assert watcher.look(np.random.default_rng(1).integers(0, 256, other.shape, np.uint8), landmarks) is None


def test_a_face_at_the_very_edge_or_of_no_size_never_raises(portrait: BgrImage) -> None:
    frame, landmarks = moved(portrait, turn=0.0, plane=True)
    for five in (landmarks.five * 0, landmarks.five + 5000, landmarks.five * 1e-3):
        watcher = MotionWatcher()
        for _ in range(3):
            watcher.look(frame, Landmarks(five=five.astype(np.float32), mesh=None, presence=1.0))
