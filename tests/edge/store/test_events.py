"""Events: recorded once, in order, signed, and readable again."""

import base64
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import LedgerCorrupt, PersonUnknown, StoreError
from edge.store.store import Store
from edge.store.translation import attendance, from_unix_us, punch_of, settled, unix_us, utc_day
from edge.types.clock import ClockTrust, Instant
from edge.types.identity import EpochId, ModelHash, PersonId
from edge.types.punches import Direction, DirectionSource, Method, Punch
from sync.wire import envelope
from sync.wire import events as wire
from sync.wire.canonical import digest as digest_of
from sync.wire.fields import EventPoint, format_time
from tests.edge.store.given import KIOSK, MODEL, SITE, Premises, badge_punch, enrolled, punch
from tests.fakes import FIRST_INSTANT, ManualClock

ANNA = PersonId("a" * 32)


def test_a_ledger_begins_with_a_signed_event_that_says_why(store: Store, premises: Premises) -> None:
    (first,) = store.events.envelopes_after(None, limit=10)
    event = wire.read_event(envelope.decode(first.envelope).payload)
    assert isinstance(event, wire.EpochBegun)
    assert (event.data.reason, event.data.previous, event.seq) == ("provisioned", None, 1)
    assert event.source == f"clockface://{SITE}/{KIOSK}"
    raw = base64.urlsafe_b64decode(event.data.public_key + "=")
    assert raw == premises.keys.signing.public
    key = Ed25519PublicKey.from_public_bytes(raw)
    envelope.verify(envelope.decode(first.envelope), keys={premises.keys.signing.key_id: key})


def test_punches_are_numbered_without_gaps_and_chained(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    ids = [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(5)]
    assert [each.seq for each in ids] == [2, 3, 4, 5, 6]
    assert len({each.epoch for each in ids}) == 1
    payloads = [envelope.decode(e.envelope).payload for e in store.events.envelopes_after(None, limit=10)]
    hashes = [digest_of(payload) for payload in payloads]
    assert [wire.read_header(payload).prevhash for payload in payloads] == [wire.GENESIS, *hashes[:-1]]
    assert hashes[1:] == [each.hash for each in ids]
    assert store.events.head() == ids[-1]


def test_a_punch_reads_back_as_it_was_confirmed(store: Store, premises: Premises, clock: ManualClock) -> None:
    person_id = enrolled(store)
    madrid = timezone(timedelta(hours=1))
    at = replace(clock.now(), wall=clock.now().wall.astimezone(madrid), boottime_s=0.1 + 0.2, utc_offset_s=3600)
    confirmed = store.events.record(replace(punch(person_id, at), score=0.81234567891))
    assert confirmed.punch.score == 0.812346
    assert confirmed.punch.at.boottime_s == 0.3
    store.close()
    reopened = premises.open()
    assert list(reopened.events.punches()) == [confirmed]
    assert reopened.events.last_punch(person_id) == confirmed
    reopened.close()


def test_recording_the_same_punch_again_gives_the_event_that_is_there(store: Store, clock: ManualClock) -> None:
    one, other = enrolled(store, 1), enrolled(store, 2)
    at = clock.now()
    first = store.events.record(punch(one, at))
    store.events.record(punch(other, at))
    assert store.events.record(punch(one, at)) == first
    assert store.events.record(first.punch) == first
    assert store.events.count() == 3
    assert store.events.record(punch(one, at, Direction.OUT)).id.seq == 4
    assert store.events.record(badge_punch(one, clock.advance(1))).id.seq == 5


def test_nobody_and_the_disabled_are_not_recorded(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    store.people.set_enabled(person_id, False)
    for someone in (person_id, ANNA):
        with pytest.raises(PersonUnknown):
            store.events.record(punch(someone, clock.now()))
    assert store.events.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"work_code": "x" * 41},
        {"work_code": "a\nb"},
        {"model_hash": ModelHash("not a hash")},
        {"score": float("nan")},
        {"at": replace(FIRST_INSTANT, boot_id="<script>")},
        {"at": replace(FIRST_INSTANT, utc_offset_s=10**6)},
        {"at": replace(FIRST_INSTANT, boottime_s=-1.0)},
    ],
)
def test_what_an_event_cannot_carry_is_refused_and_leaves_no_gap(
    store: Store, clock: ManualClock, change: dict[str, object]
) -> None:
    person_id = enrolled(store)
    with pytest.raises(StoreError):
        store.events.record(replace(punch(person_id, clock.now()), **change))
    assert store.events.record(punch(person_id, clock.now())).id.seq == 2
    assert store.verify().intact


