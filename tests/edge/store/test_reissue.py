"""What the office refused is issued again: every record once, none lost, all or nothing, history untouched."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.store.chain import COLUMNS
from edge.store.reissue import Reissued
from edge.store.store import Store
from edge.types.clock import ClockTrust
from edge.types.identity import EpochId
from edge.types.punches import EventId
from sync.wire.events import AnyEvent, AttendanceRecorded, ClockCorrected, EpochBegun
from sync.wire.fields import EventPoint
from tests.edge.store.given import Premises, enrolled, keyring, punch
from tests.edge.store.reissuer import COUNT, premises
from tests.fakes import ManualClock

ROOT = Path(__file__).parents[3]


def record(store: Store, clock: ManualClock, count: int, number: int = 1) -> list[EventId]:
    found = store.people.find_by_number(str(number))
    person_id = enrolled(store, number) if found is None else found.person_id
    return [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(count)]


def everything(store: Store) -> list[AnyEvent]:
    with store.database.read() as connection:
        rows = connection.execute(f"SELECT {COLUMNS} ORDER BY position").fetchall()
    return [store.chain.open_row(row).event() for row in rows]


def sent(store: Store) -> list[tuple[str, int]]:
    return [(e.id.epoch, e.id.seq) for e in store.events.envelopes_after(None, limit=1000)]


def test_what_the_office_has_not_committed_is_issued_again_and_the_rest_is_not(
    store: Store, clock: ManualClock
) -> None:
    ids = record(store, clock, 4)
    store.frontier.advance(ids[1])
    clock.advance(3600)
    assert store.reissues.answer(ids[2]) is Reissued.DONE
    *before, begun, third, fourth = everything(store)
    assert isinstance(begun, EpochBegun)
    assert (begun.data.reason, begun.data.previous) == ("refused", _point(ids[3]))
    for again, refused, original in ((third, ids[2], before[-2]), (fourth, ids[3], before[-1])):
        assert isinstance(again, AttendanceRecorded)
        assert isinstance(original, AttendanceRecorded)
        assert again.data.reissues == _point(refused)
        assert again.data.model_copy(update={"reissues": None}) == original.data
        assert again.time == original.time
    assert sent(store)[-4:] == [(ids[1].epoch, ids[1].seq), *((begun.epoch, seq) for seq in (1, 2, 3))]
    assert [alarm.kind for alarm in store.alarms.raised()] == ["refused"]
    assert store.verify().intact


def _point(event: EventId) -> EventPoint:
    return EventPoint(epoch=event.epoch, seq=event.seq, hash=event.hash)


def test_the_same_refusal_and_any_other_of_that_epoch_changes_nothing_more(
    store: Store, clock: ManualClock
) -> None:
    ids = record(store, clock, 3)
    assert store.reissues.answer(ids[0]) is Reissued.DONE
    count = store.events.count()
    for event in (ids[0], ids[2], ids[1]):
        assert store.reissues.answer(event) is Reissued.REPEATED
    assert store.events.count() == count


def test_a_refusal_of_what_we_never_had_or_the_office_has_changes_nothing(
    store: Store, clock: ManualClock
) -> None:
    ids = record(store, clock, 3)
    store.frontier.advance(ids[1])
    count = store.events.count()
    for event in (
        replace(ids[2], hash="0" * 64),
        replace(ids[2], seq=99),
        replace(ids[2], epoch=EpochId("000009-0123456789abcdef")),
    ):
        assert store.reissues.answer(event) is Reissued.UNKNOWN
    assert store.reissues.answer(ids[0]) is Reissued.COMMITTED
    assert store.events.count() == count
    assert store.alarms.raised() == ()


def test_afterwards_pending_frontier_and_lists_count_each_record_once(store: Store, clock: ManualClock) -> None:
    ids = record(store, clock, 3)
    store.frontier.advance(ids[0])
    store.reissues.answer(ids[1])
    assert store.frontier.pending().events == store.frontier.pending_count() == 3  # the epoch and two records
    listed = [each.id for each in store.events.punches()]
    assert len(listed) == 3
    assert listed[0] == ids[0]
    head = store.events.head()
    assert listed[-1] == head
    found = store.people.find_by_number("1")
    assert found is not None
    last = store.events.last_punch(found.person_id)
    assert last is not None
    assert last.id == head
    again = store.events.record(last.punch)  # tried once more by a caller that was killed
    assert again.id == head
    assert store.frontier.advance(head)
    assert store.frontier.current() == head
    assert store.frontier.pending_count() == 0


def test_a_late_refusal_of_an_epoch_that_is_over_is_honoured(store: Store, clock: ManualClock) -> None:
    """The device was replaced meanwhile, and the office has taken the new epoch already: nothing is lost."""
    ids = record(store, clock, 3)
    store.frontier.advance(ids[0])
    begun = store.events.begin_epoch("replaced")
    new = record(store, clock, 1)[0]
    store.frontier.advance(new)
    assert store.reissues.answer(ids[1]) is Reissued.DONE
    assert (
        store.frontier.current() == new
    )  # the old epoch's rest is superseded, so nothing is missing before it
    head = store.events.head()
    assert [point[1] for point in sent(store) if point[0] == head.epoch] == [1, 2, 3]
    assert (begun.epoch, 1) in sent(store)
    assert store.frontier.advance(head)
    assert store.frontier.pending_count() == 0


def test_what_was_only_presumed_delivered_may_still_be_refused(store: Store, clock: ManualClock) -> None:
    """A fork behind a backup: the office is ahead of the old epoch, and then refuses our part of it."""
    ids = record(store, clock, 2)
    store.events.begin_epoch("restored")
    ahead = replace(ids[1], seq=50, hash="a" * 64)
    assert store.frontier.advance(ahead, handed_out=ids[1])
    assert store.reissues.answer(ids[0]) is Reissued.DONE
    again = [e for e in everything(store) if isinstance(e, AttendanceRecorded) and e.data.reissues]
    assert [e.data.reissues.seq for e in again if e.data.reissues] == [ids[0].seq, ids[1].seq]


def test_a_refused_reissue_is_issued_once_more(store: Store, clock: ManualClock) -> None:
    ids = record(store, clock, 1)
    store.reissues.answer(ids[0])
    second = store.events.head()
    assert store.reissues.answer(second) is Reissued.DONE
    last = everything(store)[-1]
    assert isinstance(last, AttendanceRecorded)
    assert last.data.reissues == _point(second)
    assert len(list(store.events.punches())) == 1


def test_corrections_of_refused_events_hold_for_the_new_ones(store: Store, clock: ManualClock) -> None:
    clock.trust(ClockTrust.UNSYNCHRONISED)
    ids = record(store, clock, 3)
    clock.jump(500.0)
    clock.trust(ClockTrust.SYNCHRONISED)
    assert store.clock.mark(clock.now()) == 3
    store.frontier.advance(ids[0])
    store.reissues.answer(ids[1])
    corrected = [e for e in everything(store) if isinstance(e, ClockCorrected)]
    assert len(corrected) == 2
    ranges = [(r.epoch, r.first_seq, r.last_seq, r.correction_us) for r in corrected[1].data.ranges]
    begun = store.events.head().epoch
    assert ranges == [(ids[0].epoch, ids[0].seq, ids[0].seq, 500_000_000), (begun, 2, 3, 500_000_000)]
    assert store.clock.mark(clock.advance(60)) == 0  # nothing is corrected twice


def test_events_that_wait_for_a_correction_get_it_under_their_new_identity(
    store: Store, clock: ManualClock
) -> None:
    clock.trust(ClockTrust.UNSYNCHRONISED)
    ids = record(store, clock, 2)
    store.reissues.answer(ids[0])
    head = store.events.head()
    clock.jump(500.0)
    clock.trust(ClockTrust.SYNCHRONISED)
    assert store.clock.mark(clock.now()) >= 2
    last = everything(store)[-1]
    assert isinstance(last, ClockCorrected)
    assert any(r.epoch == head.epoch and r.first_seq <= 2 and r.last_seq == 3 for r in last.data.ranges)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["record", "ack", "refuse", "epoch"]), max_size=12), data=st.data())
def test_whatever_happens_every_record_is_sent_once_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[str], data: st.DataObject
) -> None:
    clock = ManualClock()
    store = Premises(tmp_path_factory.mktemp("l") / "ledger.db", keyring(), clock).create()
    records = 0
    for step in steps:
        known = [each.id for each in store.events.punches()]
        if step == "record":
            record(store, clock, 1)
            records += 1
        elif step == "epoch":
            store.events.begin_epoch("replaced")
        elif known:
            chosen = data.draw(st.sampled_from(known))
            if step == "ack":
                store.frontier.advance(chosen)
            else:
                store.reissues.answer(chosen)
    listed = [each.punch for each in store.events.punches()]
    assert len(listed) == len(set(listed)) == records
    events = store.events.envelopes_after(None, limit=1000)
    frontier = store.frontier.current()
    after = None if frontier is None else (frontier.epoch, frontier.seq)
    assert store.frontier.pending_count() <= len(store.events.envelopes_after(after, limit=1000))
    assert {(each.id.epoch, each.id.seq) for each in store.events.punches()} <= {
        (each.id.epoch, each.id.seq) for each in events
    }
    for epoch in {each.id.epoch for each in events}:  # the office acknowledges everything that it was sent
        store.frontier.advance([each.id for each in events if each.id.epoch == epoch][-1])
    assert store.frontier.pending_count() == 0
    assert store.verify().intact
    store.close()


def test_a_kill_in_the_middle_leaves_all_or_nothing(tmp_path: Path) -> None:
    """A process reissues 400 records and is killed at some instant: the ledger has both histories whole."""
    outcomes = set()
    for attempt in range(6):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.edge.store.reissuer", str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == "refusing\n"
            time.sleep(0.02 * attempt)  # where in the transaction the kill falls
            process.send_signal(signal.SIGKILL)
            process.wait(30)
        outcomes.add(_all_or_nothing(folder))
    assert "nothing" in outcomes


def _all_or_nothing(folder: Path) -> str:
    store = premises(folder).open()
    assert store.verify().intact
    listed = [each.punch for each in store.events.punches()]
    assert len(listed) == len(set(listed)) == COUNT
    again = [e for e in everything(store) if isinstance(e, AttendanceRecorded) and e.data.reissues]
    assert len(again) in (0, COUNT)
    first = next(each.id for each in store.events.punches()) if not again else None
    if first is not None:
        assert store.reissues.answer(first) is Reissued.DONE  # the office says it again
        assert len(list(store.events.punches())) == COUNT
    store.close()
    return "all" if again else "nothing"
