"""Templates: only with consent, only their own row's, one model apart from another."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clockface.errors import SecretWrong
from edge.errors import ConsentMissing, EnrolmentError, LedgerCorrupt, PersonUnknown
from edge.store.store import Store
from edge.store.templates import decode, encode
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Template
from tests.edge.store.given import (
    CONSENT,
    MODEL,
    OTHER_MODEL,
    Premises,
    enrolled,
    fernet_key,
    keyring,
    profile,
    template,
    vector,
)


def test_templates_load_as_one_matrix_in_the_order_of_enrolment(store: Store) -> None:
    people = [enrolled(store, number) for number in range(3)]
    stored = [template(people[n % 3], seed=n) for n in range(7)]
    for each in stored:
        store.templates.add(each)
    loaded = store.templates.load_all(MODEL)
    assert loaded.template_ids == tuple(each.template_id for each in stored)
    assert loaded.person_ids == tuple(each.person_id for each in stored)
    assert np.array_equal(loaded.matrix, np.stack([each.vector for each in stored]))
    assert loaded.matrix.dtype == np.float32
    assert loaded.matrix.flags.c_contiguous
    assert loaded.matrix.flags.writeable
    assert store.templates.check_all() == 7


def test_no_templates_are_an_empty_matrix(store: Store) -> None:
    loaded = store.templates.load_all(MODEL)
    assert (loaded.template_ids, loaded.person_ids, loaded.matrix.shape) == ((), (), (0, 0))


def test_more_templates_than_a_batch_load_complete(store: Store) -> None:
    person_id = enrolled(store)
    with store.database.write():
        for seed in range(1203):
            store.templates.add(template(person_id, seed=seed, dim=8))
    loaded = store.templates.load_all(MODEL)
    assert loaded.matrix.shape == (1203, 8)
    assert np.array_equal(loaded.matrix[1202], vector(1202, 8))


def test_two_embedders_live_side_by_side(store: Store) -> None:
    person_id = enrolled(store)
    old, new = template(person_id, seed=1, dim=192), template(person_id, seed=2, model=OTHER_MODEL, dim=512)
    store.templates.add(old)
    store.templates.add(new)
    assert store.templates.load_all(MODEL).matrix.shape == (1, 192)
    assert np.array_equal(store.templates.load_all(OTHER_MODEL).matrix[0], new.vector)
    assert store.templates.counts_by_model() == {MODEL: 1, OTHER_MODEL: 1}
    assert store.templates.of_person(person_id) == ((old.template_id, MODEL), (new.template_id, OTHER_MODEL))


def test_disabled_people_are_not_loaded_until_they_are_enabled_again(store: Store) -> None:
    one, other = enrolled(store, 1), enrolled(store, 2)
    store.templates.add(template(one, seed=1))
    store.templates.add(template(other, seed=2))
    store.people.set_enabled(one, False)
    assert store.templates.load_all(MODEL).person_ids == (other,)
    assert store.templates.counts_by_person(MODEL) == {one: 1, other: 1}
    store.people.set_enabled(one, True)
    assert store.templates.load_all(MODEL).person_ids == (one, other)


def test_without_consent_or_person_there_is_no_template(store: Store) -> None:
    person_id = store.people.add(profile())
    with pytest.raises(ConsentMissing, match="consent"):
        store.templates.add(template(person_id))
    with pytest.raises(PersonUnknown):
        store.templates.add(template(PersonId("0" * 32)))
    assert store.templates.counts_by_model() == {}


def test_even_a_statement_past_the_code_cannot_store_one_without_consent(store: Store) -> None:
    person_id = store.people.add(profile())
    statement = (
        "INSERT INTO templates (template_id, person_id, model_hash, vector, written_by) "
        "VALUES ('a', ?, 'b', x'', 1)"
    )
    with pytest.raises(Exception, match="ledger refused"), store.database.write() as connection:
        connection.execute(statement, (person_id,))


def test_one_template_is_removed_and_the_others_stay(store: Store) -> None:
    person_id = enrolled(store)
    kept, gone = template(person_id, seed=1), template(person_id, seed=2)
    store.templates.add(kept)
    store.templates.add(gone)
    assert store.templates.remove(gone.template_id)
    assert not store.templates.remove(gone.template_id)
    assert store.templates.load_all(MODEL).template_ids == (kept.template_id,)


@pytest.mark.parametrize("column", ["vector", "person_id", "model_hash", "template_id"])
def test_a_moved_token_is_refused_and_its_row_named(store: Store, column: str) -> None:
    one, other = enrolled(store, 1), enrolled(store, 2)
    first, second = template(one, seed=1), template(other, seed=2)
    store.templates.add(first)
    store.templates.add(second)
    values = {
        "vector": "(SELECT vector FROM templates WHERE template_id = :first)",
        "person_id": ":one",
        "model_hash": f"'{OTHER_MODEL}'",
        "template_id": "'ffffffffffffffffffffffffffffffff'",
    }
    with store.database.write() as connection:
        connection.execute("DELETE FROM template_dates")  # they hold on to the id
        connection.execute(
            f"UPDATE templates SET {column} = {values[column]} WHERE template_id = :second",  # noqa: S608
            {"first": first.template_id, "second": second.template_id, "one": one},
        )
    name = "f" * 32 if column == "template_id" else second.template_id
    with pytest.raises(LedgerCorrupt, match=f"another row .template {name}"):
        store.templates.load_all(OTHER_MODEL if column == "model_hash" else MODEL)


@pytest.mark.parametrize("garbage", [b"", b"gAAAAA", b"\x00" * 100])
def test_garbage_is_refused_and_its_row_named(store: Store, garbage: bytes) -> None:
    each = template(enrolled(store))
    store.templates.add(each)
    with store.database.write() as connection:
        connection.execute("UPDATE templates SET vector = ?", (garbage,))
    with pytest.raises(LedgerCorrupt, match=each.template_id):
        store.templates.load_all(MODEL)


def test_what_another_key_wrote_is_a_wrong_key_and_not_corruption(store: Store, premises: Premises) -> None:
    old, new = fernet_key(), fernet_key()
    data = fernet_key()
    seed = bytes(range(1, 33))
    premises.path.unlink()
    store.close()
    both = keyring(data=data, face=f"{new},{old}", seed=seed)
    before = Premises(premises.path, keyring(data=data, face=old, seed=seed), premises.clock).create()
    person_id = enrolled(before)
    before.templates.add(template(person_id, seed=1))
    before.close()
    staged = premises.open(keys=both)
    staged.templates.add(template(person_id, seed=2))
    assert staged.templates.load_all(MODEL).matrix.shape == (2, 192)
    staged.close()
    with pytest.raises(SecretWrong, match="FACE_DATA_ENCRYPTION_KEY"):
        premises.open(keys=keyring(data=data, face=new, seed=seed))


def test_consent_renewed_lets_the_templates_be(store: Store) -> None:
    person_id = enrolled(store)
    store.templates.add(template(person_id))
    store.consents.record(person_id, replace(CONSENT, text_version="2027-1"))
    assert store.templates.load_all(MODEL).matrix.shape == (1, 192)


def bad_templates() -> list[Template]:
    good = template(PersonId("1" * 32))
    nan = good.vector.copy()
    nan[3] = np.nan
    return [
        replace(good, vector=good.vector * 2),
        replace(good, vector=np.zeros(192, dtype=np.float32)),
        replace(good, vector=nan),
        replace(good, vector=good.vector.astype(np.float64)),
        replace(good, vector=good.vector.reshape(1, -1)),
        replace(good, vector=np.array([], dtype=np.float32)),
        replace(good, template_id=TemplateId("x")),
        replace(good, person_id=PersonId("../etc/passwd")),
        replace(good, model_hash=ModelHash("AB" * 32)),
    ]


@pytest.mark.parametrize("number", range(len(bad_templates())))
def test_a_malformed_template_is_refused(number: int) -> None:
    with pytest.raises(EnrolmentError, match="template"):
        encode(bad_templates()[number])


@given(st.integers(1, 600), st.integers(0, 2**32 - 1))
def test_a_template_decodes_to_the_same_bits(dim: int, seed: int) -> None:
    each = Template(TemplateId("1" * 32), PersonId("2" * 32), MODEL, vector(seed, dim))
    raw = encode(each)
    found = decode(raw, template_id=each.template_id, person_id=each.person_id, model_hash=each.model_hash)
    assert found.tobytes() == each.vector.tobytes()


@given(st.binary(max_size=400) | st.binary(max_size=300).map(lambda tail: b"CFT1" + tail))
def test_no_bytes_decode_to_another_rows_template(raw: bytes) -> None:
    with pytest.raises(LedgerCorrupt):
        decode(raw, template_id="1" * 32, person_id="2" * 32, model_hash="3" * 64)


@given(st.data())
def test_a_changed_header_or_length_is_refused(data: st.DataObject) -> None:
    each = Template(TemplateId("1" * 32), PersonId("2" * 32), MODEL, vector(1, 8))
    raw = bytearray(encode(each))
    if data.draw(st.booleans()):
        raw[data.draw(st.integers(0, 69))] ^= data.draw(st.integers(1, 255))
    else:
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]
    with pytest.raises(LedgerCorrupt):
        decode(bytes(raw), template_id=each.template_id, person_id=each.person_id, model_hash=each.model_hash)


def test_a_template_shows_nothing_of_its_vector(store: Store) -> None:
    store.templates.add(template(enrolled(store)))
    assert repr(store.templates.load_all(MODEL)) == "TemplateSet(1 templates, ********)"
