"""The roster comes down whole or not at all, in whatever order and however often it comes."""

import os
import secrets
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.daemon.deliveries import Outcome, Reason, Refused
from edge.store.sitekey import SiteKey, SiteKeys, new_site_key
from edge.store.templates import encode
from edge.types.clock import ClockTrust
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Consent, Profile, Template
from sync.wire.canonical import encode as canonical
from sync.wire.documents import sign_document
from sync.wire.fields import format_time
from sync.wire.parcels import PersonParcel, TemplateParcel
from sync.wire.roster import (
    Change,
    ConsentGiven,
    PersonDetails,
    PutPerson,
    PutTemplate,
    RemovePerson,
    RemoveTemplate,
    RemoveTemplates,
    RosterChanges,
    RosterDocument,
)
from sync.wire.sealing import TemplateIdentity, seal, seal_template, to_text
from tests.edge.daemon.central import SITE, Central, Ledger, open_device, passed_on, result_of
from tests.fakes import FIRST_INSTANT, ManualClock

KEY = new_site_key()
KEYS = SiteKeys((KEY,))
MODEL = ModelHash("ab" * 32)
ADA, BOB, CYD = (PersonId(letter * 32) for letter in "abc")
AGREED = ConsentGiven(text_version="1", language="en", how="paper", given_at="2026-03-01T09:00:00.000000Z")
NOW = FIRST_INSTANT.wall


def details(number: str, *, name: str = "Ada Lovelace", **more: object) -> PersonDetails:
    return PersonDetails.model_validate({"name": name, "number": number, "consent": AGREED, **more})


def put(version: int, person: PersonId, number: str, **more: object) -> PutPerson:
    return PutPerson(version=version, person=person, details=details(number, **more))


def vector(seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=16).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


def sealed_template(
    version: int, person: PersonId, *, seed: int = 1, key: SiteKey = KEY, plain: bytes | None = None
) -> PutTemplate:
    template = Template(TemplateId(f"{seed:032x}"), person, MODEL, vector(seed))
    identity = TemplateIdentity(site=SITE, person=person, template=template.template_id, model=MODEL)
    sealed = seal_template(plain or encode(template), site_key=key.secret, identity=identity)
    return PutTemplate(
        version=version,
        person=person,
        template=template.template_id,
        model=MODEL,
        site_key=key.key_id,
        sealed=to_text(sealed),
    )


@dataclass
class Site:
    """A device and the office that it believes."""

    device: Ledger
    central: Central = field(default_factory=Central)

    def document(self, *changes: Change, **more: object) -> bytes:
        given: dict[str, object] = {"issued": self.device.clock.now().wall, **more}
        return self.central.roster(self.device.store, self.device.address, changes, **given)  # type: ignore[arg-type]

    def take(self, *changes: Change, **more: object):
        taken = self.device.desk.take(self.document(*changes, **more))
        return taken, result_of(self.device.store, taken.result)

    @property
    def people(self) -> dict[str, tuple[str, bool, bool, int]]:
        """Number, enabled, consented and how many templates, by id."""
        return {
            each.person_id: (each.profile.number, each.enabled, each.consented, sum(each.templates.values()))
            for each in self.device.store.people.list()
        }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(open_device(tmp_path / "device", site_keys=KEYS))
    made.central.install(made.device.store, made.device.clock)
    yield made
    made.device.store.close()


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


def caught_up(device: Ledger) -> tuple[int, int]:
    """How many people and templates a start hands in."""
    return sum(device.sharing.people()), sum(device.sharing.templates())


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


def test_without_an_office_or_a_site_key_nothing_leaves_and_later_everything_does(tmp_path: Path) -> None:
    central, device = Central(), open_device(tmp_path / "device")
    ada = device.store.people.add(Profile("Ada Lovelace", "7", greeting="Ada", language="en"))
    device.store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    device.store.templates.add(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))
    assert caught_up(device) == (0, 0)
    central.install(device.store, device.clock)
    assert caught_up(device) == (1, 0)
    device.store.close()
    device = open_device(tmp_path / "device", site_keys=KEYS)
    assert caught_up(device) == (0, 1)
    assert caught_up(device) == (0, 0)
    person, template = central.received(device.store)
    told = central.details(person)
    assert (told.name, told.number, told.greeting, told.consent is not None) == (
        "Ada Lovelace",
        "7",
        "Ada",
        True,
    )
    assert (template.person, template.site_key) == (ada, KEY.key_id)
    device.store.close()


