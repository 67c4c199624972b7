"""People: random ids outside, names and numbers encrypted, numbers unique."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EnrolmentError, LedgerCorrupt, NumberTaken, PersonUnknown
from edge.store.people import checked, number_form
from edge.store.store import Store
from edge.types.identity import PersonId
from edge.types.people import Profile
from tests.edge.store.given import CONSENT, MODEL, OTHER_MODEL, Premises, enrolled, profile, template
from tests.fakes import ManualClock

NOBODY = PersonId("0" * 32)


def test_a_person_reads_back_as_added(store: Store, clock: ManualClock) -> None:
    person_id = store.people.add(profile("0042"))
    person = store.people.get(person_id)
    assert (person.profile, person.enabled, person.enrolled_at) == (profile("0042"), True, clock.now().wall)
    assert (person.templates, person.consented) == ({}, False)
    assert store.people.find_by_number(" 0042 ") == person
    assert store.people.list() == (person,)
    assert store.people.count() == 1


def test_people_survive_a_restart(store: Store, premises: Premises) -> None:
    person_id = store.people.add(profile())
    store.close()
    reopened = premises.open()
    assert reopened.people.get(person_id).profile == profile()
    with pytest.raises(NumberTaken):
        reopened.people.add(profile())
    reopened.close()


def test_a_person_shows_consent_and_templates_by_model(store: Store) -> None:
    one, other = enrolled(store, 1), store.people.add(profile(2))
    for seed, model in ((1, MODEL), (2, MODEL), (3, OTHER_MODEL)):
        store.templates.add(template(one, seed=seed, model=model))
    assert store.people.get(one).templates == {MODEL: 2, OTHER_MODEL: 1}
    assert [(p.person_id, p.consented, dict(p.templates)) for p in store.people.list()] == [
        (one, True, {MODEL: 2, OTHER_MODEL: 1}),
        (other, False, {}),
    ]


@pytest.mark.parametrize("again", ["A-7", " a-7 ", "\uff21-7"])
def test_a_number_is_taken_whatever_its_case_spaces_or_width(store: Store, again: str) -> None:
    first = store.people.add(profile("A-7"))
    with pytest.raises(NumberTaken) as refused:
        store.people.add(profile(again))
    assert first in str(refused.value)
    assert "A-7" not in str(refused.value)
    assert store.people.count() == 1


def test_the_same_name_may_come_twice(store: Store) -> None:
    assert store.people.add(profile(1)) != store.people.add(profile(2))


def test_an_update_keeps_the_id_and_the_day_of_enrolment(store: Store, clock: ManualClock) -> None:
    first, second = store.people.add(profile(1)), store.people.add(profile(2))
    enrolled_at = store.people.get(first).enrolled_at
    clock.advance(1000)
    store.people.update(first, profile(3, "Ada King"))
    changed = store.people.get(first)
    assert (changed.profile.name, changed.enrolled_at) == ("Ada King", enrolled_at)
    assert store.people.find_by_number("1") is None
    assert store.people.find_by_number("3") == changed
    store.people.update(first, profile(3, "Ada Lovelace"))  # keeping one's own number is no conflict
    with pytest.raises(NumberTaken):
        store.people.update(second, profile(3))
    with pytest.raises(PersonUnknown):
        store.people.update(NOBODY, profile(9))


def test_disabling_is_remembered_and_undone(store: Store) -> None:
    person_id = store.people.add(profile())
    store.people.set_enabled(person_id, False)
    assert not store.people.get(person_id).enabled
    store.people.set_enabled(person_id, True)
    assert store.people.get(person_id).enabled
    with pytest.raises(PersonUnknown):
        store.people.set_enabled(NOBODY, False)


def test_removal_takes_profile_consent_and_templates_along(store: Store) -> None:
    person_id = enrolled(store)
    store.templates.add(template(person_id))
    store.people.remove(person_id)
    with pytest.raises(PersonUnknown):
        store.people.get(person_id)
    assert store.consents.current(person_id) is None
    assert store.templates.counts_by_model() == {}
    assert store.people.add(profile())  # the number is free again
    with pytest.raises(PersonUnknown):
        store.people.remove(person_id)


def test_what_was_removed_is_in_no_page_of_the_file(store: Store, premises: Premises) -> None:
    person_id = enrolled(store)
    with store.database.read() as connection:
        token = connection.execute("SELECT profile FROM people").fetchone()[0]
    store.people.remove(person_id)
    store.people.add(profile(2))
    files = [premises.path, premises.path.with_name("ledger.db-wal")]
    assert not any(token[40:] in file.read_bytes() for file in files if file.exists())


def test_a_profile_moved_to_another_row_is_refused(store: Store) -> None:
    one, other = store.people.add(profile(1)), store.people.add(profile(2))
    with store.database.write() as connection:
        connection.execute(
            "UPDATE people SET profile = (SELECT profile FROM people WHERE person_id = ?) WHERE person_id = ?",
            (one, other),
        )
    assert store.people.get(one).profile.number == "1"
    with pytest.raises(LedgerCorrupt, match=f"another row.*{other}"):
        store.people.get(other)


def test_a_consent_passed_off_as_a_profile_is_refused(store: Store) -> None:
    person_id = enrolled(store)
    with store.database.write() as connection:
        connection.execute("UPDATE people SET profile = (SELECT body FROM consents)")
    with pytest.raises(LedgerCorrupt, match="another row"):
        store.people.get(person_id)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (Profile("", "1"), "the name is empty"),
        (Profile("Ada", " \t"), "the number is empty"),
        (Profile("A" * 201, "1"), "longer than 200"),
        (Profile("Ada", "1" * 65), "longer than 64"),
        (Profile("Ada", "1", language="x" * 36), "the language is longer"),
        (Profile("Ada\x1b[31m", "1"), "control"),
        (Profile("Ada", "1\n2"), "control"),
        (Profile("Ada\ud800", "1"), "control"),
        (Profile("Ada", "1", greeting="a\u2028b"), "control"),
    ],
)
def test_a_bad_profile_is_refused_without_being_quoted(store: Store, bad: Profile, says: str) -> None:
    with pytest.raises(EnrolmentError, match=says) as refused:
        store.people.add(bad)
    assert "Ada" not in str(refused.value)
    assert store.people.list() == ()


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_checked_profile_stays_as_it_is_or_is_refused(name: str, number: str) -> None:
    try:
        once = checked(Profile(name, number))
    except EnrolmentError:
        return
    assert checked(once) == once
    assert number_form(once.number) == number_form(number)


def test_every_act_is_in_the_audit_with_its_actor(store: Store) -> None:
    person_id = store.people.add(profile(), actor="jones")
    store.consents.record(person_id, CONSENT, actor="smith")
    store.people.update(person_id, replace(profile(), greeting=""), actor="jones")
    store.people.set_enabled(person_id, False, actor="jones")
    store.consents.withdraw(person_id, actor="smith")
    store.people.remove(person_id, actor="root")
    acts = [(e.actor, e.action, e.subject) for e in store.audit.list() if e.subject == person_id]
    assert acts == [
        ("jones", "person.added", person_id),
        ("smith", "consent.recorded", person_id),
        ("jones", "person.updated", person_id),
        ("jones", "person.disabled", person_id),
        ("smith", "consent.withdrawn", person_id),
        ("root", "person.removed", person_id),
    ]
