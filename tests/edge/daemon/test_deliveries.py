"""The door down: only what the office's keys signed for this device moves anything, and nothing stops."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edge.api.protocol.courier import Delivery, DeliveryTaken, EnvelopeQuery, SendAfter
from edge.daemon.office import OfficeDesk
from edge.store.store import Store
from edge.store.translation import utc_day
from edge.types.identity import EpochId
from edge.types.punches import EventId
from sync.wire.canonical import read
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.envelope import decode
from sync.wire.fields import format_time
from sync.wire.health import Telemetry
from sync.wire.office import Ack, RenewedCertificate
from sync.wire.parcels import CrashParcel
from sync.wire.topics import Address
from tests.edge.office import NOON, TestOffice, office_desk
from tests.edge.store.given import KIOSK, SITE, Premises, enrolled, keyring, punch
from tests.fakes import ManualClock

HERE = Address(SITE, KIOSK)


def deliver(desk: OfficeDesk, raw: bytes) -> DeliveryTaken:
    return desk.deliver(Delivery(envelope=raw.decode("ascii")))


def record(store: Store, clock: ManualClock, count: int) -> list[EventId]:
    person_id = enrolled(store)
    return [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(count)]


def test_an_ack_moves_the_frontier_and_a_second_one_is_repeated(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    ids = record(store, clock, 3)
    taken = deliver(desk, office.ack(ids[1]))
    assert (taken.outcome, taken.frontier.seq, taken.frontier.pending) == ("applied", ids[1].seq, 1)
    assert taken.send_after is None
    assert deliver(desk, office.ack(ids[1])).outcome == "repeated"
    assert deliver(desk, office.ack(ids[0])).outcome == "repeated"
    assert store.frontier.current() == ids[1]


def test_an_office_that_lost_events_has_them_sent_again_but_the_frontier_stays(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    ids = record(store, clock, 3)
    deliver(desk, office.ack(ids[2]))
    taken = deliver(desk, office.ack(ids[0], resend=True))
    assert taken.send_after == SendAfter(epoch=ids[0].epoch, seq=ids[0].seq)
    assert store.frontier.current() == ids[2]
    assert deliver(desk, office.ack(None, resend=True)).send_after == SendAfter()


def test_an_office_that_asks_for_what_was_removed_here_gets_what_is_left_and_staff_an_alarm(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    person_id = enrolled(store)
    ids = [store.events.record(punch(person_id, clock.advance(86_400))).id for _ in range(5)]
    deliver(desk, office.ack(ids[4]))
    store.pruning.remove_events(store.pruning.events_until(utc_day(clock.now().wall))[0], rows=100)
    repeated = deliver(desk, office.ack(ids[0]))  # old news
    assert (repeated.outcome, repeated.reason, store.alarms.raised()) == ("repeated", "", ())
    restored = deliver(desk, office.ack(ids[0], resend=True))
    assert restored.send_after == SendAfter(epoch=ids[0].epoch, seq=ids[0].seq)
    left = store.events.envelopes_after((ids[0].epoch, ids[0].seq), limit=10)
    assert [each.id for each in left] == ids[4:]
    assert [each.kind for each in store.alarms.raised()] == ["office_behind"]
    deliver(desk, office.ack(None, resend=True))  # one that lost everything
    assert [each.detail for each in store.alarms.raised()][1:] == ["all"]
    assert deliver(desk, office.ack(None)).outcome == "repeated"


def test_an_ack_that_a_broker_keeps_and_brings_again_has_nothing_sent_again(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    ids = record(store, clock, 3)
    kept = office.ack(ids[0], resend=True)
    assert deliver(desk, kept).send_after is not None
    for _ in range(3):
        again = deliver(desk, kept)
        assert (again.outcome, again.send_after) == ("repeated", None)
    older = office.ack(None, resend=True, issued=NOON - timedelta(seconds=1))
    assert deliver(desk, older).send_after is None
    assert deliver(desk, office.ack(ids[0], resend=True)).send_after is not None


def test_an_office_whose_clock_went_back_is_heard_once_for_each_telemetry_of_ours(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    ids = record(store, clock, 2)
    deliver(desk, office.ack(ids[0], issued=NOON + timedelta(days=400)))
    envelope = decode(desk.telemetry().envelope.encode(), max_payload_bytes=MAX_DOCUMENT_BYTES)
    nonce = read(Telemetry, envelope.payload, max_bytes=MAX_DOCUMENT_BYTES).nonce
    fresh = office.ack(ids[0], resend=True, echo=nonce)
    assert deliver(desk, fresh).send_after is not None
    assert deliver(desk, fresh).send_after is None
    assert deliver(desk, office.ack(ids[0], resend=True)).send_after is not None  # time goes on from there


def test_without_an_office_nothing_is_believed(store: Store, clock: ManualClock, desk: OfficeDesk) -> None:
    (event,) = record(store, clock, 1)
    taken = deliver(desk, TestOffice(HERE).ack(event))
    assert (taken.outcome, taken.reason) == ("refused", "no_office")
    assert store.frontier.current() is None


def test_forgeries_are_refused_and_noted_once_in_ten_minutes(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    (event,) = record(store, clock, 1)
    stranger = TestOffice(HERE)
    before = len(list(store.audit.list()))
    for _ in range(50):
        taken = deliver(desk, stranger.ack(event))
        assert (taken.outcome, taken.reason) == ("refused", "forged")
    assert [alarm.kind for alarm in store.alarms.raised()] == ["forged_delivery"]
    assert [each.action for each in store.audit.list()][before:] == ["delivery.refused"]
    clock.advance(601)
    deliver(desk, stranger.ack(event))
    assert len(list(store.audit.list())) == before + 2
    assert store.frontier.current() is None


def test_an_operators_key_signs_no_acks_and_an_altered_ack_is_forged(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    first, second = record(store, clock, 2)
    by_operator = office.sign(
        Ack(site=SITE, device=KIOSK, issued=format_time(NOON), committed=None), key=office.operator
    )
    assert deliver(desk, by_operator).reason == "forged"
    envelope, other = (json.loads(office.ack(each)) for each in (first, second))
    envelope["payload"] = other["payload"]
    assert deliver(desk, json.dumps(envelope).encode()).reason == "forged"
    assert store.frontier.current() is None


def test_an_ack_for_another_device_is_refused(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    (event,) = record(store, clock, 1)
    elsewhere = replace(office, address=Address(SITE, "kiosk-2"))
    assert deliver(desk, elsewhere.ack(event)).reason == "other_device"
    assert store.frontier.current() is None


def test_kinds_that_nobody_takes_are_refused_by_name(
    store: Store, office: TestOffice, desk: OfficeDesk
) -> None:
    crash = CrashParcel(
        site=SITE,
        device=KIOSK,
        id="0a" * 16,
        at=format_time(NOON),
        process="edge",
        software="1",
        error=["OSError"],
        frames=[],
        times=1,
    )
    assert deliver(desk, office.sign(crash)).reason == "unknown_kind"
    assert deliver(desk, b"{}").reason == "malformed"
    assert deliver(desk, b"").reason == "malformed"


def test_a_fork_alarms_and_recording_goes_on(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    first, _ = record(store, clock, 2)
    taken = deliver(desk, office.ack(replace(first, hash="0" * 64)))
    assert (taken.outcome, taken.reason) == ("refused", "fork")
    assert [alarm.kind for alarm in store.alarms.raised()] == ["fork"]
    assert deliver(desk, office.ack(first)).outcome == "applied"


def test_an_office_ahead_of_a_restored_device_alarms_and_is_no_error(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    """The office has more of the old epoch than the backup had: sent again, then counted as delivered."""
    first, last = record(store, clock, 2)
    deliver(desk, office.ack(first))
    begun = store.events.begin_epoch("restored")
    ahead = replace(last, seq=80, hash="a" * 64)
    assert deliver(desk, office.ack(ahead)).reason == "office_ahead"
    assert [alarm.kind for alarm in store.alarms.raised()] == ["office_ahead"]
    assert store.frontier.current() == first  # nothing was handed out yet, so nobody could have refused it
    assert [e.seq for e in desk.envelopes(EnvelopeQuery()).envelopes][-2:] == [last.seq, 1]
    taken = deliver(desk, office.ack(ahead))
    assert (taken.outcome, taken.reason) == ("applied", "office_ahead")
    assert store.frontier.current() == last
    assert deliver(desk, office.ack(begun)).frontier.pending == 0


def test_an_ack_beyond_the_present_epoch_is_a_fork(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    (event,) = record(store, clock, 1)
    assert deliver(desk, office.ack(replace(event, seq=99))).reason == "fork"
    unknown = replace(event, epoch=EpochId("000009-0123456789abcdef"))
    assert deliver(desk, office.ack(unknown)).reason == "fork"


def test_a_receipt_drops_the_parcels_that_it_names(store: Store, office: TestOffice, desk: OfficeDesk) -> None:
    for number in range(3):
        store.parcels.add(
            CrashParcel(
                site=SITE,
                device=KIOSK,
                id=f"{number:032x}",
                at=format_time(NOON),
                process="edge",
                software="1",
                error=["OSError"],
                frames=[],
                times=1,
            )
        )
    taken = deliver(desk, office.receipt(f"{0:032x}", f"{2:032x}", "ff" * 16))
    assert taken.outcome == "applied"
    assert [each.parcel_id for each in store.parcels.waiting(limit=9)] == [f"{1:032x}"]
    assert deliver(desk, office.receipt(f"{0:032x}")).outcome == "repeated"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficeDesk]:
    clock = ManualClock()
    store = Premises(tmp_path_factory.mktemp("door") / "ledger.db", keyring(), clock).create()
    TestOffice(HERE).trusted_by(store)
    yield office_desk(store, clock)
    store.close()


@given(text=st.text(max_size=300))
def test_no_text_brings_the_door_down(door: OfficeDesk, text: str) -> None:
    assert door.deliver(Delivery(envelope=text)).outcome == "refused"
    framed = json.dumps({"payload": text, "payloadType": Ack.payload_type, "signatures": [{"sig": text}]})
    assert door.deliver(Delivery(envelope=framed)).outcome == "refused"


def test_a_refusal_is_answered_by_a_new_epoch_and_from_where_to_send(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    ids = record(store, clock, 4)
    refusal = office.refusal(ids[2], committed=ids[1])
    taken = deliver(desk, refusal)
    assert (taken.outcome, taken.frontier.seq) == ("applied", ids[1].seq)
    assert taken.send_after == SendAfter(epoch=ids[1].epoch, seq=ids[1].seq)
    batch = desk.envelopes(EnvelopeQuery(after_epoch=ids[1].epoch, after_seq=ids[1].seq))
    assert [(e.epoch == ids[1].epoch, e.seq) for e in batch.envelopes] == [(False, 1), (False, 2), (False, 3)]
    again = deliver(desk, refusal)
    assert (again.outcome, again.send_after) == ("repeated", None)
    assert store.events.count() == 1 + 4 + 3


def test_a_refusal_of_what_we_never_sent_or_of_an_unknown_office_changes_nothing(
    store: Store, clock: ManualClock, office: TestOffice, desk: OfficeDesk
) -> None:
    (event,) = record(store, clock, 1)
    assert deliver(desk, TestOffice(HERE).refusal(event)).reason == "forged"
    assert deliver(desk, office.refusal(replace(event, hash="0" * 64))).reason == "refusal_of_unknown"
    deliver(desk, office.ack(event))
    assert deliver(desk, office.refusal(event)).reason == "refusal_of_committed"
    assert store.events.count() == 2


def test_a_renewed_certificate_is_found_to_be_the_offices_or_not(office: TestOffice, desk: OfficeDesk) -> None:
    renewed = RenewedCertificate(
        site=HERE.site,
        device=HERE.device,
        request="0" * 32,
        certificate="-----BEGIN CERTIFICATE-----\n",
        authorities="-----BEGIN CERTIFICATE-----\n",
        issued=format_time(NOON),
    )
    assert deliver(desk, office.sign(renewed)).outcome == "applied"
    assert deliver(desk, office.sign(renewed, key=Ed25519PrivateKey.generate())).reason == "forged"
    assert deliver(desk, office.sign(renewed.model_copy(update={"device": "other"}))).reason == "other_device"
