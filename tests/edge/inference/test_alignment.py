import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference.alignment import ARCFACE_112, Affine, Aligner, similarity, warp
from edge.types.faces import BgrImage
from tests.edge.inference.given import face_at, landmarks_of


def turned(degrees: float, scale: float, shift: tuple[float, float]) -> Affine:
    cosine, sine = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])


def apply(matrix: Affine, points: Affine) -> Affine:
    return points @ matrix[:, :2].T + matrix[:, 2]


@given(
    st.floats(-180, 180),
    st.floats(0.1, 10),
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_a_similarity_that_was_applied_is_found_again(
    degrees: float, scale: float, shift: tuple[float, float]
) -> None:
    matrix = turned(degrees, scale, shift)
    assert np.allclose(similarity(ARCFACE_112, apply(matrix, ARCFACE_112)), matrix, atol=1e-6)


@given(st.lists(st.floats(-5, 5), min_size=10, max_size=10), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_no_other_similarity_is_nearer(noise: list[float], turn: float, grow: float) -> None:
    source = ARCFACE_112 + np.array(noise).reshape(5, 2)
    best = similarity(source, ARCFACE_112)
    other = turned(math.degrees(turn), 1 + grow, (0, 0))
    nudged = np.concatenate([best[:, :2] @ other[:, :2], best[:, 2:]], axis=1)

    def error(matrix: Affine) -> float:
        return float(((apply(matrix, source) - ARCFACE_112) ** 2).sum())

    assert error(best) <= error(nudged) + 1e-9


@given(st.lists(st.floats(-20, 20), min_size=10, max_size=10))
def test_the_closed_form_is_umeyamas(noise: list[float]) -> None:
    """The reference is the paper's: a singular value decomposition of the covariance."""
    source = (ARCFACE_112 + np.array(noise).reshape(5, 2)).astype(np.float32)
    a, b = source - source.mean(axis=0), ARCFACE_112 - ARCFACE_112.mean(axis=0)
    left, sizes, right = np.linalg.svd(b.T @ a)
    upright = np.diag([1.0, np.sign(np.linalg.det(left @ right))])
    turn = left @ upright @ right * (sizes * np.diag(upright)).sum() / (a * a).sum()
    shift = ARCFACE_112.mean(axis=0) - turn @ source.mean(axis=0)
    assert np.allclose(similarity(source, ARCFACE_112), np.column_stack([turn, shift]), rtol=1e-4, atol=1e-3)


def test_coinciding_points_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((5, 2)), ARCFACE_112)


def picture(size: int) -> BgrImage:
    """Smooth colours that depend on the place, so that a wrong place shows."""
    y, x = np.mgrid[0:size, 0:size] / size
    return (np.stack([x, y, (x + y) / 2], axis=-1) * 255).astype(np.uint8)


@pytest.mark.parametrize("size", [200, 400, 1600, 2500])
def test_a_strong_reduction_shows_the_same_part_as_a_weak_one(size: int) -> None:
    centre = (size / 2, size / 2)
    matrix = turned(20, 100 / size, (0, 0))
    matrix[:, 2] = (56 - matrix[:, :2] @ centre) + (matrix[:, :2] @ (0.5, 0.5) - 0.5)
    out = warp(picture(size), matrix, out=np.empty((112, 112, 3), np.uint8))
    small = picture(112)
    level = turned(20, 100 / 112, (0, 0))
    level[:, 2] = (56 - level[:, :2] @ (56, 56)) + (level[:, :2] @ (0.5, 0.5) - 0.5)
    expected = warp(small, level, out=np.empty((112, 112, 3), np.uint8))
    inside = slice(25, 87)
    assert np.abs(out[inside, inside].astype(int) - expected[inside, inside]).max() <= 4


def test_a_strong_reduction_averages_instead_of_skipping_pixels() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1120, 1120, 3), dtype=np.uint8)
    out = warp(noise, turned(0, 0.1, (0, 0)), out=np.empty((112, 112, 3), np.uint8))
    assert out[5:-5, 5:-5].std() < 15


def test_a_face_is_warped_once_for_all_who_ask() -> None:
    image, aligner = picture(400), Aligner()
    here = landmarks_of(face_at(150, 150))
    first = aligner.crop(image, here).copy()
    assert np.array_equal(aligner.crop(image, here), first)
    other = aligner.crop(image, landmarks_of(face_at(250, 250))).copy()
    assert not np.array_equal(other, first)
    assert np.array_equal(aligner.crop(image, here), first)
    changed = cv2.flip(image, 1)
    assert not np.array_equal(aligner.crop(changed, here), first)
