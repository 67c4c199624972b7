import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.camera.view import View
from edge.config.camera import CameraConfig, RegionConfig
from edge.types.faces import BgrImage

PORTIONS = st.integers(0, 100).map(lambda percent: percent / 100)


def reference(image: BgrImage, *, rotation_deg: int, mirror: bool) -> NDArray[np.uint8]:
    """Pixel by pixel, from the definition: clockwise rotation, then left and right exchanged."""
    height, width = image.shape[:2]
    turned = rotation_deg in {90, 270}
    out = np.zeros((width, height, 3) if turned else (height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            to = {
                0: (y, x),
                90: (x, height - 1 - y),
                180: (height - 1 - y, width - 1 - x),
                270: (width - 1 - x, y),
            }[rotation_deg]
            out[to[0], out.shape[1] - 1 - to[1] if mirror else to[1]] = image[y, x]
    return out


@given(
    width=st.integers(1, 9),
    height=st.integers(1, 9),
    rotation_deg=st.sampled_from([0, 90, 180, 270]),
    mirror=st.booleans(),
)
def test_rotation_and_mirror_agree_with_the_definition(
    *, width: int, height: int, rotation_deg: int, mirror: bool
) -> None:
    image = np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)
    result = View(rotation_deg=rotation_deg, mirror=mirror).apply(image)
    assert np.array_equal(result, reference(image, rotation_deg=rotation_deg, mirror=mirror))
    assert result.flags.c_contiguous
    assert not result.flags.writeable


@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    left=PORTIONS,
    top=PORTIONS,
    right=PORTIONS,
    bottom=PORTIONS,
    rotation_deg=st.sampled_from([0, 90, 180, 270]),
)
def test_the_region_is_cut_before_rotation_and_is_never_empty(
    *, width: int, height: int, left: float, top: float, right: float, bottom: float, rotation_deg: int
) -> None:
    left, right = sorted((left, right))
    top, bottom = sorted((top, bottom))
    if left == right or top == bottom:
        return
    region = RegionConfig(left=left, top=top, width=right - left, height=bottom - top)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    result = View(region=region, rotation_deg=rotation_deg).apply(image)
    rows = [y for y in range(height) if top <= (y + 0.5) / height < bottom]
    columns = [x for x in range(width) if left <= (x + 0.5) / width < right]
    cut_height, cut_width = result.shape[:2] if rotation_deg in {0, 180} else result.shape[1::-1]
    assert abs(cut_height - max(1, len(rows))) <= 1  # a pixel whose centre lies on the edge may go either way
    assert abs(cut_width - max(1, len(columns))) <= 1
    assert result.flags.c_contiguous


def test_a_known_region_holds_exactly_its_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 200, 3), dtype=np.uint8)
    region = RegionConfig(left=0.25, top=0.1, width=0.5, height=0.4)
    assert np.array_equal(View(region=region).apply(image), image[10:50, 50:150])


def test_a_plain_view_copies_nothing() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    assert np.shares_memory(View().apply(image), image)


def test_a_frame_cannot_be_written() -> None:
    frame = View().apply(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        frame[0, 0] = 1


def test_the_view_comes_from_the_configuration() -> None:
    config = CameraConfig(rotation_deg=90, mirror=True, region=RegionConfig(width=0.5))
    assert View.of(config) == View(region=RegionConfig(width=0.5), rotation_deg=90, mirror=True)
