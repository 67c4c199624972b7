"""The roster comes down whole or not at all, and says what became of it."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.daemon.deliveries import Outcome, Reason, Refused
from edge.store.sitekey import new_site_key
from edge.store.templates import encode
from edge.types.clock import ClockTrust
from edge.types.identity import TemplateId
from edge.types.people import Consent, Profile, Template
from sync.wire.parcels import PersonParcel, TemplateParcel
from sync.wire.roster import Change, RemovePerson, RemoveTemplate, RemoveTemplates
from tests.edge.daemon.central import SITE, open_device, result_of
from tests.edge.daemon.rostered import (
    ADA,
    BOB,
    CYD,
    KEYS,
    MODEL,
    NOW,
    Site,
    caught_up,
    put,
    sealed_template,
    vector,
)


def test_a_person_and_their_template_arrive_together_and_the_answer_names_the_version(site: Site) -> None:
    taken, result = site.take(put(1, ADA, "7"), sealed_template(2, ADA))
    assert (taken.outcome, result.outcome, result.roster_version, result.detail) == (
        Outcome.APPLIED,
        "done",
        2,
        "",
    )
    assert site.people == {ADA: ("7", True, True, 1)}
    stored = site.device.store.templates.load_all(MODEL)
    assert stored.person_ids == (ADA,)
    assert stored.matrix[0] == pytest.approx(vector(1))
    assert site.device.store.verify().problems == ()


def test_nothing_that_came_from_the_office_goes_up_again(site: Site) -> None:
    site.take(put(1, ADA, "7"), sealed_template(2, ADA))
    assert caught_up(site.device) == (0, 0)
    assert site.central.received(site.device.store) == []


def test_the_same_document_again_gets_the_same_answer_and_changes_nothing(site: Site) -> None:
    document = site.document(put(1, ADA, "7"))
    first, again = site.device.desk.take(document), site.device.desk.take(document)
    assert again.outcome is Outcome.REPEATED
    assert again.result == first.result
    entries = [each.action for each in site.device.store.audit.list()]
    assert entries.count("roster.applied") == 1


def test_an_older_document_under_another_id_changes_nothing(site: Site) -> None:
    site.take(put(1, ADA, "7"), RemovePerson(version=2, person=ADA))
    taken, result = site.take(put(1, ADA, "7"))
    assert (taken.outcome, result.outcome, result.roster_version) == (Outcome.REPEATED, "done", 2)
    assert site.people == {}


def test_a_document_that_does_not_follow_is_a_gap_and_may_come_again(site: Site) -> None:
    later = site.document(put(2, BOB, "8"), base=1)
    taken = site.device.desk.take(later)
    assert result_of(site.device.store, taken.result).outcome == "gap"
    site.take(put(1, ADA, "7"))
    assert site.device.desk.take(later).outcome is Outcome.APPLIED
    assert set(site.people) == {ADA, BOB}


def test_only_the_operators_key_counts_and_only_for_this_device(site: Site) -> None:
    for document, reason in (
        (site.document(put(1, ADA, "7"), signer=Ed25519PrivateKey.generate()), Reason.FORGED),
        (
            site.central.roster(
                site.device.store,
                type(site.device.address)(SITE, "another"),
                [put(1, ADA, "7")],
                issued=NOW,
            ),
            Reason.OTHER_DEVICE,
        ),
    ):
        with pytest.raises(Refused) as refused:
            site.device.desk.take(document)
        assert refused.value.reason is reason
    assert site.people == {}


def test_changes_sealed_to_another_device_are_refused_with_a_reason(site: Site, tmp_path: Path) -> None:
    other = open_device(tmp_path / "other")
    document = site.central.roster(other.store, site.device.address, [put(1, ADA, "7")], issued=NOW)
    result = result_of(site.device.store, site.device.desk.take(document).result)
    other.store.close()
    assert (result.outcome, result.reason, result.roster_version) == ("refused", "does_not_open", 0)


def test_an_expired_document_is_refused_but_an_unset_clock_keeps_no_erasure_waiting(site: Site) -> None:
    document = site.document(put(1, ADA, "7"), life=timedelta(hours=1))
    site.device.clock.advance(7200)
    assert result_of(site.device.store, site.device.desk.take(document).result).outcome == "expired"
    site.device.clock.trust(ClockTrust.UNSYNCHRONISED)
    assert result_of(site.device.store, site.device.desk.take(document).result).outcome == "done"


@pytest.mark.parametrize(
    "changes",
    [
        [put(2, ADA, "7"), put(1, BOB, "8")],
        [put(1, ADA, "7"), put(1, BOB, "8")],
        [put(9, ADA, "7")],
    ],
    ids=["out of order", "a version twice", "outside of the document"],
)
def test_changes_that_do_not_lie_in_order_are_refused(site: Site, changes: list[Change]) -> None:
    _, result = site.take(*changes, version=3)
    assert (result.outcome, result.reason, result.roster_version) == ("refused", "malformed", 0)
    assert site.people == {}


def test_a_number_of_somebody_known_here_alone_refuses_the_document_and_names_both(site: Site) -> None:
    local = site.device.store.people.add(Profile("Grace Hopper", "8"))
    _, result = site.take(put(1, ADA, "7"), put(2, BOB, "8"))
    assert (result.outcome, result.reason, result.roster_version) == ("refused", "number_taken", 0)
    assert local in result.detail
    assert BOB in result.detail
    assert set(site.people) == {local}


def test_two_people_may_swap_their_numbers_in_one_document_or_in_two(site: Site) -> None:
    site.take(put(1, ADA, "7"), put(2, BOB, "8"))
    site.take(put(3, ADA, "8"), put(4, BOB, "7"), base=2)
    assert {person: seen[0] for person, seen in site.people.items()} == {ADA: "8", BOB: "7"}
    site.take(put(5, ADA, "7"), base=4)
    site.take(put(6, BOB, "8"), base=5)
    found = site.device.store.people.find_by_number("7")
    assert found is not None
    assert found.person_id == ADA


def test_removing_a_person_gives_a_receipt_with_the_count_of_templates(site: Site) -> None:
    site.take(put(1, ADA, "7"), sealed_template(2, ADA, seed=1), sealed_template(3, ADA, seed=2))
    _, result = site.take(RemovePerson(version=4, person=ADA), RemovePerson(version=5, person=BOB), base=3)
    assert [(each.person, each.templates) for each in result.removed] == [(ADA, 2), (BOB, 0)]
    assert site.people == {}
    assert site.device.store.templates.counts_by_model() == {}


def test_one_template_goes_and_only_if_it_is_that_persons(site: Site) -> None:
    first, second = sealed_template(2, ADA, seed=1), sealed_template(3, ADA, seed=2)
    site.take(put(1, ADA, "7"), first, second)
    site.take(put(4, BOB, "8"), RemoveTemplate(version=5, person=BOB, template=first.template), base=3)
    assert site.people[ADA] == ("7", True, True, 2)
    site.take(RemoveTemplate(version=6, person=ADA, template=first.template), base=5)
    assert site.people[ADA] == ("7", True, True, 1)
    assert site.device.store.templates.get(TemplateId(second.template)) is not None
    site.take(RemoveTemplate(version=7, person=ADA, template=first.template), base=6)  # once more, in vain
    assert site.device.store.verify().problems == ()


def test_a_consent_withdrawn_elsewhere_takes_the_templates_and_leaves_the_person(site: Site) -> None:
    site.take(put(1, ADA, "7"), sealed_template(2, ADA))
    site.take(RemoveTemplates(version=3, person=ADA), base=2)
    assert site.people == {ADA: ("7", True, False, 0)}
    site.take(put(4, ADA, "7", consent=None), base=3)
    assert site.people == {ADA: ("7", True, False, 0)}


def test_details_without_consent_erase_templates_unless_the_office_has_not_seen_the_local_consent(
    site: Site,
) -> None:
    site.take(put(1, ADA, "7"), sealed_template(2, ADA))
    site.device.sharing.person(ADA)  # staff changed something here, on its way up
    site.take(put(3, ADA, "7", consent=None), base=2)
    assert site.people == {ADA: ("7", True, True, 1)}
    site.device.store.parcels.drop([each.id for each in site.central.received(site.device.store)])
    site.take(put(4, ADA, "7", consent=None), base=3)
    assert site.people == {ADA: ("7", True, False, 0)}


def test_templates_that_do_not_hold_are_left_out_and_said_and_stop_nobody_else(site: Site) -> None:
    moved = sealed_template(3, ADA, seed=3).model_copy(update={"person": BOB})
    endless = encode(Template(TemplateId(f"{4:032x}"), ADA, MODEL, vector(4)))[:-4] + b"\x00\x00\x80\x7f"
    longer = encode(Template(TemplateId(f"{5:032x}"), ADA, MODEL, vector(5)))[:-4] + b"\x00\x00\x80\x42"
    _, result = site.take(
        put(1, ADA, "7"),
        put(2, BOB, "8"),
        moved,
        sealed_template(4, ADA, seed=4, plain=endless),
        sealed_template(5, ADA, seed=5, plain=longer),
        sealed_template(6, CYD, seed=6),
        sealed_template(7, ADA, seed=7),
    )
    assert result.outcome == "done"
    assert result.detail == "1 templates are of nobody who consents here; 3 templates do not hold"
    assert {person: seen[3] for person, seen in site.people.items()} == {ADA: 1, BOB: 0}


def test_a_template_under_a_key_to_come_waits_sealed_and_opens_when_the_key_has_come(
    site: Site, tmp_path: Path
) -> None:
    later = new_site_key()
    _, result = site.take(put(1, ADA, "7"), sealed_template(2, ADA, key=later))
    assert result.detail == "1 templates wait for their site key"
    assert site.people == {ADA: ("7", True, True, 0)}
    site.device.store.close()
    site.device = open_device(tmp_path / "device", site_keys=KEYS.behind(later))
    assert site.device.desk.open_kept(site.device.sharing.openable()) == 1
    assert site.people == {ADA: ("7", True, True, 1)}
    assert site.device.store.site.sealed_count() == 0


def test_a_kept_template_is_counted_and_goes_with_its_person(site: Site) -> None:
    site.take(put(1, ADA, "7"), sealed_template(2, ADA, key=new_site_key()))
    _, result = site.take(RemovePerson(version=3, person=ADA), base=2)
    assert [(each.person, each.templates) for each in result.removed] == [(ADA, 1)]
    assert site.device.store.site.sealed_count() == 0


def test_removing_a_person_takes_back_what_has_not_left_yet(site: Site) -> None:
    store = site.device.store
    ada = store.people.add(Profile("Ada Lovelace", "7"))
    store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    site.device.sharing.person(ada)
    store.templates.add(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))
    assert [type(each) for each in site.central.received(store)] == [PersonParcel, TemplateParcel]
    site.take(RemovePerson(version=1, person=ada))
    assert site.central.received(store) == []
