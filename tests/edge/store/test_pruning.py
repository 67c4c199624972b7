"""What is over goes, and the rest verifies from a signed checkpoint; what the office lacks never goes."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from edge.errors import LedgerFork
from edge.store.reissue import Reissued
from edge.store.store import Store
from edge.store.translation import utc_day
from edge.types.identity import PersonId
from edge.types.punches import EventId
from sync.wire.topics import Address
from tests.edge.office import TestOffice
from tests.edge.store.given import (
    KIOSK,
    MODEL,
    OTHER_MODEL,
    SITE,
    Premises,
    badge_punch,
    enrolled,
    punch,
    template,
)
from tests.fakes import ManualClock

DAY_S = 86_400.0


def punches(store: Store, clock: ManualClock, person_id: PersonId, count: int) -> list[EventId]:
    """One a day."""
    return [store.events.record(punch(person_id, clock.advance(DAY_S))).id for _ in range(count)]


def prune(store: Store, before_day: int, *, rows: int = 3) -> int:
    until, _ = store.pruning.events_until(before_day)
    gone = 0
    while step := store.pruning.remove_events(until, rows=rows):
        gone += step
    return gone


def today(clock: ManualClock) -> int:
    return utc_day(clock.now().wall)


def test_confirmed_events_go_and_the_rest_verifies_also_after_opening_anew(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    person_id = enrolled(store)
    ids = punches(store, clock, person_id, 10)
    store.frontier.advance(ids[8])
    assert store.pruning.events_until(today(clock) - 3) == (7, 7)  # the epoch's first event and six punches
    assert prune(store, today(clock) - 3) == 7
    assert store.events.count() == 4
    assert store.verify().problems == ()
    assert store.pruning.events_until(today(clock) - 3) == (0, 0)
    assert prune(store, today(clock) - 1) == 2  # a second run goes on from the first one's checkpoint
    more = punches(store, clock, person_id, 1)
    store.close()
    again = premises.open()
    assert again.verify().problems == ()
    assert [each.id for each in again.events.punches()] == [*ids[8:], *more]
    assert again.frontier.pending_count() == 2
    again.close()


def test_what_the_office_has_not_confirmed_never_goes_however_old(store: Store, clock: ManualClock) -> None:
    ids = punches(store, clock, enrolled(store), 5)
    clock.advance(1000 * DAY_S)
    assert store.pruning.events_until(today(clock)) == (0, 0)
    assert store.pruning.remove_events(10**6, rows=100) == 0
    store.frontier.advance(ids[2])
    assert store.pruning.remove_events(10**6, rows=100) == 3  # whatever the caller says
    left = [event.id for event in store.events.envelopes_after(None, limit=10)]
    assert left == ids[2:]
    assert store.verify().problems == ()


def test_events_stay_from_the_first_young_punch_on(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    ids = punches(store, clock, person_id, 3)
    clock.jump(-100 * DAY_S)  # an old-looking punch behind a young one, under a clock that went back
    store.events.record(punch(person_id, clock.advance(1)))
    clock.jump(100 * DAY_S)
    last = punches(store, clock, person_id, 1)
    store.frontier.advance(last[0])
    day = utc_day(store.events.last_punch(person_id).punch.at.wall)  # type: ignore[union-attr]
    assert store.pruning.events_until(day - 1) == (3, 3)
    assert ids[2] in [each.id for each in store.events.punches()]


def test_an_ack_of_what_is_gone_is_old_news_and_no_fork(store: Store, clock: ManualClock) -> None:
    ids = punches(store, clock, enrolled(store), 6)
    store.frontier.advance(ids[5])
    prune(store, today(clock) - 2)
    assert not store.frontier.advance(ids[1])
    assert store.frontier.pruned(ids[1])
    assert store.alarms.raised() == ()
    assert store.reissues.answer(ids[1]) is Reissued.COMMITTED
    with pytest.raises(LedgerFork):
        store.frontier.advance(EventId(ids[5].device, ids[5].epoch, ids[5].seq, "ab" * 32))


def test_a_courier_that_asks_behind_something_gone_gets_the_oldest_that_is_left(
    store: Store, clock: ManualClock
) -> None:
    ids = punches(store, clock, enrolled(store), 6)
    store.frontier.advance(ids[5])
    prune(store, today(clock) - 2)
    found = store.events.envelopes_after((ids[0].epoch, ids[0].seq), limit=10)
    assert [event.id for event in found] == ids[3:]


def test_epochs_that_are_over_go_whole(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    old = punches(store, clock, person_id, 2)
    begun = store.events.begin_epoch("replaced")
    new = punches(store, clock, person_id, 4)
    for each in (old[1], begun, new[3]):
        store.frontier.advance(each)
    assert prune(store, today(clock) - 1, rows=2) == 6
    assert store.verify().problems == ()
    assert store.frontier.pruned(old[1])
    assert not store.frontier.advance(old[1])


@pytest.mark.parametrize("chain", ["events", "audit"])
def test_a_chain_that_somebody_else_shortened_does_not_verify(
    store: Store, premises: Premises, clock: ManualClock, chain: str
) -> None:
    ids = punches(store, clock, enrolled(store), 6)
    store.frontier.advance(ids[5])
    prune(store, today(clock) - 3)
    store.pruning.remove_entries(clock.now().wall, rows=2)
    assert store.verify().problems == ()
    store.close()
    shorten(premises.path, chain)
    again = premises.open()
    problems = " ".join(again.verify().problems)
    assert "checkpoint" in problems
    again.close()


def shorten(path: Path, chain: str) -> None:
    """Remove one entry more than was signed, and write it into the checkpoint's columns."""
    table, column = ("events", "position") if chain == "events" else ("audit", "seq")
    with sqlite3.connect(path) as connection:
        first = connection.execute(f"SELECT {column}, seq, hash FROM {table} ORDER BY {column}").fetchone()  # noqa: S608
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", first[:1])  # noqa: S608
        connection.execute(
            "UPDATE checkpoints SET position = ?, seq = ?, hash = ? WHERE chain = ?", (*first, chain)
        )
    connection.close()


