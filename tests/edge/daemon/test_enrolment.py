"""Enrolment from photographs, over real models and a real ledger: who is let in, who is refused, and why."""

from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.api.protocol.enrolment import PhotoEnrolment
from edge.api.protocol.people import PersonProfile
from edge.config.attendance import EnrolmentConfig
from edge.config.device import DeviceConfig
from edge.config.tree import Config
from edge.errors import (
    ConsentMissing,
    EnrolmentError,
    LookAlike,
    NumberTaken,
    PersonUnknown,
    PhotoRefused,
)
from edge.inference.chain import Models
from edge.types.clock import ClockTrust
from edge.types.identity import PersonId
from tests.edge.daemon.kiosk import (
    CONSENT,
    OPERATOR,
    TestKiosk,
    astronaut,
    beside,
    jpeg,
    new,
    open_kiosk,
    picture,
    portrait,
)


def _more(person_id: str, **more: object) -> PhotoEnrolment:
    return PhotoEnrolment.model_validate({"person_id": person_id, **more})


def _actions(kiosk: TestKiosk) -> list[tuple[str, str]]:
    return [(entry.action, entry.actor) for entry in kiosk.store.audit.list()]


def test_a_photograph_makes_a_person_with_a_template_in_ledger_and_gallery(kiosk: TestKiosk) -> None:
    done = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR)
    assert done.created
    assert done.templates_added == 1
    assert done.person.consent is not None
    assert done.person.consent.taken_by == "operator"
    assert kiosk.gallery_people == 1
    chain = next(iter(kiosk.recogniser.galleries))
    assert len(kiosk.store.templates.load_all(chain).template_ids) == 1
    assert [action for action, actor in _actions(kiosk) if actor == "operator"] == [
        "person.added",
        "consent.recorded",
        "template.added",
    ]


def test_without_consent_the_picture_is_not_even_looked_at(kiosk: TestKiosk) -> None:
    request = PhotoEnrolment(profile=PersonProfile(name="Ada", number="1"))
    with pytest.raises(ConsentMissing, match="--consent-how"):
        kiosk.service.enrol_photo(request, b"not a picture", OPERATOR)
    assert kiosk.store.people.count() == 0


def test_a_consent_to_another_text_than_the_one_in_force_does_not_count(kiosk: TestKiosk) -> None:
    old = CONSENT.model_copy(update={"text_version": "0"})
    with pytest.raises(ConsentMissing, match="text 0, in force is text 1"):
        kiosk.service.enrol_photo(new(consent=old), astronaut(), OPERATOR)
    person = kiosk.service.add_person(PersonProfile(name="Ada", number="1"), OPERATOR)
    kiosk.service.record_consent(person.person_id, old, OPERATOR)
    with pytest.raises(ConsentMissing, match="recorded consent is to text 0"):
        kiosk.service.enrol_photo(_more(person.person_id), astronaut(), OPERATOR)


def test_a_consent_from_the_future_is_refused_unless_the_clock_may_be_wrong(kiosk: TestKiosk) -> None:
    ahead = CONSENT.model_copy(update={"given_at": kiosk.clock.now().wall + timedelta(days=3)})
    with pytest.raises(EnrolmentError, match="future"):
        kiosk.service.enrol_photo(new(consent=ahead), astronaut(), OPERATOR)
    kiosk.clock.trust(ClockTrust.UNSYNCHRONISED)
    assert kiosk.service.enrol_photo(new(consent=ahead), astronaut(), OPERATOR).created


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.full((480, 640, 3), 127, np.uint8), "no face"),
        (beside([portrait()] * 2), "2 faces"),
        (cv2.resize(picture(astronaut()), None, fx=0.5, fy=0.5), "too small"),
        (cv2.GaussianBlur(portrait(), (0, 0), 3), "blurred"),
        ((picture(astronaut()) // 12).astype(np.uint8), "too dark"),
        (np.roll(picture(astronaut()), -210, axis=1)[:, :430], "outside of the picture|turned|no face"),
    ],
)
def test_a_picture_that_is_not_good_enough_is_refused_with_its_reason(
    kiosk: TestKiosk, image: np.ndarray, says: str
) -> None:
    with pytest.raises(PhotoRefused, match=says):
        kiosk.service.enrol_photo(new(), jpeg(image), OPERATOR)
    assert kiosk.store.people.count() == 0
    assert kiosk.gallery_people == 0


