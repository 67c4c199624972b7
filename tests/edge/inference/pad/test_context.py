"""Edges around a face: found where something frames it, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference.pad.context import framed
from edge.types.faces import BgrImage, Box, Landmarks

BOX = Box(260, 180, 120, 120)
LEVEL = np.array([[290, 220], [350, 220], [320, 245], [300, 270], [340, 270]], np.float32)


def scene() -> BgrImage:
    return np.full((480, 640, 3), 120, np.uint8)


def looked(image: BgrImage, *, five: np.ndarray = LEVEL) -> float:  # type: ignore[type-arg]
    return framed(image, BOX, Landmarks(five=five, mesh=None, presence=1.0))


def test_nothing_frames_a_face_in_front_of_a_wall() -> None:
    assert looked(scene()) == 0.0


def test_a_sheet_around_the_face_frames_it() -> None:
    image = scene()
    image[90:400, 230:410] = 220
    assert looked(image) > 1.0


def test_a_screen_that_is_wider_than_high_frames_it_from_above_and_below() -> None:
    image = scene()
    image[120:370] = 20
    assert looked(image) > 1.0


def test_an_edge_on_one_side_only_is_a_door_and_no_frame() -> None:
    image = scene()
    image[:, 420:] = 220
    assert looked(image) == 0.0


def test_the_border_of_the_picture_is_no_edge() -> None:
    box = Box(0, 0, 200, 200)
    five = LEVEL - np.array([220, 140], np.float32)
    small: BgrImage = np.full((210, 210, 3), 200, np.uint8)
    assert framed(small, box, Landmarks(five=five, mesh=None, presence=1.0)) == 0.0


def test_edges_that_lie_far_away_or_slanted_are_none() -> None:
    image = scene()
    image[:, :60], image[:, 580:] = 220, 220
    assert looked(image) == 0.0
    slanted = scene()
    slanted[90:400, 230:410] = 220
    turned = np.array([[300, 200], [342, 242], [310, 245], [290, 250], [318, 278]], np.float32)
    assert looked(slanted, five=turned) < 0.7


side = st.floats(-2000, 2000)


@given(left=side, top=side, width=st.floats(0, 3000), height=st.floats(0, 3000), seed=st.integers(0, 5))
def test_a_box_anywhere_gives_a_length_and_never_raises(
    left: float, top: float, width: float, height: float, seed: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
    found = framed(noise, Box(left, top, width, height), Landmarks(five=LEVEL, mesh=None, presence=1.0))
    assert 0 <= found <= 2


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 500, 3)])
def test_a_picture_of_hardly_any_pixels_frames_nothing(shape: tuple[int, int, int]) -> None:
    landmarks = Landmarks(five=LEVEL, mesh=None, presence=1.0)
    assert framed(np.zeros(shape, np.uint8), Box(0, 0, 1, 1), landmarks) == 0.0
