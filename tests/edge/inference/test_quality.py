from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config.recognition import QualityConfig
from edge.inference.analyser import Face, FaceAnalyser
from edge.inference.chain import Models
from edge.inference.quality import pose
from edge.types.faces import BgrImage, Box, Coaching, Detection, Landmarks

LIMITS = QualityConfig()


def examined(analyser: FaceAnalyser, image: BgrImage) -> Face:
    face = analyser.subject(image)
    assert face is not None
    return face


def test_a_good_photograph_is_accepted(analyser: FaceAnalyser, astronaut: BgrImage) -> None:
    quality = examined(analyser, astronaut).quality
    assert quality.acceptable
    assert abs(quality.yaw_deg) < 15
    assert 90 < quality.face_px < 150


def shrunk(image: BgrImage) -> BgrImage:
    small = cv2.resize(image, None, fx=0.33, fy=0.33, interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, 30, 30, 30, 30, cv2.BORDER_REPLICATE)


def moved(image: BgrImage) -> BgrImage:
    return cv2.filter2D(image, -1, np.full((1, 19), 1 / 19, np.float32))


def rolled(image: BgrImage) -> BgrImage:
    matrix = cv2.getRotationMatrix2D((228, 130), 43, 1.0)
    return cv2.warpAffine(image, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)


def mouth_painted(image: BgrImage) -> BgrImage:
    covered = image.copy()
    cv2.ellipse(covered, (224, 146), (46, 27), 0, 0, 360, (200, 150, 90), -1)
    return covered


@pytest.mark.parametrize(
    ("change", "coaching"),
    [
        (shrunk, Coaching.COME_CLOSER),
        (lambda image: image[60:220, 170:286], Coaching.STEP_BACK),
        (lambda image: cv2.convertScaleAbs(image, alpha=0.09), Coaching.TOO_DARK),
        (lambda image: cv2.convertScaleAbs(image, alpha=0.25, beta=190), Coaching.TOO_BRIGHT),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 5), Coaching.HOLD_STILL),
        (moved, Coaching.HOLD_STILL),
        (rolled, Coaching.LOOK_HERE),
        (mouth_painted, Coaching.UNCOVER_FACE),
    ],
)
def test_a_spoilt_photograph_is_refused_with_what_to_do(
    analyser: FaceAnalyser,
    models: Models,
    astronaut: BgrImage,
    change: Callable[[BgrImage], BgrImage],
    coaching: Coaching,
) -> None:
    spoilt = np.ascontiguousarray(change(astronaut))
    found = analyser.detect(spoilt)
    if found:
        assert analyser.examine(spoilt, found[0]).quality.coaching is coaching
        return
    upright = models.detector.detect(astronaut)[0]  # too spoilt for the detector: tell it where the face is
    assert spoilt.shape == astronaut.shape
    assert analyser.examine(spoilt, upright).quality.coaching is coaching


def test_a_face_cut_by_the_pictures_edge_is_asked_into_view(
    models: Models, analyser: FaceAnalyser, astronaut: BgrImage
) -> None:
    whole = models.detector.detect(astronaut)[0]
    cut = 215  # between the eyes
    box = Box(whole.box.left - cut, whole.box.top, whole.box.width, whole.box.height)
    seen = Detection(box, whole.score, whole.keypoints - np.array([cut, 0], np.float32))
    face = analyser.examine(np.ascontiguousarray(astronaut[:, cut:]), seen)
    assert face.quality.coaching is Coaching.MOVE_INTO_VIEW


def turned_head(landmarks: Landmarks, *, yaw_deg: float = 0, pitch_deg: float = 0) -> Landmarks:
    """The same mesh after a turn to the person's left and a nod up, in three dimensions."""
    assert landmarks.mesh is not None
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    about_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    middle = landmarks.mesh.mean(axis=0)
    mesh = ((landmarks.mesh - middle) @ (about_y @ about_x).T + middle).astype(np.float32)
    return Landmarks(five=landmarks.five, mesh=mesh, presence=1.0)


@pytest.mark.parametrize("degrees", [-30, -15, 15, 30])
def test_a_turn_of_the_mesh_is_measured_with_its_sign(
    analyser: FaceAnalyser, astronaut: BgrImage, degrees: float
) -> None:
    landmarks = examined(analyser, astronaut).landmarks
    straight = pose(landmarks)
    assert pose(turned_head(landmarks, yaw_deg=degrees)).yaw_deg - straight.yaw_deg == pytest.approx(
        degrees, abs=4
    )
    nod = pose(turned_head(landmarks, pitch_deg=degrees)).pitch_deg - straight.pitch_deg
    assert nod == pytest.approx(degrees, abs=4)


