import importlib.util
import math
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.recognition import InferenceConfig
from edge.errors import ModelContractBroken, ModelError
from edge.inference.chain import open_detector
from edge.inference.detector import BlazeFace, Letterbox, anchor_centres
from edge.inference.models import ModelStore
from edge.inference.runtime import Runner
from edge.ports import Detector
from edge.types.faces import BgrImage, Box

ASTRONAUT = Box(173, 70, 110, 130)
"""Where a person sees the face, within a quarter of its width."""


@pytest.fixture(params=["blazeface-short", "blazeface-full", "mediapipe"], scope="module")
def detector(request: pytest.FixtureRequest) -> Iterator[Detector]:
    """Every implementation of the seam; what holds for one must hold for all."""
    if request.param == "mediapipe" and importlib.util.find_spec("mediapipe") is None:
        pytest.skip(
            "mediapipe is not installed here; scripts/test-mediapipe runs this in an environment that has it"
        )
    config = InferenceConfig(detector=request.param)
    found = open_detector(ModelStore(), config)
    yield found
    found.close()
    found.close()  # the seam allows it twice


def on_canvas(face: BgrImage, *, width: int, height: int, left: int, top: int) -> BgrImage:
    canvas = np.full((height, width, 3), 70, np.uint8)
    canvas[top : top + face.shape[0], left : left + face.shape[1]] = face
    return canvas


@pytest.mark.parametrize(("size", "strides", "count"), [(128, (8, 16, 16, 16), 896), (192, (4,), 2304)])
def test_anchors_are_as_many_as_the_model_has(size: int, strides: tuple[int, ...], count: int) -> None:
    anchors = anchor_centres(size, strides)
    assert anchors.shape == (count, 2)
    assert np.allclose(anchors[0], strides[0] / 2 / size)
    assert np.allclose(anchors.mean(axis=0), 0.5)


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_a_letterbox_fills_the_square_without_distortion(width: int, height: int) -> None:
    fit = Letterbox.fit(width, height, 128)
    assert max(fit.width, fit.height) == 128
    assert 0 <= fit.left <= 64
    assert 0 <= fit.top <= 64
    assert fit.left + fit.width <= 128
    assert fit.top + fit.height <= 128
    if min(fit.width, fit.height) > 30:
        assert math.isclose(fit.x_scale, fit.y_scale, rel_tol=0.02)


def test_a_real_face_is_found_with_its_parts_in_place(detector: Detector, astronaut: BgrImage) -> None:
    (face,) = detector.detect(astronaut)
    assert face.score > 0.7
    assert face.box.overlap(ASTRONAUT) > 0.6
    right_eye, left_eye, nose, mouth, right_ear, left_ear = face.keypoints
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_ear[0] < right_eye[0]
    assert left_eye[0] < left_ear[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1]


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (640, 512), (1280, 960), (513, 513)])
def test_the_box_follows_the_face_whatever_the_pictures_shape(
    detector: Detector, astronaut: BgrImage, width: int, height: int
) -> None:
    side = min(width, height)
    scale = side / 512
    face = cv2.resize(astronaut, (side, side))
    left, top = width - side, height - side
    found = detector.detect(on_canvas(face, width=width, height=height, left=left, top=top))
    seen = ASTRONAUT
    expected = Box(left + scale * seen.left, top + scale * seen.top, scale * seen.width, scale * seen.height)
    assert len(found) == 1
    assert found[0].box.overlap(expected) > 0.55


def test_the_box_of_a_small_face_is_not_too_large(astronaut: BgrImage) -> None:
    """At a true width of 80 pixels in 640 the first look alone gives a box that is a fifth too large."""
    detector = BlazeFace(Runner(ModelStore().load("blazeface-short")), min_score=0.5)
    (large,) = detector.detect(astronaut)
    scale = 80 / large.box.width
    small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left, top = 150, 20
    (face,) = detector.detect(on_canvas(small, width=640, height=480, left=left, top=top))
    assert face.box.width == pytest.approx(80, rel=0.08)
    expected = large.keypoints * scale + (left, top)
    assert np.abs(face.keypoints - expected)[:4].max() < 5
    detector.close()


def test_two_faces_are_two_detections_best_first(detector: Detector, astronaut: BgrImage) -> None:
    face = astronaut[:300, 100:360]
    canvas = on_canvas(face, width=640, height=480, left=20, top=100)
    canvas[100:400, 340:600] = face
    found = detector.detect(canvas)
    assert len(found) == 2
    assert found[0].score >= found[1].score
    assert found[0].box.overlap(found[1].box) == 0


def test_frames_of_changing_size_leave_nothing_behind(detector: Detector, astronaut: BgrImage) -> None:
    before = detector.detect(astronaut)
    detector.detect(np.full((480, 640, 3), 255, np.uint8))
    detector.detect(cv2.resize(astronaut, (300, 700)))
    after = detector.detect(astronaut)
    assert [f.box for f in after] == [f.box for f in before]


@pytest.mark.parametrize("shape", [(480, 640, 3), (1, 1, 3), (3, 2000, 3)])
def test_a_picture_without_a_face_has_none(detector: Detector, shape: tuple[int, int, int]) -> None:
    assert detector.detect(np.full(shape, 90, np.uint8)) == ()
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    if isinstance(detector, BlazeFace):  # MediaPipe's own sees a face in this noise, at 0.67
        assert detector.detect(noise) == ()


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
    ],
)
def test_what_is_no_bgr_picture_is_refused(detector: Detector, picture: BgrImage) -> None:
    with pytest.raises(ModelError):
        detector.detect(picture)


def test_another_model_is_no_detector() -> None:
    with pytest.raises(ModelContractBroken):
        BlazeFace(Runner(ModelStore().load("face-mesh")), min_score=0.5)
