import numpy as np
import pytest

from edge.camera.picture import Sight, fault, judge, same
from tests.edge.camera.scenes import picture


def test_two_pictures_of_a_noisy_sensor_are_two_pictures() -> None:
    assert judge(picture(1), picture(2))[0] is Sight.NEW


def test_a_picture_equal_in_every_pixel_is_the_same_picture() -> None:
    assert judge(picture(1), picture(1).copy())[0] is Sight.SAME


def test_one_changed_pixel_outside_the_sample_makes_a_new_picture() -> None:
    first = picture(1, width=640, height=480)
    second = first.copy()
    second[1, 1, 0] ^= 1
    assert not same(first, second)
    assert judge(second, first)[0] is Sight.NEW


@pytest.mark.parametrize("colour", [(0, 135, 0), (128, 128, 128), (255, 255, 255)])
def test_one_colour_that_is_not_black_is_garbage(colour: tuple[int, int, int]) -> None:
    image = np.full((48, 64, 3), colour, np.uint8)
    sight, why = judge(image, None)
    assert sight is Sight.GARBAGE
    assert "one colour" in why


def test_a_dark_room_is_not_garbage_and_not_frozen() -> None:
    black = np.zeros((48, 64, 3), np.uint8)
    assert judge(black, black.copy())[0] is Sight.DARK


@pytest.mark.parametrize(
    "image",
    [
        None,
        b"not an array",
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
        np.zeros((8, 64, 3), np.uint8),
        np.zeros((16, 8193, 3), np.uint8),
    ],
    ids=["none", "bytes", "grey", "bgra", "float", "empty", "too low", "too wide"],
)
def test_what_is_not_a_bgr_picture_of_sane_size_is_garbage(image: object) -> None:
    assert fault(image) != ""
    assert judge(image, None)[0] is Sight.GARBAGE  # type: ignore[arg-type]


def test_a_change_of_size_is_a_new_picture() -> None:
    assert not same(picture(1), picture(1, width=80))
