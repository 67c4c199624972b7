"""Receivers over one PostgreSQL: they wait for each other in one order, so none has to begin its batch anew.

A ring of two is ended by the server after a second, by failing one of them; its batch then waits and is taken
again from its beginning.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import func, select, text

from clockface.errors import ClockfaceError
from sync.office.alarms import AlarmKind
from sync.office.batch import Outcome
from sync.office.database import Database, open_database, schema
from sync.office.database.errors import DatabaseLocked
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.link import Arrival
from sync.office.metrics import Metrics
from sync.office.preparation import Prepared
from sync.office.receiver import (
    COLLISION_S,
    COLLISIONS,
    RETRY_FIRST_S,
    Receiver,
    ReceiverSettings,
    Storage,
    _Batch,
)
from sync.office.renewed import Online
from sync.office.watch import Watch, WatchSettings
from sync.wire.canonical import encode
from sync.wire.fields import format_time
from sync.wire.health import State
from sync.wire.topics import Channel
from tests.sync.office.kiosk import START, Kiosk
from tests.sync.office.migrated import Migrated
from tests.sync.office.postgres import Server
from tests.sync.office.telemetry import telemetry_of

KIOSKS, ROUNDS, NOW_US = 25, 6, 1_800_000_000_000_000
PATIENCE_S = 60.0
SEALING = X25519PrivateKey.generate()


@pytest.fixture
def database(postgres: Server, migrated: Migrated) -> Iterator[Database]:
    with migrated.lent() as name:
        made = open_database(postgres.settings(name))
        yield made
        made.close()


@pytest.fixture
def kiosks(database: Database) -> list[Kiosk]:
    made = [Kiosk(device=f"door-{number}") for number in range(KIOSKS)]
    with database.write() as connection:
        for kiosk in made:
            kiosk.register(connection)
            kiosk.begin()
    return made


def together(works: Sequence[Callable[[int], object]]) -> list[ClockfaceError]:
    """Run each in a thread, round by round and all of a round at once; what they raised."""
    start = threading.Barrier(len(works))
    failures: list[ClockfaceError] = []

    def run(work: Callable[[int], object]) -> None:
        for turn in range(ROUNDS):
            start.wait(PATIENCE_S)
            try:
                work(turn)
            except ClockfaceError as error:
                failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE_S)
    assert not any(each.is_alive() for each in threads)
    return failures


def deadlocks(database: Database) -> int:
    with database.read() as connection:
        connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        found = connection.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
        return int(found.scalar_one())


def test_batches_over_the_same_kiosks_in_any_order_wait_and_never_fail(
    database: Database, kiosks: list[Kiosk]
) -> None:
    """States reach every receiver; telemetry and events of one kiosk reach now one, now the other."""

    def batch(turn: int, *, backwards: bool) -> list[Arrival]:
        state = State(session=f"{turn:032x}", online=True, since=format_time(START), software="0.1.0")
        found = []
        for number, kiosk in enumerate(kiosks[::-1] if backwards else kiosks):
            found.append(Arrival(kiosk.address.topic(Channel.STATE), encode(state)))
            if number % 2 == backwards:
                found.append(Arrival(kiosk.address.topic(Channel.TELEMETRY), telemetry_of(kiosk)))
            if (number + turn) % 3 == 0:
                found.append(Arrival(kiosk.address.topic(Channel.EVENTS), kiosk.sent[0]))
        return found

    def receiver(*, backwards: bool) -> Callable[[int], object]:
        intake = Intake(database, sealing=SEALING, limits=Limits())
        batches = [batch(turn, backwards=backwards) for turn in range(ROUNDS)]
        return lambda turn: intake.take(batches[turn], now_us=NOW_US + turn)

    assert together([receiver(backwards=False), receiver(backwards=True)]) == []
    assert deadlocks(database) == 0
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.events)).scalar_one() == KIOSKS
        assert connection.execute(select(func.count()).select_from(schema.device_health)).scalar_one() == KIOSKS


def test_receivers_that_watch_at_the_same_moment_raise_each_alarm_once(
    database: Database, kiosks: list[Kiosk]
) -> None:
    intake = Intake(database, sealing=SEALING, limits=Limits())
    for kiosk in kiosks:  # whose certificates have expired
        intake.take([Arrival(kiosk.address.topic(Channel.TELEMETRY), telemetry_of(kiosk))], now_us=NOW_US)

    def receiver() -> Callable[[int], object]:
        watch = Watch(WatchSettings())

        def look(turn: int) -> None:
            with database.write() as connection:
                watch.look(connection, now_us=NOW_US + turn, connected=True)

        return look

    assert together([receiver(), receiver()]) == []
    assert deadlocks(database) == 0
    with database.read() as connection:
        alarms = schema.alarms
        raised = connection.execute(
            select(alarms.c.subject).where(alarms.c.kind == AlarmKind.CERTIFICATE.value)
        )
        assert sorted(raised.scalars()) == sorted(f"mill/{kiosk.address.device}" for kiosk in kiosks)


class Colliding:
    """An intake whose transaction other receivers end so many times."""

    def __init__(self, times: int) -> None:
        self.times, self.taken = times, 0

    def take(self, arrivals: Sequence[Arrival], *, now_us: int, prepared: Prepared | None) -> Outcome:
        assert arrivals
        assert prepared is None
        assert now_us
        if self.times:
            self.times -= 1
            raise DatabaseLocked("another transaction holds what this one needs (40P01)", where="test")
        self.taken += 1
        return Outcome()


class Broker:
    connected = True

    def __init__(self) -> None:
        self.inbox: queue.Queue[Arrival] = queue.Queue()
        self.acknowledged = 0

    def publish(self, topic: str, payload: bytes, *, correlation: bytes | None = None) -> bool:
        raise AssertionError(topic, payload, correlation)

    def acknowledge(self, arrival: Arrival) -> None:
        assert arrival.topic
        self.acknowledged += 1


class Waits(threading.Event):
    """Counts what is waited, and does not wait."""

    waited_s = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.waited_s += timeout or 0.0
        return False


@pytest.mark.parametrize(
    ("collisions", "storage"), [(COLLISIONS, Storage.WELL), (COLLISIONS + 1, Storage.FAILING)]
)
def test_a_collision_is_tried_again_at_once_and_is_no_failure_of_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch, collisions: int, storage: Storage
) -> None:
    intake, broker, stop = Colliding(collisions), Broker(), Waits()
    receiver = Receiver(
        database=database,
        broker=broker,
        intake=intake,  # type: ignore[arg-type]
        online=Online(Ed25519PrivateKey.generate(), authorities=None),  # type: ignore[arg-type]
        settings=ReceiverSettings(),
        metrics=Metrics(),
        clock=lambda: START,
        monotonic=lambda: 0.0,
    )
    seen: list[Storage] = []
    monkeypatch.setattr(receiver, "_well", lambda: seen.append(receiver.storage))
    receiver._take(_Batch([Arrival("clockface/v1/mill/gate/events", b"x")]), stop)
    assert (seen, intake.taken, broker.acknowledged) == ([storage], 1, 1)
    assert stop.waited_s <= COLLISIONS * COLLISION_S + (storage is Storage.FAILING) * RETRY_FIRST_S