def test_what_finds_no_room_in_the_outbox_is_handed_in_when_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.store.parcels.MAX_WAITING", 3)
    central, device = Central(), open_device(tmp_path / "device", site_keys=KEYS)
    central.install(device.store, device.clock)
    ada = device.store.people.add(Profile("Ada Lovelace", "7"))
    device.store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    for number in range(1, 9):
        device.store.templates.add(Template(TemplateId(f"{number:032x}"), ada, MODEL, vector(number)))
    sent: list[str] = []
    while waiting := central.received(device.store):
        sent += [each.template for each in waiting if isinstance(each, TemplateParcel)]
        assert len(waiting) <= 3
        assert sum(device.sharing.templates()) == 0
        device.store.parcels.drop([each.id for each in waiting])
        sum(device.sharing.templates())
    assert sent == [f"{number:032x}" for number in range(1, 9)]
    device.store.close()


def test_after_a_rotation_templates_go_out_again_under_the_new_key(tmp_path: Path) -> None:
    central, device = Central(), open_device(tmp_path / "device", site_keys=KEYS)
    central.install(device.store, device.clock)
    ada = device.store.people.add(Profile("Ada Lovelace", "7"))
    device.store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    device.store.templates.add(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))
    device.store.close()
    newest = new_site_key()
    device = open_device(tmp_path / "device", site_keys=KEYS.behind(newest))
    assert caught_up(device) == (0, 1)
    keys = [each.site_key for each in central.received(device.store) if isinstance(each, TemplateParcel)]
    assert keys == [KEY.key_id, newest.key_id]
    device.store.close()


def test_a_template_travels_from_one_ledger_to_the_other_through_an_office_that_cannot_read_it(
    site: Site, tmp_path: Path
) -> None:
    store = site.device.store
    ada = store.people.add(Profile("Ada Lovelace", "7"))
    store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    site.device.sharing.person(ada)
    store.templates.add(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))
    person, template = site.central.received(store)
    other = Site(open_device(tmp_path / "other", "second", site_keys=KEYS), site.central)
    site.central.install(other.device.store, other.device.clock)
    _, result = other.take(
        PutPerson(version=1, person=ada, details=site.central.details(person)), passed_on(template, version=2)
    )
    assert result.outcome == "done"
    assert other.device.store.templates.load_all(MODEL).matrix[0] == pytest.approx(vector(1))
    assert encode(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))[70:86] not in template.sealed.encode()
    other.device.store.close()


NUMBERS = st.sampled_from(["1", "2", "3"])
PEOPLE = st.sampled_from([ADA, BOB, CYD])
STEP = st.one_of(
    st.tuples(st.just("put"), PEOPLE, st.booleans(), st.booleans()),
    st.tuples(st.just("template"), PEOPLE, st.integers(1, 6)),
    st.tuples(st.just("no templates"), PEOPLE),
    st.tuples(st.just("remove"), PEOPLE),
)


