"""The office's signed time: from a short round trip only, and only where nothing else tells the time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from edge.api.protocol.courier import Delivery
from edge.clock import TOLD_FRESH_S, Sources, SystemClock
from edge.daemon.office_time import MAX_NONCES, MAX_ROUND_TRIP_S, OfficeTime
from edge.store.store import Store
from edge.types.clock import ClockTrust
from sync.wire.documents import open_document
from sync.wire.health import Telemetry
from tests.edge.office import NOON, TestOffice, office_desk
from tests.fakes import ManualClock

TRUE = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def test_only_a_short_round_trip_counts_and_only_once() -> None:
    told: list[tuple[datetime, float, float]] = []
    time = OfficeTime()
    time.listen(lambda *each: told.append(each))
    time.asked("a", 100.0)
    assert not time.heard(TRUE, echo="b", boottime_s=101.0)
    assert not time.heard(TRUE, echo=None, boottime_s=101.0)
    assert time.heard(TRUE, echo="a", boottime_s=104.0)
    assert told == [(TRUE + timedelta(seconds=2), 104.0, 2.0)]
    assert not time.heard(TRUE, echo="a", boottime_s=104.1)
    time.asked("c", 200.0)
    assert not time.heard(TRUE, echo="c", boottime_s=200.1 + MAX_ROUND_TRIP_S)
    for number in range(MAX_NONCES + 1):
        time.asked(str(number), 300.0)
    assert not time.heard(TRUE, echo="0", boottime_s=300.0)


def test_an_ack_that_repeats_our_nonce_tells_the_time(
    store: Store, clock: ManualClock, office: TestOffice
) -> None:
    told: list[datetime] = []
    desk = office_desk(store, clock, tell=lambda wall, _up, _off: told.append(wall))
    signing = store.device_keys.signing
    keys = {signing.key_id: signing.private.public_key()}
    nonce = open_document(
        Telemetry, desk.telemetry().envelope.encode(), keys=keys, address=office.address
    ).nonce
    forged = TestOffice(office.address).ack(None, echo=nonce)
    desk.deliver(Delivery(envelope=forged.decode()))
    assert told == []
    desk.deliver(Delivery(envelope=office.ack(None, echo=nonce).decode()))
    assert told == [NOON]


class _Machine:
    """A board without a clock battery: its wall clock woke up in the past."""

    def __init__(self) -> None:
        self.up_s, self.kernel = 50.0, False
        self.wall = datetime(2026, 1, 1, tzinfo=UTC)

    def clock(self) -> SystemClock:
        sources = Sources(
            wall=lambda: self.wall,
            boottime=lambda: self.up_s,
            kernel=lambda: self.kernel,
            marker=lambda: None,
        )
        return SystemClock(zone=ZoneInfo("UTC"), sources=sources, boot_id="b")


def test_an_unsynchronised_clock_follows_the_office_and_a_synchronised_one_does_not() -> None:
    machine = _Machine()
    clock = machine.clock()
    assert clock.now().trust is ClockTrust.UNSYNCHRONISED
    clock.believe(TRUE, 50.0, 0.1)
    machine.up_s += 60
    now = clock.now()
    assert (now.wall, now.trust) == (TRUE + timedelta(seconds=60), ClockTrust.SYNCHRONISED)
    machine.up_s += TOLD_FRESH_S
    assert clock.now().trust is ClockTrust.HOLDOVER
    machine.kernel, machine.wall = True, TRUE + timedelta(hours=5)
    assert clock.now().wall == machine.wall


def test_a_worse_answer_does_not_move_the_clock_and_a_time_before_the_release_is_nobodys() -> None:
    machine = _Machine()
    clock = machine.clock()
    clock.believe(datetime(2020, 1, 1, tzinfo=UTC), 50.0, 0.0)
    assert clock.now().trust is ClockTrust.UNSYNCHRONISED
    clock.believe(TRUE, 50.0, 0.1)
    clock.believe(TRUE + timedelta(seconds=9), 50.0, 4.0)
    assert clock.now().wall == TRUE
    clock.believe(TRUE + timedelta(seconds=1), 50.0, 0.05)
    assert clock.now().wall == TRUE + timedelta(seconds=1)
