"""Enrolment from the camera: guidance, different frames of one person, all or nothing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentProgress
from edge.api.protocol.people import PersonProfile
from edge.errors import (
    CameraUnavailable,
    ConsentMissing,
    EnrolmentError,
    LookAlike,
    ModelError,
    PhotoRefused,
)
from edge.types.camera import CameraState
from edge.types.faces import BgrImage
from tests.edge.daemon.kiosk import (
    CONSENT,
    OPERATOR,
    TestKiosk,
    astronaut,
    beside,
    new,
    picture,
    portrait,
    tilted,
)

EMPTY = np.full((480, 640, 3), 127, np.uint8)


def _request(number: str = "1815", **more: object) -> CameraEnrolment:
    return CameraEnrolment.model_validate(
        {"profile": PersonProfile(name="Ada Lovelace", number=number), "consent": CONSENT, **more}
    )


def _run(
    kiosk: TestKiosk, images: list[BgrImage], request: CameraEnrolment | None = None
) -> tuple[list[EnrolmentProgress], Enrolled]:
    kiosk.tap.images = images
    *progress, last = kiosk.service.enrol_camera(request or _request(), OPERATOR)
    assert isinstance(last, Enrolled)
    return [line for line in progress if isinstance(line, EnrolmentProgress)], last


def test_three_different_good_frames_become_three_templates(kiosk: TestKiosk) -> None:
    progress, done = _run(kiosk, [tilted(0), tilted(0), tilted(8), tilted(8), tilted(-8)])
    assert [line.taken for line in progress] == [1, 1, 2, 2, 3]
    assert [line.coaching for line in progress] == [None, "turn_a_little", None, "turn_a_little", None]
    assert done.templates_added == 3
    assert done.created
    assert len(next(iter(kiosk.recogniser.galleries.values()))) == 3
    assert kiosk.tap.returned


def test_each_bad_frame_says_what_to_do(kiosk: TestKiosk) -> None:
    small = cv2.copyMakeBorder(portrait(), 90, 90, 195, 195, cv2.BORDER_REPLICATE)
    small = cv2.resize(small, None, fx=0.6, fy=0.6)
    dark = (tilted(0) // 14).astype(np.uint8)
    progress, _ = _run(kiosk, [EMPTY, small, dark, beside([portrait()] * 2), tilted(0)], _request(frames=1))
    assert [line.coaching for line in progress] == [
        "move_into_view",
        "come_closer",
        "too_dark",
        "one_at_a_time",
        None,
    ]
    assert [line.faces for line in progress] == [0, 1, 1, 2, 1]


def test_when_the_time_is_over_what_was_taken_is_stored(kiosk: TestKiosk) -> None:
    progress, done = _run(kiosk, [tilted(0)] * 30, _request(time_limit_s=10))
    assert done.templates_added == 1
    assert len(progress) <= 20


def test_without_a_good_frame_in_time_nothing_is_stored(kiosk: TestKiosk) -> None:
    with pytest.raises(PhotoRefused, match=r"no good picture.*move_into_view"):
        _run(kiosk, [EMPTY] * 30, _request(time_limit_s=10))
    assert kiosk.store.people.count() == 0
    assert kiosk.tap.returned


def test_a_camera_that_gives_nothing_is_named(kiosk: TestKiosk) -> None:
    kiosk.camera.state = CameraState.LOST
    with pytest.raises(CameraUnavailable, match="lost"):
        _run(kiosk, [], _request(time_limit_s=10))


def test_refusals_come_before_the_camera_is_taken(kiosk: TestKiosk) -> None:
    with pytest.raises(ConsentMissing):
        next(kiosk.service.enrol_camera(_request(consent=None), OPERATOR))
    assert not kiosk.tap.returned


def test_two_enrolments_at_a_time_are_refused(kiosk: TestKiosk) -> None:
    kiosk.tap.images = [EMPTY] * 3
    first = kiosk.service.enrol_camera(_request(), OPERATOR)
    next(first)
    with pytest.raises(EnrolmentError, match="another enrolment"):
        next(kiosk.service.enrol_camera(_request("2"), OPERATOR))
    first.close()
    assert kiosk.tap.returned


def test_an_enrolment_that_is_broken_off_stores_nothing_and_gives_the_camera_back(kiosk: TestKiosk) -> None:
    kiosk.tap.images = [tilted(0), tilted(8)]
    steps = kiosk.service.enrol_camera(_request(), OPERATOR)
    next(steps)
    steps.close()
    assert kiosk.store.people.count() == 0
    assert kiosk.gallery_people == 0
    with kiosk.tap.borrow():
        pass


def test_a_look_alike_is_refused_from_the_camera_too(kiosk: TestKiosk) -> None:
    kiosk.service.enrol_photo(new("1"), astronaut(), OPERATOR)
    with pytest.raises(LookAlike):
        _run(kiosk, [tilted(0)], _request("2", frames=1))
    assert kiosk.store.people.count() == 1


def test_when_somebody_else_steps_in_taking_begins_anew(kiosk: TestKiosk, faces: Path) -> None:
    other = picture(next((faces / "Abel_Pacheco").glob("*.jpg")).read_bytes())[40:210, 40:210]
    other = cv2.resize(other, (600, 600))
    images = [tilted(0), tilted(8), tilted(-20, other), tilted(-12, other), tilted(-4, other)]
    progress, done = _run(kiosk, images)
    assert [line.taken for line in progress] == [1, 2, 1, 2, 3]
    assert done.templates_added == 3


def test_without_models_enrolment_says_so(kiosk: TestKiosk) -> None:
    service = kiosk.out_of_service("OperatingPointMissing")
    with pytest.raises(ModelError, match=r"out of service.*OperatingPointMissing"):
        next(service.enrol_camera(_request(), OPERATOR))
    with pytest.raises(ModelError, match="clockface doctor"):
        service.enrol_photo(new(), astronaut(), OPERATOR)
    assert service.status().fault == "OperatingPointMissing"
    assert service.status().galleries == ()
