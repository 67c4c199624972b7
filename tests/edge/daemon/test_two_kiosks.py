"""A face enrolled on one kiosk is recognised on another: real models, and an office that cannot read it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.api.protocol.badges import BadgeAsked, WaySet
from edge.api.protocol.courier import Delivery, DeliveryTaken
from edge.api.protocol.enrolment import PhotoEnrolment
from edge.api.protocol.people import PersonProfile
from edge.inference.chain import Models
from edge.store.keys import make_sealing_key
from edge.store.sitekey import SiteKeyPlace, SiteKeys, new_site_key, store_site_keys
from edge.types.faces import Frame
from edge.types.identity import PersonId
from edge.types.verdicts import Outcome, Verdict
from sync.wire.parcels import PersonParcel, TemplateParcel, TemplatesReplaced
from sync.wire.roster import PutPerson, RemovePerson, RemoveTemplate
from sync.wire.topics import Address
from tests.edge.daemon.central import Central, passed_on, result_of
from tests.edge.daemon.kiosk import OPERATOR, TestKiosk, astronaut, jpeg, new, open_kiosk, tilted

HERE = Address("site", "kiosk")
KEYS = SiteKeys((new_site_key(),))


@pytest.fixture
def kiosks(tmp_path: Path, models: Models) -> Iterator[tuple[TestKiosk, TestKiosk, Central]]:
    central, made = Central(), []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        make_sealing_key(folder)
        store_site_keys(SiteKeyPlace(folder, None), KEYS, made_here=name == "first")
        kiosk = open_kiosk(folder, models)
        central.install(kiosk.store, kiosk.clock)
        kiosk.link.catch_up()
        made.append(kiosk)
    yield made[0], made[1], central
    for kiosk in made:
        kiosk.store.close()


def deliver(kiosk: TestKiosk, raw: bytes) -> DeliveryTaken:
    return kiosk.service.deliver(Delivery(envelope=raw.decode("ascii")))


def walk_up(kiosk: TestKiosk) -> list[PersonId | None]:
    """Somebody stands in front of the camera for eight frames and leaves: who is recognised."""
    empty = np.full((600, 500, 3), 120, np.uint8)
    images = [tilted(float(index % 3)) for index in range(8)] + [empty] * 12
    found: list[Verdict] = []
    for index, image in enumerate(images):
        found += kiosk.recogniser.process(Frame(image, index / 10, index)).verdicts
    kiosk.recogniser.reset()
    return [each.person_id for each in found if each.outcome is Outcome.RECOGNISED]


def test_who_is_enrolled_on_one_kiosk_is_recognised_on_the_other_and_erased_there_too(
    kiosks: tuple[TestKiosk, TestKiosk, Central],
) -> None:
    first, second, central = kiosks
    ada = PersonId(first.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id)
    person, template = central.received(first.store)
    assert isinstance(person, PersonParcel)
    assert isinstance(template, TemplateParcel)
    assert walk_up(second) == []

    changes = [
        PutPerson(version=1, person=ada, details=central.details(person)),
        passed_on(template, version=2),
    ]
    issued = second.clock.now().wall
    taken = deliver(second, central.roster(second.store, HERE, changes, issued=issued))
    assert (taken.outcome, taken.reason) == ("applied", "")
    assert walk_up(second) == [ada]
    assert central.received(second.store) == []  # nothing goes back up

    removal = central.roster(second.store, HERE, [RemovePerson(version=3, person=ada)], base=2, issued=issued)
    taken = deliver(second, removal)
    assert taken.result is not None
    (receipt,) = result_of(second.store, taken.result.encode()).removed
    assert (receipt.person, receipt.templates) == (ada, 1)
    assert second.gallery_people == 0
    assert walk_up(second) == []


def test_a_template_that_was_replaced_on_one_kiosk_goes_on_the_other_too(
    kiosks: tuple[TestKiosk, TestKiosk, Central],
) -> None:
    first, second, central = kiosks
    ada = PersonId(first.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id)
    person, old = central.received(first.store)
    issued = second.clock.now().wall
    shared = [PutPerson(version=1, person=ada, details=central.details(person)), passed_on(old, version=2)]
    deliver(second, central.roster(second.store, HERE, shared, issued=issued))
    first.store.parcels.drop([person.id, old.id])

    again = PhotoEnrolment(person_id=ada, replace=True)
    first.service.enrol_photo(again, jpeg(tilted(5)), OPERATOR)
    replaced, anew = central.received(first.store)
    assert isinstance(replaced, TemplatesReplaced)
    assert (replaced.person, replaced.templates) == (ada, [old.template])

    mended = [
        RemoveTemplate(version=3, person=ada, template=old.template),
        passed_on(anew, version=4),
    ]
    deliver(second, central.roster(second.store, HERE, mended, base=2, issued=issued))
    assert [each for each, _ in second.store.templates.of_person(ada)] == [anew.template]
    assert walk_up(second) == [ada]
    assert central.received(second.store) == []
    assert second.store.verify().problems == ()


def test_a_template_that_the_site_never_had_is_replaced_in_silence(kiosk: TestKiosk) -> None:
    ada = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id
    kiosk.service.enrol_photo(PhotoEnrolment(person_id=ada, replace=True), jpeg(tilted(5)), OPERATOR)
    assert kiosk.store.parcels.count() == 0


def test_a_local_change_of_somebody_from_the_office_goes_up(
    kiosks: tuple[TestKiosk, TestKiosk, Central],
) -> None:
    first, second, central = kiosks
    ada = first.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id
    person, _ = central.received(first.store)
    change = PutPerson(version=1, person=ada, details=central.details(person))
    deliver(second, central.roster(second.store, HERE, [change], issued=second.clock.now().wall))
    second.service.set_enabled(ada, enabled=False, peer=OPERATOR)
    (told,) = central.received(second.store)
    assert not central.details(told).enabled
    second.service.withdraw_consent(ada, OPERATOR)
    (told,) = central.received(second.store)
    assert central.details(told).consent is None
    second.service.remove_person(ada, OPERATOR)
    assert central.received(second.store) == []  # the events say it
    assert second.store.verify().problems == ()
    assert second.store.events.head().seq == 4  # provisioned, disabled, withdrawn, removed


def test_who_is_disabled_by_the_office_is_recognised_no_more_and_again_when_enabled(
    kiosks: tuple[TestKiosk, TestKiosk, Central],
) -> None:
    first, _, central = kiosks
    ada = first.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id
    person, _ = central.received(first.store)
    first.store.parcels.drop([each.id for each in central.received(first.store)])
    details, issued = central.details(person), first.clock.now().wall
    for version, enabled in ((1, False), (2, True)):
        change = PutPerson(version=version, person=ada, details=details.model_copy(update={"enabled": enabled}))
        document = central.roster(first.store, HERE, [change], base=version - 1, issued=issued)
        assert deliver(first, document).outcome == "applied"
        assert walk_up(first) == ([ada] if enabled else [])


def test_a_badge_that_was_revoked_on_one_kiosk_opens_the_other_no_more(
    kiosks: tuple[TestKiosk, TestKiosk, Central],
) -> None:
    first, second, central = kiosks
    ada = PersonId(
        first.service.add_person(PersonProfile(name="Ada Lovelace", number="1815"), OPERATOR).person_id
    )
    (person,) = central.received(first.store)
    badges = first.service.without_face
    lost, kept = (badges.issue_badge(BadgeAsked(person_id=ada), OPERATOR) for _ in range(2))
    issued = second.clock.now().wall
    told = [PutPerson(version=1, person=ada, details=central.details(person))]
    deliver(second, central.roster(second.store, HERE, told, issued=issued))
    second.service.without_face.set_way(ada, WaySet(way="badge"), OPERATOR)
    second.counter.desk.seen(lost.token)
    assert [each.person_id for each in second.identified] == [ada]

    badges.revoke_badge(lost.badge.badge_id, OPERATOR)
    (parcel,) = central.received(first.store)  # in the place of the older one
    details = central.details(parcel)
    assert details.badges_revoked == [lost.badge.badge_id]
    told = [PutPerson(version=2, person=ada, details=details)]
    for _ in range(2):
        deliver(second, central.roster(second.store, HERE, told, base=1, issued=issued))
    second.clock.advance(60)
    second.counter.desk.seen(lost.token)
    assert len(second.identified) == 1, "it counts no more"
    second.counter.desk.seen(kept.token)
    assert len(second.identified) == 2
    entries = [(each.action, each.actor) for each in second.store.audit.list()]
    assert entries.count(("badge.revoked", "office")) == 1
    assert ("badge.issued", "office") not in entries