def test_a_new_epoch_says_on_what_it_follows_and_counts_anew(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    last = store.events.record(punch(person_id, clock.advance(1))).id
    begun = store.events.begin_epoch("restored", models=[MODEL], actor="jones")
    assert begun.epoch.startswith("000002-")
    assert begun.seq == 1
    event = wire.read_event(
        envelope.decode(store.events.envelopes_after((last.epoch, last.seq), limit=1)[0].envelope).payload
    )
    assert isinstance(event, wire.EpochBegun)
    assert event.data.previous == EventPoint(epoch=last.epoch, seq=last.seq, hash=last.hash)
    assert event.data.models == [MODEL]
    assert store.events.record(punch(person_id, clock.advance(1))).id.epoch == begun.epoch
    assert store.verify().epochs == 2
    assert [(e.action, e.detail) for e in store.audit.list()][-1] == ("epoch.begun", "restored")


def test_two_restores_of_one_backup_do_not_share_an_epoch(store: Store, premises: Premises) -> None:
    store.close()
    backup = premises.path.read_bytes()
    epochs = set()
    for _ in range(3):
        premises.path.write_bytes(backup)
        restored = premises.open()
        epochs.add(restored.events.begin_epoch("restored").epoch)
        restored.close()
    assert len(epochs) == 3
    assert {epoch[:7] for epoch in epochs} == {"000002-"}


def test_envelopes_come_in_pages_over_the_ends_of_epochs(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    for reason in ("restored", "refused"):
        for _ in range(3):
            store.events.record(punch(person_id, clock.advance(1)))
        store.events.begin_epoch(reason)
    collected, after = [], None
    while page := store.events.envelopes_after(after, limit=2):
        collected += [each.id for each in page]
        after = collected[-1].epoch, collected[-1].seq
    assert [(each.epoch[:6], each.seq) for each in collected] == [
        *(("000001", seq) for seq in range(1, 5)),
        *(("000002", seq) for seq in range(1, 5)),
        ("000003", 1),
    ]


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(StoreError, match="limit"):
        store.events.envelopes_after(None, limit=limit)


def test_what_follows_an_unknown_event_is_an_error_and_not_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="no such event"):
        store.events.envelopes_after((EpochId("000009-0123456789abcdef"), 1), limit=1)
    with pytest.raises(StoreError, match="no such event"):
        store.events.envelopes_after((store.events.head().epoch, 2), limit=1)


def test_punches_are_found_by_time_person_and_place(store: Store, clock: ManualClock) -> None:
    one, other = enrolled(store, 1), enrolled(store, 2)
    made = [
        store.events.record(punch(person, clock.advance(6 * 3600))) for _ in range(4) for person in (one, other)
    ]
    store.events.begin_epoch("restored")
    log = store.events
    assert list(log.punches()) == made
    assert list(log.punches(newest_first=True)) == made[::-1]
    assert list(log.punches(limit=3)) == made[:3]
    assert list(log.punches(limit=2, newest_first=True)) == made[:-3:-1]
    assert list(log.punches(person_id=other, limit=2)) == [made[1], made[3]]
    since, until = made[2].punch.at.wall, made[6].punch.at.wall
    assert list(log.punches(since=since, until=until)) == made[2:6]
    assert list(log.punches(since=since, person_id=one, newest_first=True)) == [made[6], made[4], made[2]]
    assert list(log.punches(after=(made[4].id.epoch, made[4].id.seq))) == made[5:]
    assert list(log.punches(limit=0)) == []


def test_a_listing_is_a_picture_of_its_moment_and_does_not_hold_the_ledger(
    store: Store, clock: ManualClock
) -> None:
    person_id = enrolled(store)
    for _ in range(3):
        store.events.record(punch(person_id, clock.advance(1)))
    listing = store.events.punches()
    first = next(listing)
    store.events.record(punch(person_id, clock.advance(1)))
    assert [first.id.seq, *(each.id.seq for each in listing)] == [2, 3, 4]


def test_the_last_punch_is_the_newest_in_the_ledger_not_the_latest_by_the_clock(
    store: Store, clock: ManualClock
) -> None:
    person_id = enrolled(store)
    assert store.events.last_punch(person_id) is None
    store.events.record(punch(person_id, clock.advance(1)))
    newest = store.events.record(punch(person_id, clock.jump(-86400)))
    assert store.events.last_punch(person_id) == newest
    assert store.events.last_punch(ANNA) is None


def test_a_last_punch_moved_to_another_person_is_refused(store: Store, clock: ManualClock) -> None:
    one, other = enrolled(store, 1), enrolled(store, 2)
    store.events.record(punch(one, clock.advance(1)))
    store.events.record(punch(other, clock.advance(1)))
    with store.database.write() as connection:
        connection.execute(
            "UPDATE last_punches SET body = (SELECT body FROM last_punches WHERE person_id = ?)", (one,)
        )
    with pytest.raises(LedgerCorrupt):
        store.events.last_punch(other)


def test_events_outlive_the_person_under_the_random_id(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    recorded = store.events.record(punch(person_id, clock.now()))
    store.people.remove(person_id)
    assert list(store.events.punches(person_id=person_id)) == [recorded]
    assert store.events.last_punch(person_id) is None
    assert store.verify().intact


def test_a_moved_payload_is_refused(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    for _ in range(3):
        store.events.record(punch(person_id, clock.advance(1)))
    with store.database.write() as connection:
        connection.execute(
            "UPDATE events SET payload = (SELECT payload FROM events WHERE seq = 2) WHERE seq = 3"
        )
    with pytest.raises(LedgerCorrupt, match="/3"):
        list(store.events.punches())


def test_the_office_can_check_everything_with_the_envelopes_alone(store: Store, clock: ManualClock) -> None:
    """Written without our reader: base64, JSON, PAE, Ed25519 and SHA-256 from the specifications."""
    import hashlib

    person_id = enrolled(store)
    store.events.record(punch(person_id, clock.advance(1)))
    previous, key = "0" * 64, None
    for each in store.events.envelopes_after(None, limit=10):
        document = json.loads(each.envelope)
        payload = base64.b64decode(document["payload"])
        event = json.loads(payload)
        if event["type"] == "clockface.epoch.begun.v1":
            key = Ed25519PublicKey.from_public_bytes(
                base64.urlsafe_b64decode(event["data"]["public_key"] + "=")
            )
        kind = document["payloadType"]
        signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
        assert key is not None
        key.verify(base64.b64decode(document["signatures"][0]["sig"]), signed)
        assert event["prevhash"] == previous
        previous = hashlib.sha256(payload).hexdigest()
        assert previous == each.id.hash


moments = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
instants = st.builds(
    Instant,
    wall=moments,
    utc_offset_s=st.integers(-64800, 64800),
    boot_id=st.from_regex(r"[0-9a-f-]{36}", fullmatch=True),
    boottime_s=st.floats(0, 10**9),
    trust=st.sampled_from(ClockTrust),
)
punches = st.builds(
    Punch,
    person_id=st.from_regex(r"[0-9a-f]{32}", fullmatch=True).map(PersonId),
    at=instants,
    direction=st.sampled_from(Direction),
    source=st.sampled_from(DirectionSource),
    method=st.sampled_from(Method),
    day=st.dates(date(1900, 1, 1), date(2259, 12, 31)),
    work_code=st.none() | st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40),
    score=st.none() | st.floats(-1.0001, 1.0001),
    model_hash=st.none() | st.just(MODEL),
)


@given(punches)
def test_every_punch_goes_through_the_wire_and_back(made: Punch) -> None:
    kept = settled(made)
    assert settled(kept) == kept
    event = wire.AttendanceRecorded(
        id="000001-0123456789abcdef/2",
        source="clockface://s/d",
        time=format_time(made.at.wall),
        epoch="000001-0123456789abcdef",
        seq=2,
        prevhash="1" * 64,
        data=attendance(made),
    )
    again = wire.read_event(wire.canonical(event))
    assert isinstance(again, wire.AttendanceRecorded)
    assert punch_of(again) == kept


@given(moments)
def test_microseconds_since_1970_are_exact(moment: datetime) -> None:
    assert from_unix_us(unix_us(moment)) == moment
    assert utc_day(moment) == unix_us(moment) // 86_400_000_000


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["punch", "repeat", "epoch", "jump", "reboot", "remove"]), max_size=25))
def test_whatever_happens_the_chain_holds(premises: Premises, acts: list[str]) -> None:
    clock = ManualClock()
    premises.path.unlink(missing_ok=True)
    store = Premises(premises.path, premises.keys, clock).create()
    person_id, number = enrolled(store, 0), 0
    for act in acts:
        if act == "punch":
            store.events.record(punch(person_id, clock.advance(1)))
        elif act == "repeat":
            store.events.record(punch(person_id, clock.now()))
        elif act == "epoch":
            store.events.begin_epoch("refused")
        elif act == "jump":
            clock.jump(-(10**6))
        elif act == "reboot":
            clock.reboot()
        else:
            number += 1
            store.people.remove(person_id)
            person_id = enrolled(store, number)
    found = store.verify()
    assert found.problems == ()
    assert found.epochs == 1 + acts.count("epoch")
    store.close()
