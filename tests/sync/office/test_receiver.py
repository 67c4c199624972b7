"""The receiver on a real Mosquitto with mutual TLS and on both databases."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import func, select

from sync.office.database import Database, schema
from sync.office.database.errors import DatabaseDiskFailed, DatabaseDiskFull, DatabaseError
from sync.office.intake import Intake
from sync.office.link import Arrival
from sync.office.receiver import Receiver, Storage
from sync.wire.canonical import encode
from sync.wire.health import State
from sync.wire.office import Ack, Refusal
from sync.wire.topics import Channel
from tests.sync.mosquitto import Mosquitto
from tests.sync.mqtt import WAIT_S, await_until
from tests.sync.office.kiosk import Kiosk
from tests.sync.office.running import Courier, running_receiver

E1 = "000001-00000000000000aa"


@pytest.fixture
def kiosk(office_database: Database) -> Kiosk:
    made = Kiosk()
    with office_database.write() as connection:
        made.register(connection)
    return made


@pytest.fixture
def receiver(broker: Mosquitto, office_database: Database, kiosk: Kiosk) -> Iterator[Receiver]:
    with running_receiver(broker, office_database) as running:
        yield running


@pytest.fixture
def courier(broker: Mosquitto, kiosk: Kiosk, receiver: Receiver) -> Iterator[Courier]:
    with Courier(broker, kiosk) as made:
        yield made


def rows(database: Database, statement: Any) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(statement))


def stored(database: Database) -> int:
    return int(rows(database, select(func.count()).select_from(schema.events))[0][0])


def test_events_are_committed_and_then_acknowledged(courier: Courier, office_database: Database) -> None:
    courier.send(courier.kiosk.begin(E1), *courier.kiosk.records(9))
    ack = courier.acknowledged()
    assert ack.resend is False
    assert stored(office_database) == 10


def test_a_backlog_is_verified_ahead_and_committed_in_order(
    broker: Mosquitto, office_database: Database, kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead: list[int] = []
    written = threading.Event()
    begin, take = Intake.begin, Intake.take

    def begun(self: Intake, arrivals: Sequence[Arrival]) -> Any:
        ahead.append(len(arrivals))
        return begin(self, arrivals)

    def taken(self: Intake, arrivals: Sequence[Arrival], **named: Any) -> Any:
        assert written.wait(WAIT_S)
        return take(self, arrivals, **named)

    monkeypatch.setattr(Intake, "begin", begun)
    monkeypatch.setattr(Intake, "take", taken)
    with (
        running_receiver(broker, office_database, batch_events=10) as receiver,
        Courier(broker, kiosk) as courier,
    ):
        kiosk.begin(E1)
        kiosk.records(199)
        for start in range(0, 200, 10):
            courier.send(*kiosk.sent[start : start + 10])
        await_until(lambda: receiver._broker.inbox.qsize() >= 10, what="the backlog")
        written.set()
        courier.acknowledged()
    assert sum(ahead) > 10
    seqs = [row.seq for row in rows(office_database, select(schema.events.c.seq).order_by(schema.events.c.id))]
    assert seqs == list(range(1, 201))


def test_what_was_sent_twice_is_acknowledged_twice_and_stored_once(
    courier: Courier, office_database: Database
) -> None:
    courier.send(courier.kiosk.begin(E1))
    courier.acknowledged()
    courier.send(*courier.kiosk.sent)
    courier.acknowledged()
    assert stored(office_database) == 1


def test_a_fork_is_refused_by_a_signed_word(courier: Courier) -> None:
    courier.kiosk.begin(E1)
    twin = courier.kiosk.restored_copy()
    in_common = twin.point
    courier.send(*courier.kiosk.sent, courier.kiosk.record())
    courier.acknowledged()
    courier.send(twin.record(person="99" * 16))
    refusal = courier.hear_until(lambda each: isinstance(each, Refusal))
    assert (refusal.refused, refusal.reason) == (twin.point, "fork")
    assert refusal.committed == in_common


def test_a_device_from_an_old_backup_is_told_of_its_own_events_not_only_of_the_newest(
    courier: Courier,
) -> None:
    courier.kiosk.begin(E1)
    courier.kiosk.records(5)
    known = courier.kiosk.sent[:3]
    courier.send(*courier.kiosk.sent)
    courier.acknowledged()
    courier.send(*known)
    ack = courier.hear_until(lambda each: isinstance(each, Ack))
    assert ack.committed is not None
    assert ack.committed.seq == 3


def test_poison_ends_in_quarantine_and_stops_nothing(courier: Courier, office_database: Database) -> None:
    courier.send(b"\xff\xfe garbage")
    courier.send(b"[" * 50_000)
    other = Kiosk(device="yard")
    courier.send(other.begin(E1))
    courier.send(courier.kiosk.begin(E1))
    courier.acknowledged()
    table = schema.quarantine
    found = rows(office_database, select(table.c.reason, table.c.claimed_device).order_by(table.c.id))
    assert [tuple(row) for row in found] == [
        ("malformed", "gate"),
        ("malformed", "gate"),
        ("unknown_key", "gate"),
    ]
    [alarm] = rows(office_database, select(schema.alarms))
    assert (alarm.kind, alarm.subject) == ("forgery", "mill/gate")


def test_a_gap_that_stays_is_asked_for_again(courier: Courier) -> None:
    courier.kiosk.begin(E1)
    courier.kiosk.records(5)
    sent = courier.kiosk.sent
    courier.send(sent[0])
    courier.hear()
    ack = None
    for later in sent[3:]:
        courier.send(later)
    while ack is None or not ack.resend:
        courier.send(sent[5])
        ack = courier.hear_until(lambda each: isinstance(each, Ack))
    assert ack.committed.seq == 1
    courier.send(*sent[1:3])
    courier.acknowledged()


def test_two_receivers_share_one_subscription_and_store_everything_once(
    broker: Mosquitto, office_database: Database, kiosk: Kiosk
) -> None:
    group = "office-8f3a"
    with (
        running_receiver(broker, office_database, name="receiver", group=group),
        running_receiver(broker, office_database, name="receiver-2", group=group),
        Courier(broker, kiosk) as courier,
    ):
        courier.send(kiosk.begin(E1))
        courier.acknowledged()
        for raw in kiosk.records(60):
            courier.send(raw)
        courier.acknowledged()
    assert stored(office_database) == 61
    assert rows(office_database, select(schema.waiting)) == []
    assert {row.closed_us is None for row in rows(office_database, select(schema.gaps))} <= {False}


def test_a_receiver_of_a_group_learns_at_its_start_who_is_online(
    broker: Mosquitto, office_database: Database, kiosk: Kiosk
) -> None:
    state = State(session="5" * 32, online=True, since="2026-03-02T06:00:00.000000Z", software="0.1.0")
    with Courier(broker, kiosk) as courier:
        courier.client.publish(kiosk.address.topic(Channel.STATE), encode(state), retain=True)
        with running_receiver(broker, office_database, group="office-8f3a-office-8f3a"):
            health = schema.device_health
            await_until(
                lambda: [bool(row.online) for row in rows(office_database, select(health))] == [True],
                what="the retained birth",
            )


class Failing(Database):
    """A database whose writes fail until they are allowed, as on a full disk."""

    full = True
    kind: type[DatabaseError] = DatabaseDiskFull

    def write(self) -> Any:
        if self.full:
            raise self.kind("the disk is full", where="test")
        return super().write()


@pytest.mark.parametrize("kind", [DatabaseDiskFull, DatabaseDiskFailed])
def test_a_full_disk_acknowledges_nothing_puts_nothing_away_and_recovers(
    broker: Mosquitto, office_database: Database, kiosk: Kiosk, kind: type[DatabaseError]
) -> None:
    failing = Failing(office_database._engine, settings=office_database.settings)
    failing.kind = kind
    with running_receiver(broker, failing) as receiver, Courier(broker, kiosk) as courier:
        courier.send(kiosk.begin(E1))
        await_until(lambda: receiver.storage is Storage.FAILING, what="the failure shows")
        assert courier.client.quiet()
        assert stored(office_database) == 0
        failing.full = False
        courier.acknowledged()
        await_until(lambda: receiver.storage is Storage.WELL, what="it says that it is well")
    assert stored(office_database) == 1
