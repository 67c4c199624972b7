"""The keys change while the ledger is in use: every token moves, none is lost, no old key is given up early."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from clockface.errors import SecretWrong
from edge.errors import LedgerCorrupt
from edge.store.keys import Keyring
from edge.store.noticeboard import Closure
from edge.store.office import Office, key_text
from edge.store.parcels import new_id
from edge.store.rotation import RotationState
from edge.store.store import Store
from edge.store.tokens import TOKEN_COLUMNS, row_count
from sync.wire.fields import format_time
from sync.wire.parcels import CrashParcel
from tests.edge.store.given import (
    KIOSK,
    MODEL,
    SITE,
    Premises,
    enrolled,
    fernet_key,
    keyring,
    profile,
    punch,
    template,
)
from tests.fakes import ManualClock


def filled(store: Store, clock: ManualClock) -> None:
    """A row in every table that holds tokens."""
    for number in range(3):
        person_id = enrolled(store, number)
        store.templates.add(template(person_id, seed=number))
        for _ in range(4):
            store.events.record(punch(person_id, clock.advance(61)))
    key = key_text(b"\x07" * 32)
    store.office.install(Office("office", "ab" * 16, (key,), (key,), key, clock.now().wall, "jones"))
    store.noticeboard.close_kiosk(Closure("cleaning", "cd" * 16))
    store.noticeboard.put("ef" * 16, "hello", person_id=None, until=clock.now().wall + timedelta(days=1))
    store.progress.answer("01" * 16, b"result")
    at = format_time(clock.now().wall)
    store.parcels.add(
        CrashParcel(
            site=SITE, device=KIOSK, id=new_id(), at=at, process="edge", software="1",
            error=["ValueError"], frames=[], times=1,
        )
    )  # fmt: skip


class Keys:
    """An old and a new pair, and the three keyrings of a rotation."""

    def __init__(self) -> None:
        seed = bytes(range(32))
        data, face, new_data, new_face = (fernet_key() for _ in range(4))
        self.old = keyring(data=data, face=face, seed=seed)
        self.staged = keyring(data=f"{new_data},{data}", face=f"{new_face},{face}", seed=seed)
        self.back = keyring(data=f"{data},{new_data}", face=f"{face},{new_face}", seed=seed)
        self.new = keyring(data=new_data, face=new_face, seed=seed)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def before(premises: Premises, clock: ManualClock, keys: Keys) -> Premises:
    """A closed ledger with a row in every table, under the old keys."""
    old = replace(premises, keys=keys.old)
    with closing(old.create()) as store:
        filled(store, clock)
    return old


@pytest.fixture
def staged(before: Premises, keys: Keys) -> Iterator[Store]:
    with closing(before.open(keys=keys.staged)) as store:
        yield store


def rotate(store: Store, *, rows: int = 3) -> int:
    store.rotation.begin()
    batches = 0
    while store.rotation.step(rows=rows, monotonic_s=time.monotonic) is not None:
        batches += 1
    return batches


def opens_with(premises: Premises, keys: Keyring) -> None:
    with closing(premises.open(keys=keys)) as store:
        assert store.verify().problems == ()
        assert len(store.templates.load_all(MODEL).template_ids) == 3
        assert sum(1 for _ in store.events.punches()) == 12


def test_every_table_of_tokens_has_a_row_in_these_tests(staged: Store) -> None:
    empty = {name for name, tokens in tokens_in(staged).items() if not tokens}
    assert empty == {"badge_key.body", "badges.body", "credentials.body", "lockouts.body"}


def tokens_in(store: Store) -> dict[str, int]:
    with store.database.read() as connection:
        return {column.name: row_count(connection, column) for column in TOKEN_COLUMNS}


def test_after_a_rotation_the_new_keys_alone_open_everything(
    staged: Store, before: Premises, keys: Keys
) -> None:
    assert staged.rotation.old_tokens() > 0
    rotate(staged)
    assert staged.rotation.old_tokens() == 0
    there = sum(tokens_in(staged).values())
    assert staged.rotation.verify_alone() == there
    journal = staged.rotation.journal()
    assert journal is not None
    assert journal.state is RotationState.VERIFIED
    assert journal.done == journal.total
    staged.close()
    opens_with(before, keys.new)
    with pytest.raises(SecretWrong):
        before.open(keys=keys.old)


def test_hashes_signatures_and_the_audit_chain_stay(staged: Store) -> None:
    query = "SELECT position, hash, prev_hash, signature FROM events ORDER BY position"
    with staged.database.read() as connection:
        was = connection.execute(query).fetchall()
    rotate(staged)
    with staged.database.read() as connection:
        assert connection.execute(query).fetchall() == was
    assert staged.verify().problems == ()


def test_the_kiosk_records_and_enrols_meanwhile(staged: Store, clock: ManualClock) -> None:
    staged.rotation.begin()
    person_id = staged.people.list()[0].person_id
    number = 0
    while staged.rotation.step(rows=2, monotonic_s=time.monotonic) is not None:
        number += 1
        if number < 9:
            staged.events.record(punch(person_id, clock.advance(61)))
            staged.templates.add(template(person_id, seed=100 + number))
            staged.people.update(person_id, profile(0, name=f"Ada {number}"))
    assert staged.rotation.old_tokens() == 0
    assert staged.people.get(person_id).profile.name == "Ada 8"
    assert staged.verify().problems == ()


def test_a_row_that_somebody_writes_between_reading_and_writing_is_theirs(staged: Store) -> None:
    person_id = staged.people.list()[0].person_id
    staged.rotation.begin()
    changed = False

    def late() -> float:
        """Called when a batch has read its rows and holds the ledger, before its updates."""
        nonlocal changed
        journal = staged.rotation.journal()
        if not changed and journal is not None and journal.done >= 5:  # the five rows before people
            staged.people.update(person_id, profile(0, name="Changed Meanwhile"))
            changed = True
        return 0.0

    while staged.rotation.step(rows=100, monotonic_s=late) is not None:
        pass
    assert changed
    assert staged.people.get(person_id).profile.name == "Changed Meanwhile"


def test_a_pause_lasts_over_a_restart_and_a_resume_goes_on(staged: Store, before: Premises, keys: Keys) -> None:
    staged.rotation.begin()
    for _ in range(4):
        staged.rotation.step(rows=2, monotonic_s=time.monotonic)
    staged.rotation.pause()
    assert staged.rotation.step(rows=2, monotonic_s=time.monotonic) is None
    at = staged.rotation.journal()
    staged.close()
    with closing(before.open(keys=keys.staged)) as again:
        assert again.rotation.journal() == at
        assert again.rotation.step(rows=2, monotonic_s=time.monotonic) is None
        rotate(again)
        assert again.rotation.old_tokens() == 0


def test_with_the_keys_in_their_old_order_everything_moves_back(
    staged: Store, before: Premises, keys: Keys
) -> None:
    staged.rotation.begin()
    for _ in range(6):
        staged.rotation.step(rows=3, monotonic_s=time.monotonic)
    staged.close()
    with closing(before.open(keys=keys.back)) as back:
        assert back.rotation.under_way() is None  # the journal is of a rotation to other keys
        rotate(back)
        back.rotation.verify_alone()
    opens_with(before, keys.old)


def test_rows_that_a_start_with_the_old_order_wrote_are_found_at_the_end(
    staged: Store, before: Premises, keys: Keys, clock: ManualClock
) -> None:
    staged.rotation.begin()
    while (journal := staged.rotation.journal()) and journal.done < journal.total:
        staged.rotation.step(rows=50, monotonic_s=time.monotonic)
    staged.close()
    with closing(before.open(keys=keys.back)) as back:
        person_id = back.people.list()[0].person_id
        back.people.update(person_id, profile(0, name="Written With The Old Key"))
    with closing(before.open(keys=keys.staged)) as again:
        rotate(again)
        assert again.rotation.old_tokens() == 0
        again.rotation.verify_alone()


def test_old_keys_are_not_forgotten_while_a_row_needs_one(staged: Store) -> None:
    staged.rotation.begin()
    staged.rotation.step(rows=3, monotonic_s=time.monotonic)
    with pytest.raises(SecretWrong, match="need an old key"):
        staged.rotation.forget_old_keys()
    with pytest.raises(SecretWrong):
        staged.rotation.verify_alone()
    assert staged.verify().problems == ()


def test_once_forgotten_an_old_key_is_gone_from_memory(staged: Store, clock: ManualClock) -> None:
    rotate(staged)
    staged.rotation.forget_old_keys()
    person_id = staged.people.list()[0].person_id
    staged.events.record(punch(person_id, clock.advance(61)))
    assert staged.verify().problems == ()
    assert [entry.action for entry in staged.audit.list()][-1] == "keys.old_forgotten"


def test_an_altered_token_stops_the_rotation_by_name_and_loses_nothing(staged: Store) -> None:
    with staged.database.write() as connection:
        connection.execute("UPDATE consents SET body = CAST('x' || substr(body, 2) AS BLOB) WHERE row = 2")
    with pytest.raises(LedgerCorrupt) as caught:
        rotate(staged, rows=1)
    assert caught.value.where == "consents.body row 2"
    assert staged.rotation.old_tokens() > 0


def test_a_key_knows_since_when_it_writes(staged: Store, keys: Keys) -> None:
    since = staged.rotation.since()
    assert set(since) == {*keys.staged.data.keys, *keys.staged.face.keys}
    assert None not in since.values()


def test_a_rotation_of_nothing_ends_at_once(before: Premises) -> None:
    with closing(before.open()) as store:
        rotate(store)
        journal = store.rotation.journal()
    assert journal is not None
    assert journal.state is RotationState.REWRITTEN