def test_a_head_turned_to_its_left_points_its_nose_to_the_right_of_the_picture(
    analyser: FaceAnalyser, lfw: list[list[Path]]
) -> None:
    """On real photographs, by mesh and by five points: yaw follows the nose aside, pitch its height."""
    yaws, pitches, asides, heights, coarse = [], [], [], [], []
    for photos in lfw[:40]:
        image = cv2.imread(str(photos[0]))
        assert image is not None
        face = examined(analyser, image)
        five = face.landmarks.five
        eyes, mouth = five[:2].mean(axis=0), five[3:].mean(axis=0)
        width = float(np.linalg.norm(five[1] - five[0]))
        asides.append((five[2] - eyes)[0] / width)
        heights.append(((eyes + mouth) / 2 - five[2])[1] / width)
        yaws.append(face.quality.yaw_deg)
        pitches.append(face.quality.pitch_deg)
        guess = pose(Landmarks(five=five, mesh=None, presence=1.0))
        coarse.append((guess.yaw_deg, guess.pitch_deg))
    assert np.corrcoef(yaws, asides)[0, 1] > 0.8
    assert np.corrcoef(pitches, heights)[0, 1] > 0.7
    assert np.corrcoef(yaws, [c[0] for c in coarse])[0, 1] > 0.9
    assert np.corrcoef(pitches, [c[1] for c in coarse])[0, 1] > 0.7


def test_a_mirrored_picture_has_the_opposite_yaw_and_roll(analyser: FaceAnalyser, astronaut: BgrImage) -> None:
    upright = examined(analyser, astronaut).quality
    mirrored = examined(analyser, np.ascontiguousarray(astronaut[:, ::-1])).quality
    assert mirrored.yaw_deg == pytest.approx(-upright.yaw_deg, abs=3)
    assert mirrored.roll_deg == pytest.approx(-upright.roll_deg, abs=3)


def test_a_clockwise_tilt_has_a_positive_roll(analyser: FaceAnalyser, astronaut: BgrImage) -> None:
    matrix = cv2.getRotationMatrix2D((228, 130), -20, 1.0)  # OpenCV counts anticlockwise
    tilted = cv2.warpAffine(astronaut, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    upright = examined(analyser, astronaut).quality.roll_deg
    assert examined(analyser, tilted).quality.roll_deg - upright == pytest.approx(20, abs=3)


def test_motion_lowers_sharpness_whatever_its_direction(analyser: FaceAnalyser, astronaut: BgrImage) -> None:
    at_rest = examined(analyser, astronaut).quality.sharpness
    across = np.full((1, 13), 1 / 13, np.float32)
    for kernel in (across, across.T, np.eye(13, dtype=np.float32) / 13):
        assert examined(analyser, cv2.filter2D(astronaut, -1, kernel)).quality.sharpness < at_rest / 4


def test_sharpness_is_the_least_variance_of_four_second_derivatives_inside_the_face(
    analyser: FaceAnalyser, models: Models, astronaut: BgrImage
) -> None:
    """The reference: OpenCV's masked statistics over the oval, one direction after the other."""
    face = examined(analyser, astronaut)
    grey = cv2.cvtColor(models.aligner.crop(astronaut, face.landmarks), cv2.COLOR_BGR2GRAY)
    rows, columns = np.mgrid[0:112, 0:112]
    oval = (((columns - 56) / 34) ** 2 + ((rows - 66) / 42) ** 2 <= 1).astype(np.uint8)
    directions = [(1, 0, 1.0), (0, 1, 1.0), (1, 1, 2**0.5), (1, -1, 2**0.5)]
    expected = []
    for x, y, length in directions:
        kernel = np.zeros((3, 3), np.float32)
        kernel[1, 1] = -2 / length
        kernel[1 + y, 1 + x] = kernel[1 - y, 1 - x] = 1 / length
        change = cv2.filter2D(grey, cv2.CV_32F, kernel)
        expected.append(cv2.norm(change, cv2.NORM_L2SQR, mask=oval) / oval.sum())
    assert face.quality.sharpness == pytest.approx(
        min(expected), rel=0.02
    )  # there not rounded to whole numbers
    mean, deviation = cv2.meanStdDev(grey, mask=oval)
    assert face.quality.brightness == pytest.approx(mean[0, 0] / 255)
    assert face.quality.contrast == pytest.approx(deviation[0, 0] / 255)


def test_the_limits_lose_few_good_photographs(analyser: FaceAnalyser, lfw: list[list[Path]]) -> None:
    refused = 0
    photos = [photo for person in lfw[:60] for photo in person]
    for photo in photos:
        image = cv2.imread(str(photo))
        assert image is not None
        refused += not examined(analyser, image).quality.acceptable
    assert refused / len(photos) < 0.04
