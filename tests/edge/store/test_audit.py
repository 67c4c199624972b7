"""The audit trail: with the act or not at all, in a chain, and no free text."""

import pytest

from edge.errors import StoreError
from edge.store.audit import DAEMON
from edge.store.store import Store
from tests.edge.store.given import Premises, profile
from tests.fakes import ManualClock


def test_a_new_ledger_says_that_it_was_created(store: Store) -> None:
    assert [(e.seq, e.actor, e.action, e.detail) for e in store.audit.list()] == [
        (1, DAEMON, "epoch.begun", "provisioned"),
        (2, DAEMON, "ledger.created", ""),
    ]


def test_entries_read_back_in_order_and_in_pages(store: Store, premises: Premises, clock: ManualClock) -> None:
    for number in range(1200):
        clock.advance(1)
        with store.database.write():
            store.audit.append("config.changed", actor="jones", subject="ab" * 16, detail=f"n={number}")
    store.close()
    reopened = premises.open()
    entries = list(reopened.audit.list(after=2))
    assert [e.detail for e in entries] == [f"n={number}" for number in range(1200)]
    assert entries[-1].at == clock.now().wall
    assert [e.seq for e in reopened.audit.list(after=10, limit=3)] == [11, 12, 13]
    assert list(reopened.audit.list(after=5000)) == []
    assert list(reopened.audit.list(limit=0)) == []
    assert reopened.audit.verify() == 1202
    reopened.close()


def test_an_act_that_fails_leaves_no_entry(store: Store) -> None:
    def act() -> None:
        with store.database.write():
            store.audit.append("person.added")
            raise RuntimeError

    before = store.audit.verify()
    with pytest.raises(RuntimeError):
        act()
    assert store.audit.verify() == before


@pytest.mark.parametrize("field", ["action", "subject", "detail"])
@pytest.mark.parametrize("text", ["Ada Lovelace", "a b", "x" * 201, "é", "a\n", "'; --"])
def test_free_text_is_refused(store: Store, field: str, text: str) -> None:
    arguments = {"action": "person.added", field: text}
    action = arguments.pop("action")
    with pytest.raises(StoreError, match="codes"):
        store.audit.append(action, **arguments)


def test_two_like_acts_have_different_hashes_so_that_none_can_be_guessed(
    store: Store, premises: Premises
) -> None:
    store.people.add(profile(1))
    with store.database.read() as connection:
        prev, digest = connection.execute("SELECT prev_hash, hash FROM audit ORDER BY seq DESC").fetchone()
    assert prev != digest
    entry = list(store.audit.list())[-1]
    assert entry.hash == digest.hex()