def history(steps: list[tuple]) -> list[Change]:
    """Changes as an office makes them: a person's number is their own."""
    own = {ADA: "1", BOB: "2", CYD: "3"}
    changes: list[Change] = []
    for version, step in enumerate(steps, start=1):
        match step:
            case ("put", person, enabled, agreed):
                consent = AGREED if agreed else None
                changes.append(put(version, person, own[person], enabled=enabled, consent=consent))
            case ("template", person, seed):
                changes.append(sealed_template(version, person, seed=seed * 8 + "abc".index(person[0])))
            case ("no templates", person):
                changes.append(RemoveTemplates(version=version, person=person))
            case ("remove", person):
                changes.append(RemovePerson(version=version, person=person))
    return changes


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(STEP, min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    shuffled=st.randoms(use_true_random=False),
)
def test_parts_repeated_and_out_of_order_end_where_the_whole_ends(
    tmp_path: Path, steps: list[tuple], cuts: list[int], shuffled
) -> None:
    changes = history(steps)
    whole, parts = (Site(open_device(tmp_path / secrets.token_hex(8), site_keys=KEYS)) for _ in range(2))
    for each in (whole, parts):
        each.central.install(each.device.store, each.device.clock)
    whole.take(*changes)
    edges = sorted({0, len(changes), *(cut for cut in cuts if cut < len(changes))})
    documents = [parts.document(*changes[begin:end], base=begin) for begin, end in pairwise(edges)]
    deliveries = documents * 2
    shuffled.shuffle(deliveries)
    for _ in range(len(documents)):  # the office repeats what got no answer but "gap"
        for document in deliveries:
            parts.device.desk.take(document)
    assert parts.people == whole.people
    assert parts.device.store.progress.roster_version() == len(changes)
    assert parts.device.store.verify().problems == ()
    for each in (whole, parts):
        each.device.store.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=400), cut=st.integers(0, 400), bit=st.integers(0, 3000))
def test_whatever_is_sealed_and_signed_ends_in_an_answer(site: Site, noise: bytes, cut: int, bit: int) -> None:
    """The operator's key is right, and inside is anything: noise, half a roster, or one bit of it wrong."""
    good = bytearray(canonical_changes())
    good[bit % len(good)] ^= 1 << bit % 8
    sealing = site.device.store.device_keys.sealing
    assert sealing is not None
    before = site.people
    for plain in (noise, canonical_changes()[:cut], bytes(good)):
        blank = RosterDocument(
            site=SITE,
            device="kiosk",
            id=secrets.token_hex(16),
            base=0,
            version=2,
            issued=format_time(NOW),
            expires=format_time(NOW + timedelta(days=1)),
            sealed="",
        )
        sealed = to_text(seal(plain, to=sealing.public_key(), info=blank.info))
        document = sign_document(blank.model_copy(update={"sealed": sealed}), key=site.central.operator)
        result = result_of(site.device.store, site.device.desk.take(document).result)
        if result.outcome == "refused":
            assert site.people == before
        before = site.people
    assert site.device.store.verify().problems == ()


def canonical_changes() -> bytes:
    return canonical(RosterChanges(changes=[put(1, ADA, "7"), RemoveTemplates(version=2, person=BOB)]))


def test_a_kill_in_the_middle_of_an_application_leaves_all_or_nothing(site: Site, tmp_path: Path) -> None:
    people = [PersonId(secrets.token_hex(16)) for _ in range(20)]
    changes: list[Change] = [put(index + 1, person, str(index)) for index, person in enumerate(people)]
    changes += [sealed_template(21 + index, person, seed=index) for index, person in enumerate(people)]
    document = site.document(*changes)
    store = site.device.store
    for step in (1, 7, 25, 40, 41):
        store.close()
        child = os.fork()
        if child == 0:
            _die_at(tmp_path / "device", document, step)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
        site.device = open_device(tmp_path / "device", site_keys=KEYS)
        store = site.device.store
        assert store.progress.roster_version() == 0
        assert site.people == {}
    assert site.device.desk.take(document).outcome is Outcome.APPLIED
    assert len(site.people) == 20
    assert store.verify().problems == ()


def _die_at(folder: Path, document: bytes, step: int) -> None:
    """In a child: apply the document, and be killed at the n-th entry of the audit trail."""
    try:
        device = open_device(folder, site_keys=KEYS, clock=ManualClock())
        audit, written = device.store.audit, 0
        append = type(audit).append

        def counting(self: object, *given: object, **more: object) -> int:
            nonlocal written
            written += 1
            if written == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return append(self, *given, **more)  # type: ignore[arg-type]

        type(audit).append = counting  # type: ignore[method-assign, assignment]
        device.desk.take(document)
    finally:
        sys.stdout.flush()
        os._exit(1)
