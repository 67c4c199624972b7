"""A record that its person disowns stays in the chain, and counts for nobody."""

from datetime import timedelta

from edge.store.reissue import Reissued
from edge.store.store import Store
from sync.wire import envelope
from sync.wire.events import AnyEvent, AttendanceVoided, CorrectionRequested, read_event
from tests.edge.store.given import Premises, enrolled, punch
from tests.fakes import ManualClock


def last_event(store: Store) -> AnyEvent:
    return read_event(envelope.decode(store.events.envelopes_after(None, limit=100)[-1].envelope).payload)


def test_the_punch_before_a_disowned_one_is_the_last_again(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    first = store.events.record(punch(person_id, clock.advance(60)))
    second = store.events.record(punch(person_id, clock.advance(60)))
    assert store.events.void(second) is not None
    assert store.events.last_punch(person_id) == first
    assert list(store.events.punches()) == [first]
    said = last_event(store)
    assert isinstance(said, AttendanceVoided)
    assert (said.data.person, said.data.voids.hash) == (person_id, second.id.hash)
    assert store.verify().problems == ()


def test_a_first_punch_that_is_disowned_leaves_none(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    only = store.events.record(punch(person_id, clock.advance(60)))
    assert store.events.void(only) is not None
    assert store.events.last_punch(person_id) is None


def test_only_the_last_punch_can_be_disowned_and_only_once(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    first = store.events.record(punch(person_id, clock.advance(60)))
    second = store.events.record(punch(person_id, clock.advance(60)))
    assert store.events.void(first) is None
    assert store.events.void(second) is not None
    assert store.events.void(second) is None


def test_what_was_disowned_stays_so_over_a_restart_and_when_it_is_issued_again(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    person_id = enrolled(store)
    first = store.events.record(punch(person_id, clock.advance(60)))
    second = store.events.record(punch(person_id, clock.advance(60)))
    store.events.void(second)
    assert store.reissues.answer(first.id) is Reissued.DONE
    assert [each.punch for each in store.events.punches()] == [first.punch]
    last = store.events.last_punch(person_id)
    assert last is not None
    assert last.punch == first.punch
    store.close()
    reopened = premises.open()
    assert [each.punch for each in reopened.events.punches()] == [first.punch]
    reopened.close()


def test_a_person_asks_for_a_record_that_is_missing(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    here = store.events.record(punch(person_id, clock.advance(60)))
    moment = clock.now().wall - timedelta(hours=15)
    store.events.request_correction(here, direction="out", moment=moment)
    asked = last_event(store)
    assert isinstance(asked, CorrectionRequested)
    assert (asked.data.person, asked.data.direction, asked.at) == (person_id, "out", clock.now().wall)
    assert asked.data.asked_with.hash == here.id.hash
