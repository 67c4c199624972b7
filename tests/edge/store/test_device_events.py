"""What a device says of itself: a test that means nothing else, and its last event."""

from edge.store.store import Store
from sync.wire import envelope
from sync.wire.events import AnyEvent, DeviceRetired, DeviceTested, read_event
from tests.edge.store.given import enrolled, punch
from tests.fakes import ManualClock


def events(store: Store) -> list[AnyEvent]:
    signed = store.events.envelopes_after(None, limit=100)
    return [read_event(envelope.decode(each.envelope).payload) for each in signed]


def test_a_test_is_an_event_of_the_chain_that_no_record_follows_from(store: Store) -> None:
    event = store.events.test(actor="jones")
    last = events(store)[-1]
    assert isinstance(last, DeviceTested)
    assert (last.epoch, last.seq) == (event.epoch, event.seq)
    assert list(store.events.punches()) == []
    entry = list(store.audit.list())[-1]
    assert (entry.action, entry.actor, entry.subject) == ("device.tested", "jones", last.data.test)
    assert store.verify().problems == ()


def test_a_retirement_says_why(store: Store) -> None:
    store.events.retire("moved", actor="jones")
    last = events(store)[-1]
    assert isinstance(last, DeviceRetired)
    assert last.data.reason == "moved"


def test_what_a_device_said_is_issued_again_with_the_rest(store: Store, clock: ManualClock) -> None:
    recorded = store.events.record(punch(enrolled(store), clock.advance(60)))
    store.events.test(actor="jones")
    store.reissues.answer(recorded.id)
    assert [type(each).__name__ for each in events(store)][-2:] == ["AttendanceRecorded", "DeviceTested"]