def test_the_audit_trail_stays_readable_and_verifiable_from_its_checkpoint(
    store: Store, clock: ManualClock
) -> None:
    for _ in range(6):
        clock.advance(DAY_S)
        store.audit.append("test.done")
    whole = list(store.audit.list())
    before = clock.now().wall - timedelta(days=2)
    old = sum(each.at < before for each in whole)
    assert list(store.pruning.old_entries(before)) == [each.seq for each in whole[:old]]
    assert store.pruning.remove_entries(before, rows=2) == 2
    assert store.pruning.remove_entries(before, rows=100) == old - 2
    assert list(store.audit.list()) == whole[old:]
    assert list(store.audit.list(after=whole[old].seq)) == whole[old + 1 :]
    assert list(store.audit.list(after=1, limit=1)) == whole[old : old + 1]  # from before the checkpoint
    assert store.verify().problems == ()


def test_an_office_hears_of_an_audit_entry_before_it_goes(store: Store, clock: ManualClock) -> None:
    TestOffice(Address(SITE, KIOSK)).trusted_by(store)
    for _ in range(4):
        store.audit.append("test.done")
    clock.advance(DAY_S)
    assert store.pruning.remove_entries(clock.now().wall, rows=100) == 0
    store.audit.note_handed_in(3)
    assert store.pruning.remove_entries(clock.now().wall, rows=100) == 3
    assert store.verify().problems == ()


def test_the_newest_audit_entry_stays_however_old(store: Store, clock: ManualClock) -> None:
    clock.advance(1000 * DAY_S)
    newest = list(store.audit.list())[-1]
    while store.pruning.remove_entries(clock.now().wall, rows=100):
        pass
    assert list(store.audit.list()) == [newest]
    assert store.audit.append("test.done") == newest.seq + 1
    assert store.verify().problems == ()


def test_a_restart_in_the_middle_goes_on_where_the_last_batch_ended(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    ids = punches(store, clock, enrolled(store), 8)
    store.frontier.advance(ids[7])
    until, count = store.pruning.events_until(today(clock) - 1)
    assert store.pruning.remove_events(until, rows=2) == 2
    store.close()
    again = premises.open()
    assert again.verify().problems == ()
    assert again.pruning.events_until(today(clock) - 1) == (until, count - 2)
    again.close()


def test_only_alarms_that_were_cleared_go(store: Store, clock: ManualClock) -> None:
    store.alarms.raise_alarm("fork", "a")
    store.alarms.raise_alarm("fork", "b")
    store.alarms.clear(store.alarms.raised()[0].number)
    later = clock.advance(DAY_S).wall
    assert (store.pruning.old_alarms(later), store.pruning.remove_alarms(later)) == (1, 1)
    assert [each.detail for each in store.alarms.raised()] == ["b"]


def test_the_ledger_knows_on_which_day_each_chain_last_recognised_somebody(
    store: Store, clock: ManualClock
) -> None:
    person_id = enrolled(store)
    store.events.record(punch(person_id, clock.advance(60)))
    first = today(clock)
    faced = store.events.record(punch(person_id, clock.advance(2 * DAY_S)))
    assert store.events.face_days(person_id) == {MODEL[:16]: first + 2}
    assert store.events.void(faced) is not None  # it was somebody else's face
    assert store.events.face_days(person_id) == {MODEL[:16]: first}
    store.events.record(badge_punch(person_id, clock.advance(5 * DAY_S)))
    assert store.events.face_days(person_id) == {MODEL[:16]: first}
    assert OTHER_MODEL[:16] not in store.events.face_days(person_id)


def test_a_template_is_dated_when_it_comes_and_one_of_before_when_it_is_first_looked_at(
    store: Store, clock: ManualClock
) -> None:
    person_id = enrolled(store)
    made = [template(person_id, seed=seed) for seed in range(3)]
    for each in made:
        store.templates.add(each)
    came = today(clock)
    with store.database.write() as connection:  # as a ledger of before has it
        connection.execute("DELETE FROM template_dates WHERE template_id <> ?", (made[0].template_id,))
    clock.advance(9 * DAY_S)
    assert store.template_dates.since(made[1].template_id) is None
    assert store.template_dates.note_missing(limit=1) == 1
    assert store.template_dates.note_missing(limit=10) == 1
    assert store.template_dates.note_missing(limit=10) == 0
    dates = {each.template_id: store.template_dates.since(each.template_id) for each in made}
    assert sorted(dates.values()) == [came, came + 9, came + 9]  # type: ignore[type-var]
    store.templates.remove(made[0].template_id)
    assert store.template_dates.since(made[0].template_id) is None


def test_everything_about_a_person_is_found_also_what_they_disowned(store: Store, clock: ManualClock) -> None:
    person_id, other = enrolled(store), enrolled(store, 2)
    kept = store.events.record(punch(person_id, clock.advance(60)))
    store.events.record(punch(other, clock.advance(60)))
    disowned = store.events.record(punch(person_id, clock.advance(60)))
    store.events.void(disowned)
    store.events.request_correction(kept, direction="out", moment=clock.now().wall)
    store.people.remove(person_id)
    store.events.change_person(person_id, "removed")
    found, following = store.events.about(person_id, after=0)
    assert following is None
    assert [state for state, _ in found] == ["counts", "voided", "counts", "counts", "counts"]
    assert all(person_id.encode() in payload and other.encode() not in payload for _, payload in found)
