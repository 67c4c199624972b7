"""The mirror's pictures: small, mirrored once, of the newest frame, and in no colour but the camera's."""

import cv2
import numpy as np
import pytest

from edge.camera.preview import Preview
from edge.config.camera import PreviewConfig
from edge.types.faces import BgrImage, Box, Frame
from edge.types.verdicts import Scene


def frame(image: BgrImage, index: int = 0) -> Frame:
    return Frame(image=image, captured_s=float(index), index=index)


def half_and_half(width: int = 640, height: int = 480) -> BgrImage:
    """Blue on the left, red on the right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2, 0] = 255
    image[:, width // 2 :, 2] = 255
    return image


def decoded(preview: Preview) -> BgrImage:
    picture = preview.picture()
    assert picture is not None
    image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def test_before_the_first_frame_there_is_nothing() -> None:
    preview = Preview(PreviewConfig(), mirrored=False)
    assert (preview.picture(), preview.brightness(), preview.index) == (None, None, -1)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (1920, 1080)])
def test_the_longer_side_has_the_size_asked_for(width: int, height: int) -> None:
    preview = Preview(PreviewConfig(size_px=320), mirrored=False)
    preview.offer(frame(half_and_half(width, height)))
    shape = decoded(preview).shape
    assert max(shape) == 320
    assert shape[1] / shape[0] == pytest.approx(width / height, rel=0.02)


def test_a_small_frame_is_not_blown_up() -> None:
    preview = Preview(PreviewConfig(size_px=320), mirrored=False)
    preview.offer(frame(half_and_half(160, 120)))
    assert decoded(preview).shape == (120, 160, 3)


@pytest.mark.parametrize("mirrored", [False, True])
def test_it_is_a_mirror_whatever_the_camera_does(*, mirrored: bool) -> None:
    preview = Preview(PreviewConfig(), mirrored=mirrored)
    scene = half_and_half()
    preview.offer(frame(scene[:, ::-1] if mirrored else scene))
    left = decoded(preview)[:, :40].mean(axis=(0, 1))
    assert left[2] > left[0] + 150  # what stands on the left of the scene is seen on the right


def test_only_the_newest_frame_counts() -> None:
    preview = Preview(PreviewConfig(), mirrored=False)
    for index, grey in enumerate((10, 200)):
        preview.offer(frame(np.full((480, 640, 3), grey, np.uint8), index))
    assert preview.index == 1
    assert preview.brightness() == pytest.approx(200 / 255)
    picture = preview.picture()
    assert picture is not None
    assert picture.index == 1


@pytest.mark.parametrize(("mirrored", "left"), [(False, 0.5), (True, 0.25)])
def test_the_face_is_where_it_is_in_the_mirror(mirrored: bool, left: float) -> None:  # noqa: FBT001 - a case
    preview = Preview(PreviewConfig(), mirrored=mirrored)
    preview.offer(frame(half_and_half(640, 480)))
    preview.look(Scene(captured_s=0.0, faces=1, outline=Box(160.0, 120.0, 160.0, 240.0), coaching=None))
    picture = preview.picture()
    assert picture is not None
    assert picture.face == pytest.approx((left, 0.25, 0.25, 0.5))


def test_a_face_that_was_found_long_ago_is_not_outlined() -> None:
    preview = Preview(PreviewConfig(), mirrored=False)
    preview.look(Scene(captured_s=0.0, faces=1, outline=Box(0.0, 0.0, 10.0, 10.0), coaching=None))
    preview.offer(frame(half_and_half(), index=3))
    picture = preview.picture()
    assert picture is not None
    assert picture.face is None
