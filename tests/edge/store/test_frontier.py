"""What the office has committed: it only moves forward, and a fork alarms without stopping anything."""

from dataclasses import replace

import pytest

from edge.errors import LedgerFork, StoreError
from edge.store.store import Store
from edge.types.identity import DeviceId, EpochId
from tests.edge.store.given import Premises, enrolled, punch
from tests.fakes import ManualClock


def test_everything_is_pending_until_the_office_says_so(store: Store, clock: ManualClock) -> None:
    created = clock.now().wall
    person_id = enrolled(store)
    ids = [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(4)]
    assert store.frontier.current() is None
    assert (store.frontier.pending().events, store.frontier.pending().oldest_at) == (5, created)
    assert store.frontier.advance(ids[1])
    assert store.frontier.current() == ids[1]
    pending = store.frontier.pending()
    assert pending.events == 2
    assert (clock.now().wall - pending.oldest_at).total_seconds() == 60
    assert store.frontier.advance(ids[3])
    assert (store.frontier.pending().events, store.frontier.pending().oldest_at) == (0, None)


def test_a_late_acknowledgement_does_not_move_it_back(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    ids = [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(3)]
    store.frontier.advance(ids[2])
    assert not store.frontier.advance(ids[0])
    assert not store.frontier.advance(ids[2])
    assert store.frontier.current() == ids[2]


def test_it_moves_over_the_end_of_an_epoch_and_not_back(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    old = store.events.record(punch(person_id, clock.advance(60))).id
    begun = store.events.begin_epoch("replaced")
    assert store.frontier.advance(old)
    assert store.frontier.advance(begun)
    assert not store.frontier.advance(old)
    assert store.frontier.current() == begun
    assert store.frontier.pending().events == 0


def test_a_later_epochs_ack_says_nothing_of_an_earlier_epochs_rest(store: Store, clock: ManualClock) -> None:
    """The office may have refused the rest: it stays pending until it is acknowledged or issued again."""
    person_id = enrolled(store)
    ids = [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(3)]
    store.frontier.advance(ids[0])
    begun = store.events.begin_epoch("replaced")
    assert store.frontier.advance(begun)
    assert store.frontier.current() == ids[0]
    assert store.frontier.pending().events == store.frontier.pending_count() == 3
    assert store.frontier.advance(ids[2])
    assert store.frontier.current() == begun
    assert store.frontier.pending().events == 0


def test_it_survives_a_restart(store: Store, premises: Premises) -> None:
    head = store.events.head()
    store.frontier.advance(head)
    store.close()
    reopened = premises.open()
    assert reopened.frontier.current() == head
    reopened.close()


@pytest.mark.parametrize("fault", ["hash", "garbled hash", "seq", "epoch"])
def test_a_fork_alarms_once_stops_nothing_and_moves_nothing(
    store: Store, clock: ManualClock, fault: str
) -> None:
    person_id = enrolled(store)
    mine = store.events.record(punch(person_id, clock.advance(60))).id
    theirs = {
        "hash": replace(mine, hash="0" * 64),
        "garbled hash": replace(mine, hash="<>"),
        "seq": replace(mine, seq=99),
        "epoch": replace(mine, epoch=EpochId("000002-0123456789abcdef")),
    }[fault]
    for _ in range(2):
        with pytest.raises(LedgerFork):
            store.frontier.advance(theirs)
    (alarm,) = store.alarms.raised()
    assert (alarm.kind, alarm.detail) == ("fork", f"{theirs.epoch}/{theirs.seq}")
    assert store.frontier.current() is None
    assert store.events.record(punch(person_id, clock.advance(60))).id.seq == 3
    assert store.frontier.advance(mine)


def test_an_alarm_stays_until_it_is_cleared_and_comes_again(store: Store, premises: Premises) -> None:
    store.alarms.raise_alarm("fork", "here")
    store.close()
    reopened = premises.open()
    (alarm,) = reopened.alarms.raised()
    assert reopened.alarms.clear(alarm.number)
    assert not reopened.alarms.clear(alarm.number)
    assert reopened.alarms.raised() == ()
    reopened.alarms.raise_alarm("fork", "here")
    assert len(reopened.alarms.raised()) == 1
    reopened.close()


def test_another_devices_acknowledgement_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="another device"):
        store.frontier.advance(replace(store.events.head(), device=DeviceId("kiosk-2")))
    assert store.alarms.raised() == ()
