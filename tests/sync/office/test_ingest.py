"""Events into the database on both engines: once, in order, whatever way they come."""

import json
import random

import pytest
from sqlalchemy import select, update

from sync.office.database import Database, arrivals, schema
from sync.office.history import Place
from sync.office.ingest import Limits, ingest
from sync.office.registry import load_devices
from sync.office.verification import Verified, verify_message
from sync.wire.events import CorrectedRange
from tests.sync.office.ingesting import E1, E2, Office
from tests.sync.office.kiosk import Kiosk

E2_AGAIN = "000002-00000000000000cc"
E3 = "000003-00000000000000dd"


@pytest.fixture
def office(office_database: Database) -> Office:
    return Office(office_database)


@pytest.fixture
def kiosk(office: Office) -> Kiosk:
    made = Kiosk()
    office.register(made)
    return made


def names(epoch: str, *, upto: int) -> list[tuple[str, int]]:
    return [(epoch, seq) for seq in range(1, upto + 1)]


def test_events_in_order_are_stored_and_acknowledged(office: Office, kiosk: Kiosk) -> None:
    answer = office.take(kiosk, kiosk.begin(E1), *kiosk.records(4))
    assert office.stored() == names(E1, upto=5)
    assert answer.committed == [kiosk.point]
    assert not answer.lacking
    assert answer.counts == {"committed": 5}


def test_a_follower_does_not_go_past_what_is_still_being_stored(office: Office, kiosk: Kiosk) -> None:
    raws = [kiosk.begin(E1), *kiosk.records(4)]
    with office.database.write() as connection:
        device = load_devices(connection, [kiosk.address])[kiosk.address]
        events = verify_message(b"\n".join(raws), address=kiosk.address, keys=device.keys)
        ingest(connection, [(device, events)], now_us=1, limits=office.limits)
        assert arrivals.settled(office.database) == 0
    assert arrivals.settled(office.database) == 5


def test_the_columns_say_what_the_event_says(office: Office, kiosk: Kiosk) -> None:
    raw = [kiosk.begin(E1), kiosk.record(person="12" * 16)][1]
    office.take(kiosk, *kiosk.sent)
    [row] = office.rows(select(schema.events).where(schema.events.c.seq == 2))
    assert (row.person, row.direction, row.method, row.day) == ("12" * 16, "in", "face", "2026-03-02")
    assert (row.trust, row.utc_offset_s, row.score_millionths) == ("synchronised", 3600, 812_345)
    assert (row.interpreted, bytes(row.envelope)) == (True, raw)
    [epoch] = office.rows(select(schema.epochs))
    assert (epoch.reason, epoch.ordinal, epoch.signer) == ("provisioned", 1, kiosk.key_id)


def test_what_comes_twice_is_stored_once_and_acknowledged_again(office: Office, kiosk: Kiosk) -> None:
    office.take(kiosk, kiosk.begin(E1), *kiosk.records(4))
    answer = office.take(kiosk, *kiosk.sent, *kiosk.sent)
    assert office.stored() == names(E1, upto=5)
    assert answer.committed == [kiosk.point]
    assert answer.counts == {"repeated": 10}
    assert office.count(schema.forks) == 0


