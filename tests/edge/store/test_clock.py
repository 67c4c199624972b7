"""Time marks and corrections: the right time is told of old events, and history is not rewritten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.store.clock import Mark, TimedEvent, corrections, next_mark
from edge.store.store import Store
from edge.types.clock import ClockTrust, Instant
from sync.wire import envelope
from sync.wire import events as wire
from tests.edge.store.given import Premises, enrolled, punch
from tests.fakes import FIRST_INSTANT, ManualClock

EPOCH = "000001-0123456789abcdef"
SOME_OFF_S = -3_600_000.25


def issued(store: Store) -> list[wire.ClockCorrected]:
    payloads = (
        envelope.decode(each.envelope).payload for each in store.events.envelopes_after(None, limit=1000)
    )
    events = (wire.read_event(payload) for payload in payloads)
    return [event for event in events if isinstance(event, wire.ClockCorrected)]


def booted(premises: Premises, clock: ManualClock) -> Store:
    """A ledger made under a synchronised clock, then a boot with a clock that is far behind."""
    store = premises.create()
    clock.reboot(wall=clock.instant.wall + timedelta(seconds=SOME_OFF_S))
    clock.trust(ClockTrust.UNSYNCHRONISED)
    return store


def test_events_of_the_same_boot_get_a_correction_when_the_clock_becomes_trusted(
    premises: Premises, clock: ManualClock
) -> None:
    store = booted(premises, clock)
    person_id = enrolled(store)
    made = [store.events.record(punch(person_id, clock.advance(60))) for _ in range(3)]
    assert store.clock.mark(clock.advance(1)) == 0
    clock.jump(-SOME_OFF_S)
    clock.trust(ClockTrust.SYNCHRONISED)
    before = list(store.events.punches())
    assert store.clock.mark(clock.advance(1)) == 3
    (event,) = issued(store)
    (corrected,) = event.data.ranges
    assert (corrected.epoch, corrected.first_seq, corrected.last_seq) == (made[0].id.epoch, 2, 4)
    assert corrected.correction_us == -SOME_OFF_S * 1_000_000
    assert list(store.events.punches()) == before
    assert store.clock.mark(clock.advance(60)) == 0
    assert len(issued(store)) == 1
    assert store.verify().intact
    store.close()


def test_events_of_an_earlier_boot_are_left_alone(premises: Premises, clock: ManualClock) -> None:
    store = booted(premises, clock)
    person_id = enrolled(store)
    store.events.record(punch(person_id, clock.advance(60)))
    clock.reboot()
    store.events.record(punch(person_id, clock.advance(60)))
    clock.trust(ClockTrust.SYNCHRONISED)
    assert store.clock.mark(clock.advance(1)) == 1
    assert [(r.first_seq, r.last_seq) for r in issued(store)[0].data.ranges] == [(3, 3)]
    store.close()


def test_a_correction_survives_a_restart_in_between(premises: Premises, clock: ManualClock) -> None:
    store = booted(premises, clock)
    store.events.record(punch(enrolled(store), clock.advance(60)))
    store.close()
    reopened = premises.open()
    clock.trust(ClockTrust.SYNCHRONISED)
    assert reopened.clock.mark(clock.advance(1)) == 1
    reopened.close()


def test_a_trusted_event_in_between_keeps_nothing_from_being_corrected(
    premises: Premises, clock: ManualClock
) -> None:
    """The clock becomes trusted and a punch is recorded before anybody calls mark()."""
    store = booted(premises, clock)
    person_id = enrolled(store)
    store.events.record(punch(person_id, clock.advance(60)))
    clock.trust(ClockTrust.SYNCHRONISED)
    store.events.record(punch(person_id, clock.advance(60)))
    clock.trust(ClockTrust.HOLDOVER)
    store.events.record(punch(person_id, clock.advance(60)))
    clock.trust(ClockTrust.SYNCHRONISED)
    assert store.clock.mark(clock.advance(1)) == 2
    assert [(r.first_seq, r.last_seq) for r in issued(store)[0].data.ranges] == [(2, 2), (4, 4)]
    store.close()


def test_more_events_than_a_batch_are_all_corrected(premises: Premises, clock: ManualClock) -> None:
    store = booted(premises, clock)
    person_id = enrolled(store)
    with store.database.write():
        for number in range(950):
            clock.jump(10 if number % 10 == 0 else 0)  # 95 steps: more ranges than one event may hold
            store.events.record(punch(person_id, clock.advance(1)))
    clock.trust(ClockTrust.SYNCHRONISED)
    assert store.clock.mark(clock.advance(1)) == 950
    covered = [seq for e in issued(store) for r in e.data.ranges for seq in range(r.first_seq, r.last_seq + 1)]
    assert covered == list(range(2, 952))
    assert store.verify().intact
    store.close()


def test_the_latest_time_is_remembered_over_a_restart(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    assert store.clock.floor() is None
    person_id = enrolled(store)
    store.events.record(punch(person_id, clock.advance(3600)))
    assert store.clock.floor() == clock.now().wall
    store.clock.mark(clock.advance(3600))
    store.close()
    reopened = premises.open()
    assert reopened.clock.floor() == clock.now().wall
    reopened.close()


def test_a_clock_that_jumped_ahead_is_forgotten_once_the_time_is_known(
    store: Store, clock: ManualClock
) -> None:
    true = clock.now().wall
    clock.trust(ClockTrust.UNSYNCHRONISED)
    store.clock.mark(clock.jump(10 * 365 * 86400))
    assert store.clock.floor() > true + timedelta(days=3000)
    clock.trust(ClockTrust.SYNCHRONISED)
    clock.jump(-10 * 365 * 86400)
    store.clock.mark(clock.now())
    assert store.clock.floor() == true


@pytest.mark.parametrize(
    ("previous", "trust", "ahead_s", "kept"),
    [
        (None, ClockTrust.UNSYNCHRONISED, 0, False),
        (Mark(FIRST_INSTANT.wall, trusted=True), ClockTrust.UNSYNCHRONISED, -1, True),
        (Mark(FIRST_INSTANT.wall, trusted=True), ClockTrust.HOLDOVER, 1, False),
        (Mark(FIRST_INSTANT.wall, trusted=True), ClockTrust.SYNCHRONISED, -1, False),
        (Mark(FIRST_INSTANT.wall, trusted=False), ClockTrust.UNSYNCHRONISED, 0, True),
    ],
)
def test_what_is_remembered(previous: Mark | None, trust: ClockTrust, ahead_s: int, *, kept: bool) -> None:
    now = replace(FIRST_INSTANT, wall=FIRST_INSTANT.wall + timedelta(seconds=ahead_s), trust=trust)
    expected = previous if kept else Mark(now.wall, trusted=trust is ClockTrust.SYNCHRONISED)
    assert next_mark(previous, now) == expected


@given(
    st.lists(st.tuples(st.integers(0, 10**12), st.integers(-(10**14), 10**14), st.booleans()), max_size=60),
    st.integers(0, 10**12),
)
def test_a_corrected_time_is_the_true_time(drawn: list[tuple[int, int, bool]], boot_us: int) -> None:
    """Whatever the wall clock said: recorded time + correction = true time, to the jitter."""
    boot = datetime(2026, 6, 1, tzinfo=UTC)
    events, true = [], {}
    for seq, (up_us, off_us, ours) in enumerate(sorted(drawn), start=2):
        true[seq] = boot + timedelta(microseconds=up_us)
        wall = true[seq] + timedelta(microseconds=off_us)
        at = Instant(wall, 0, "ours" if ours else "theirs", up_us / 1e6, ClockTrust.UNSYNCHRONISED)
        events.append(TimedEvent(EPOCH, seq, at))
    trusted = Instant(boot + timedelta(microseconds=boot_us), 0, "ours", boot_us / 1e6, ClockTrust.SYNCHRONISED)
    ranges = corrections(events, trusted)
    covered = {seq: r.correction_us for r in ranges for seq in range(r.first_seq, r.last_seq + 1)}
    assert covered.keys() == {event.seq for event in events if event.at.boot_id == "ours"}
    assert sum(r.last_seq - r.first_seq + 1 for r in ranges) == len(covered)
    for event in events:
        if event.seq in covered:
            corrected = event.at.wall + timedelta(microseconds=covered[event.seq])
            assert abs(corrected - true[event.seq]) <= timedelta(microseconds=1010)
