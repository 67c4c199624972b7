"""A face laid over itself: what a sheet explains is no turn, and what a depth moves is one of known size."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.inference.pad.sheet import FEWEST_PIXELS, MOST_PIXELS, Registered, Sheet
from edge.types.faces import BgrImage, Landmarks
from tests.edge.inference.pad.test_motion import moved

TURN_RAD = 0.1  # what `moved` does to the depth for a turn of 0.5


@pytest.fixture(scope="module")
def portrait(astronaut: BgrImage) -> BgrImage:
    big: BgrImage = cv2.resize(astronaut, None, fx=2.6, fy=2.6, interpolation=cv2.INTER_CUBIC)[70:570, 330:830]
    return np.ascontiguousarray(big)


def laid(first: tuple[BgrImage, Landmarks], later: tuple[BgrImage, Landmarks]) -> Registered:
    sheet = Sheet.begin(*first)
    assert sheet is not None
    assert FEWEST_PIXELS <= len(sheet.light) <= MOST_PIXELS
    registered = sheet.register(*later)
    assert registered is not None
    assert registered.rests
    return registered


def test_a_head_is_seen_to_turn_by_as_much_as_it_does(portrait: BgrImage) -> None:
    seen = laid(moved(portrait, turn=0.0, plane=False), moved(portrait, turn=0.5, plane=False, seed=1))
    across, down = seen.turn_rad
    assert 0.5 * TURN_RAD < abs(across) < 1.1 * TURN_RAD  # less what the fit may be wrong by, never more
    assert abs(down) < 0.2 * TURN_RAD
    assert seen.certainty > 10
    assert seen.error_rad < 0.1 * TURN_RAD


def test_a_sheet_turned_as_far_is_seen_not_to(portrait: BgrImage) -> None:
    seen = laid(moved(portrait, turn=0.0, plane=True), moved(portrait, turn=0.5, plane=True, seed=1))
    assert np.linalg.norm(seen.turn_rad) < 0.1 * TURN_RAD
    assert seen.similarity > 0.97


def test_landmarks_that_tremble_are_no_turn(portrait: BgrImage) -> None:
    frame, landmarks = moved(portrait, turn=0.0, plane=True)
    shaken = replace(
        landmarks, five=landmarks.five + np.random.default_rng(0).normal(0, 2, (5, 2)).astype(np.float32)
    )
    assert np.linalg.norm(laid((frame, landmarks), (frame, shaken)).turn_rad) < 0.1 * TURN_RAD


def test_more_light_and_less_contrast_are_no_change(portrait: BgrImage) -> None:
    frame, landmarks = moved(portrait, turn=0.0, plane=True)
    dimmed = np.clip(frame * 0.7 + 20, 0, 255).astype(np.uint8)
    sheet = Sheet.begin(frame, landmarks)
    assert sheet is not None
    seen = sheet.register(dimmed, landmarks)
    assert seen is not None
    assert np.var(seen.light - sheet.light) < 0.01 * np.var(sheet.light)


def test_another_face_is_not_taken_for_the_first(portrait: BgrImage) -> None:
    frame, landmarks = moved(portrait, turn=0.0, plane=True)
    sheet = Sheet.begin(frame, landmarks)
    assert sheet is not None
    seen = sheet.register(np.ascontiguousarray(frame[:, ::-1]), landmarks)
    assert seen is None or seen.similarity < 0.85


def test_without_a_mesh_or_a_face_there_is_no_sheet(portrait: BgrImage) -> None:
    frame, landmarks = moved(portrait, turn=0.0, plane=True)
    assert Sheet.begin(frame, replace(landmarks, mesh=None)) is None
    assert Sheet.begin(np.full_like(frame, 90), landmarks) is None
    assert landmarks.mesh is not None
    assert Sheet.begin(frame, replace(landmarks, mesh=np.full_like(landmarks.mesh, np.nan))) is None