def test_a_batch_in_disorder_is_sorted(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(50)
    shuffled = list(kiosk.sent)
    random.Random(1).shuffle(shuffled)  # noqa: S311 - an order, not a secret
    office.take(kiosk, *shuffled)
    assert office.stored() == names(E1, upto=51)
    assert office.gaps() == []


def test_later_events_wait_until_the_gap_is_filled(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(9)
    sent = kiosk.sent
    office.take(kiosk, *sent[:3])
    answer = office.take(kiosk, *sent[5:7], sent[9])
    assert answer.lacking
    assert [point.seq for point in answer.committed] == [3]
    assert office.gaps() == [(4, 5, False), (8, 9, False)]
    office.take(kiosk, *sent[3:5])
    assert office.stored() == names(E1, upto=7)
    assert office.gaps() == [(4, 5, True), (8, 9, False)]
    answer = office.take(kiosk, *sent[7:9])
    assert office.stored() == names(E1, upto=10)
    assert answer.committed == [kiosk.point]
    assert office.gaps() == [(4, 5, True), (8, 9, True)]
    assert office.count(schema.waiting) == 0


def test_single_events_in_any_order_end_complete(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(19)
    shuffled = list(kiosk.sent)
    random.Random(2).shuffle(shuffled)  # noqa: S311 - an order, not a secret
    for raw in shuffled:
        answer = office.take(kiosk, raw, raw)
    assert office.stored() == names(E1, upto=20)
    assert answer.committed == [kiosk.point]
    assert office.count(schema.waiting) == 0
    assert all(closed for _, _, closed in office.gaps())


def test_waiting_has_a_bound_and_what_does_not_fit_comes_again(office: Office, kiosk: Kiosk) -> None:
    office.limits = Limits(waiting_per_device=3)
    kiosk.begin(E1)
    kiosk.records(9)
    answer = office.take(kiosk, *kiosk.sent[2:])
    assert answer.counts == {"waiting": 3, "dropped": 5}
    assert [row.seq for row in office.rows(select(schema.waiting.c.seq))] == [3, 4, 5]
    office.take(kiosk, *kiosk.sent)
    assert office.stored() == names(E1, upto=10)


def test_another_event_in_the_same_place_is_a_fork_and_stops_nothing(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(3)
    twin = kiosk.restored_copy()
    in_common = twin.point
    office.take(kiosk, *kiosk.sent, *kiosk.records(2))
    other = twin.record(person="99" * 16)
    answer = office.take(kiosk, other)
    [refused] = answer.refused
    assert (refused.event, refused.reason.value) == (twin.point, "fork")
    assert refused.committed == in_common
    assert office.stored() == names(E1, upto=6)
    [fork] = office.rows(select(schema.forks))
    assert (fork.seq, fork.found_in, bytes(fork.envelope)) == (5, "event", other)
    assert office.open_alarms() == {"fork"}
    assert office.take(kiosk, kiosk.record()).committed == [kiosk.point]


def test_a_restored_device_learns_how_far_its_own_part_is_committed(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(9)
    backup = list(kiosk.sent)
    office.take(kiosk, *kiosk.sent, *kiosk.records(5))
    [behind] = office.take(kiosk, *backup[:4]).behind  # its window is small, and the frontier is not its own
    assert (behind.epoch, behind.seq) == (E1, 4)
    [behind] = office.take(kiosk, *backup[4:]).behind
    assert behind.seq == 10
    assert office.take(kiosk, *kiosk.sent[-1:]).behind == []


def test_an_event_on_another_past_is_a_broken_chain(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    twin = kiosk.restored_copy()
    office.take(kiosk, *kiosk.sent, kiosk.record())
    twin.record(person="99" * 16)
    answer = office.take(kiosk, twin.record(), twin.record())
    [refused] = answer.refused
    assert (refused.event.seq, refused.reason.value) == (3, "broken_chain")
    assert office.stored() == names(E1, upto=2)
    assert office.count(schema.waiting) == 0
    assert office.open_alarms() == {"broken_chain"}


def test_a_refused_device_goes_on_in_a_new_epoch_and_its_events_count_once(
    office: Office, kiosk: Kiosk
) -> None:
    kiosk.begin(E1)
    twin = kiosk.restored_copy()
    office.take(kiosk, *kiosk.sent, *kiosk.records(2))
    refused_raw = twin.record(person="99" * 16)
    refused = twin.point
    office.take(kiosk, refused_raw, *twin.records(3))
    answer = office.take(
        kiosk, twin.begin(E2, reason="refused"), twin.record(person="99" * 16, reissues=refused)
    )
    assert answer.committed == [twin.point]
    assert not answer.lacking
    assert office.stored() == names(E1, upto=3) + names(E2, upto=2)
    [row] = office.rows(select(schema.events).where(schema.events.c.reissues_seq.is_not(None)))
    assert (row.reissues_epoch, row.reissues_seq, bytes(row.reissues_hash).hex()) == (
        refused.epoch,
        refused.seq,
        refused.hash,
    )


def test_a_waiting_event_that_turns_out_wrong_is_refused_once(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    twin = kiosk.restored_copy()
    twin.record(person="99" * 16)
    wrong = twin.record()
    office.take(kiosk, kiosk.sent[0])
    office.take(kiosk, wrong)
    answer = office.take(kiosk, kiosk.record())
    assert [each.reason.value for each in answer.refused] == ["broken_chain"]
    answer = office.take(kiosk, kiosk.record())
    assert answer.refused == []
    assert office.stored() == names(E1, upto=3)


def test_a_new_epoch_is_not_acknowledged_before_the_old_one_is_complete(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(4)
    office.take(kiosk, *kiosk.sent[:3])
    after_three = kiosk.sent[:5]
    answer = office.take(kiosk, kiosk.begin(E2, reason="restored"), kiosk.record())
    assert [(point.epoch, point.seq) for point in answer.committed] == [(E1, 3)]
    assert answer.lacking
    assert office.stored() == names(E1, upto=3) + names(E2, upto=2)
    office.take(kiosk, *after_three)
    answer = office.take(kiosk, kiosk.record())
    assert answer.committed == [kiosk.point]
    assert not answer.lacking


def test_an_unknown_earlier_epoch_keeps_the_new_one_unacknowledged(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    old = list(kiosk.sent)
    answer = office.take(kiosk, kiosk.begin(E2))
    assert (answer.committed, answer.lacking) == ([], True)
    office.take(kiosk, *old)
    assert office.take(kiosk, kiosk.record()).committed == [kiosk.point]


def test_a_restored_device_is_noticed_and_goes_on(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(2)
    twin = kiosk.restored_copy()
    office.take(kiosk, *kiosk.sent, *kiosk.records(3))
    answer = office.take(kiosk, twin.begin(E2, reason="restored"))
    assert answer.committed == [twin.point]
    assert office.open_alarms() == {"restored"}


def test_one_backup_restored_twice_gives_two_epochs_of_one_ordinal(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    second, third = kiosk.restored_copy(), kiosk.restored_copy()
    office.take(kiosk, *kiosk.sent)
    assert office.take(kiosk, second.begin(E2, reason="restored"), second.record()).committed == [second.point]
    assert office.take(kiosk, third.begin(E2_AGAIN, reason="restored")).committed == [third.point]
    assert office.count(schema.forks) == 0


def test_a_device_that_forgot_everything_begins_anew_and_is_noticed(office: Office, kiosk: Kiosk) -> None:
    office.take(kiosk, kiosk.begin(E1), *kiosk.records(2))
    answer = office.take(kiosk, kiosk.begin(E2, reason="replaced", linked=False))
    assert answer.committed == [kiosk.point]
    assert office.open_alarms() == {"history_ended"}


def test_an_epoch_that_follows_another_event_than_ours_is_a_fork(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    twin = kiosk.restored_copy()
    office.take(kiosk, *kiosk.sent, kiosk.record())
    twin.record(person="99" * 16)
    answer = office.take(kiosk, twin.begin(E2, reason="restored"))
    assert answer.committed == [twin.point]
    [fork] = office.rows(select(schema.forks))
    assert (fork.seq, fork.found_in) == (2, "epoch")
    assert office.open_alarms() == {"fork"}


def test_a_fork_shows_also_when_the_earlier_epoch_arrives_later(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    twin = kiosk.restored_copy()
    twin.record(person="99" * 16)
    office.take(kiosk, kiosk.sent[0])
    office.take(kiosk, twin.begin(E2, reason="restored"))
    office.take(kiosk, kiosk.record())
    assert office.open_alarms() == {"fork"}


def test_a_type_of_tomorrow_is_stored_and_advances(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    document = {
        **kiosk.head(),
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "type": "clockface.tomorrow.v9",
    }
    kiosk.sign_payload(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    answer = office.take(kiosk, *kiosk.sent, kiosk.record())
    assert answer.committed == [kiosk.point]
    [row] = office.rows(select(schema.events).where(schema.events.c.seq == 2))
    assert (row.interpreted, row.type, row.person) == (False, "clockface.tomorrow.v9", None)


def test_clock_corrections_name_the_epochs_that_they_speak_of(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(3)
    ranges = [
        CorrectedRange(epoch=E1, first_seq=2, last_seq=3, correction_us=7_000_000),
        CorrectedRange(epoch=E3, first_seq=1, last_seq=1, correction_us=1),
    ]
    office.take(kiosk, *kiosk.sent, kiosk.correct(ranges))
    [row] = office.rows(select(schema.clock_corrections))
    assert (row.first_seq, row.last_seq, row.correction_us) == (2, 3, 7_000_000)


def test_a_revoked_device_is_believed_up_to_the_named_event(office: Office, kiosk: Kiosk) -> None:
    kiosk.begin(E1)
    kiosk.records(3)
    office.take(kiosk, *kiosk.sent[:2])
    devices = schema.devices
    with office.database.write() as connection:
        connection.execute(
            update(devices).values(
                state="revoked", ended_us=1, ended_by="test", trusted_epoch=E1, trusted_seq=3
            )
        )
    answer = office.take(kiosk, *kiosk.sent, kiosk.begin(E2))
    assert office.stored() == names(E1, upto=3)
    assert [event.head.id for event in answer.distrusted] == [f"{E1}/4", f"{E2}/1"]


def test_many_devices_in_one_transaction_do_not_mix(office: Office) -> None:
    kiosks = [Kiosk(device=f"gate-{number}") for number in range(20)]
    pairs = []
    for kiosk in kiosks:
        office.register(kiosk)
        kiosk.begin(E1)
        kiosk.records(3)
    with office.database.write() as connection:
        devices = load_devices(connection, [kiosk.address for kiosk in kiosks])
        for kiosk in reversed(kiosks):
            device = devices[kiosk.address]
            events = verify_message(b"\n".join(kiosk.sent), address=kiosk.address, keys=device.keys)
            pairs.append((device, [event for event in events if isinstance(event, Verified)]))
        answers = ingest(connection, pairs, now_us=5, limits=office.limits)
    assert {answer.device.address: answer.committed for answer in answers} == {
        kiosk.address: [kiosk.point] for kiosk in kiosks
    }
    assert office.count(schema.events) == 80


def test_a_device_that_contradicts_itself_without_end_fills_no_table(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.office.evidence.FORKS_KEPT", 3)
    kiosk = Kiosk()
    office.register(kiosk)
    kiosk.begin(E1)
    twins = [kiosk.restored_copy() for _ in range(5)]
    office.take(kiosk, *kiosk.sent, kiosk.record())
    for number, twin in enumerate(twins):
        answer = office.take(kiosk, twin.record(person=f"{number:032x}"))
        assert [refused.reason for refused in answer.refused] == [Place.FORK]
    assert office.count(schema.forks) == 3
    assert office.open_alarms() == {"fork"}
    assert office.stored() == [(E1, 1), (E1, 2)]


def test_events_of_more_epochs_than_a_device_may_have_are_handed_back_and_the_known_go_on(
    office: Office,
) -> None:
    office.limits = Limits(epochs_per_device=2)
    kiosk = Kiosk()
    office.register(kiosk)
    first = [kiosk.begin(E1), kiosk.record()]
    second, third = kiosk.begin(E2), kiosk.begin(E3)
    answer = office.take(kiosk, first[0], second, third)
    assert [event.raw for event in answer.excess] == [third]
    assert office.stored() == [(E1, 1), (E2, 1)]
    assert office.take(kiosk, third, first[1]).excess != []
    assert office.stored() == [(E1, 1), (E1, 2), (E2, 1)]
    assert office.count(schema.epochs) == 2
