"""Consent: recorded with its circumstances, withdrawn at any time, and then the templates are gone."""

from dataclasses import replace
from datetime import datetime

import pytest

from edge.errors import ConsentMissing, EnrolmentError, PersonUnknown
from edge.store.store import Store
from edge.types.identity import PersonId
from edge.types.people import Consent
from tests.edge.store.given import CONSENT, MODEL, Premises, enrolled, profile, template


def test_the_newest_consent_is_in_force_and_the_others_are_history(store: Store) -> None:
    person_id = store.people.add(profile())
    assert store.consents.current(person_id) is None
    newer = replace(CONSENT, text_version="2026-2", how="screen")
    store.consents.record(person_id, CONSENT)
    store.consents.record(person_id, newer)
    assert store.consents.current(person_id) == newer
    assert store.consents.history(person_id) == (CONSENT, newer)


def test_withdrawal_erases_the_templates_and_keeps_the_person(store: Store) -> None:
    person_id, other = enrolled(store, 1), enrolled(store, 2)
    for seed in range(3):
        store.templates.add(template(person_id, seed=seed))
    store.templates.add(template(other, seed=9))
    assert store.consents.withdraw(person_id) == 3
    assert store.consents.current(person_id) is None
    assert store.consents.history(person_id) == (CONSENT,)
    assert store.people.get(person_id).enabled
    assert store.templates.load_all(MODEL).person_ids == (other,)
    with pytest.raises(ConsentMissing):
        store.templates.add(template(person_id))


def test_an_erased_template_is_in_no_page_of_the_file(store: Store, premises: Premises) -> None:
    person_id = enrolled(store)
    store.templates.add(template(person_id))
    with store.database.read() as connection:
        token = connection.execute("SELECT vector FROM templates").fetchone()[0]
    store.consents.withdraw(person_id)
    files = [premises.path, premises.path.with_name("ledger.db-wal")]
    assert not any(token[200:400] in file.read_bytes() for file in files if file.exists())


@pytest.mark.parametrize(
    "bad",
    [
        replace(CONSENT, text_version=""),
        replace(CONSENT, language="x" * 101),
        replace(CONSENT, how="shouted"),
        replace(CONSENT, taken_by=""),
        replace(CONSENT, given_at=datetime(2026, 1, 1)),  # noqa: DTZ001 - what is refused
    ],
)
def test_an_incomplete_consent_is_refused(store: Store, bad: Consent) -> None:
    person_id = store.people.add(profile())
    with pytest.raises(EnrolmentError):
        store.consents.record(person_id, bad)
    assert store.consents.current(person_id) is None


def test_nobodys_consent_is_refused(store: Store) -> None:
    nobody = PersonId("0" * 32)
    with pytest.raises(PersonUnknown):
        store.consents.record(nobody, CONSENT)
    with pytest.raises(PersonUnknown):
        store.consents.withdraw(nobody)