def test_of_several_people_the_nearest_is_taken_if_staff_say_so(kiosk: TestKiosk) -> None:
    near = cv2.resize(portrait(), None, fx=2, fy=2)
    far = cv2.copyMakeBorder(portrait(), 300, 0, 0, 0, cv2.BORDER_REPLICATE)
    both = jpeg(beside([near, far]))
    with pytest.raises(PhotoRefused, match="2 faces"):
        kiosk.service.enrol_photo(new(), both, OPERATOR)
    assert kiosk.service.enrol_photo(new(face="largest"), both, OPERATOR).created


def test_the_same_face_under_another_name_is_refused_unless_accepted_and_then_audited(
    kiosk: TestKiosk,
) -> None:
    first = kiosk.service.enrol_photo(new("1"), astronaut(), OPERATOR).person.person_id
    with pytest.raises(LookAlike, match=f"person {first}") as refused:
        kiosk.service.enrol_photo(new("2"), astronaut(), OPERATOR)
    assert "--accept-look-alike" in str(refused.value)
    assert kiosk.store.people.count() == 1
    twin = kiosk.service.enrol_photo(new("2", accept_look_alike=True), astronaut(), OPERATOR)
    assert twin.look_alike == first
    entry = [e for e in kiosk.store.audit.list() if e.action == "enrolment.look_alike_accepted"]
    assert [(e.actor, e.subject, e.detail) for e in entry] == [("operator", twin.person.person_id, first)]


def test_the_same_picture_again_is_refused_also_when_saved_anew(kiosk: TestKiosk) -> None:
    person = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id
    for raw in (astronaut(), jpeg(picture(astronaut()), quality=80)):
        with pytest.raises(PhotoRefused, match="enrolled already"):
            kiosk.service.enrol_photo(_more(person), raw, OPERATOR)


def test_an_employee_number_that_is_taken_names_the_way_to_add_pictures(kiosk: TestKiosk) -> None:
    person = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id
    with pytest.raises(NumberTaken, match=f"clockface enroll --person {person}"):
        kiosk.service.enrol_photo(new(), astronaut(), OPERATOR)


def test_more_templates_than_the_setting_allows_need_the_word_replace(
    tmp_path: Path, models: Models, faces: Path
) -> None:
    other = next((faces / "Abel_Pacheco").glob("*.jpg")).read_bytes()
    config = Config(device=DeviceConfig(name="kiosk", site="site"), enrolment=EnrolmentConfig(max_templates=1))
    kiosk = open_kiosk(tmp_path, models, config)
    try:
        person = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id
        mirrored = jpeg(picture(astronaut())[:, ::-1])
        before = kiosk.store.templates.of_person(PersonId(person))
        with pytest.raises(EnrolmentError, match=r"1 is the most.*--replace"):
            kiosk.service.enrol_photo(_more(person), other, OPERATOR)
        done = kiosk.service.enrol_photo(_more(person, replace=True), mirrored, OPERATOR)
        assert (done.templates_added, done.templates_dropped) == (1, 1)
        after = kiosk.store.templates.of_person(PersonId(person))
        assert len(after) == 1
        assert after != before
        assert len(next(iter(kiosk.recogniser.galleries.values()))) == 1
    finally:
        kiosk.store.close()


def test_someone_who_is_not_known_or_disabled_gets_no_template(kiosk: TestKiosk) -> None:
    with pytest.raises(PersonUnknown):
        kiosk.service.enrol_photo(_more("0" * 32), astronaut(), OPERATOR)
    person = kiosk.service.add_person(PersonProfile(name="Ada", number="1"), OPERATOR).person_id
    kiosk.service.set_enabled(person, enabled=False, peer=OPERATOR)
    with pytest.raises(EnrolmentError, match="disabled"):
        kiosk.service.enrol_photo(_more(person, consent=CONSENT), astronaut(), OPERATOR)


def test_a_second_picture_that_is_of_somebody_else_is_stored_with_a_warning(
    kiosk: TestKiosk, faces: Path
) -> None:
    person = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id
    stranger = (faces / "Abel_Pacheco").glob("*.jpg")
    done = kiosk.service.enrol_photo(_more(person, face="largest"), next(stranger).read_bytes(), OPERATOR)
    assert done.unlike_own


def test_a_crowd_of_real_people_is_enrolled_and_nobody_twice(kiosk: TestKiosk, faces: Path) -> None:
    enrolled, refused = 0, 0
    for number, folder in enumerate(sorted(p for p in faces.iterdir() if p.is_dir())[:25]):
        raw = sorted(folder.glob("*.jpg"))[0].read_bytes()
        try:
            kiosk.service.enrol_photo(new(str(number), face="largest"), raw, OPERATOR)
            enrolled += 1
        except PhotoRefused:
            refused += 1
    assert enrolled >= 20
    assert kiosk.gallery_people == enrolled == kiosk.store.people.count()
    assert enrolled + refused == 25
