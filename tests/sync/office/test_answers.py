"""When the office says what: acknowledgements keep their distance, and a courier that waits is told at once."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.office.answers import ACK_EVENTS, Answers
from sync.office.batch import Outcome
from sync.office.link import Arrival
from sync.office.metrics import Metrics
from sync.office.receiver import ReceiverSettings
from sync.wire.canonical import read
from sync.wire.envelope import decode
from sync.wire.fields import EventPoint
from sync.wire.office import Ack
from sync.wire.topics import Address

ADDRESS = Address("mill", "gate")
E1, E2 = "000001-00000000000000aa", "000002-00000000000000bb"
SETTINGS = ReceiverSettings(ack_interval_s=0.2, resend_after_s=10.0)


class Broker:
    """Keeps what it is given."""

    connected = True

    def __init__(self) -> None:
        self.sent: list[Ack] = []

    def publish(self, topic: str, payload: bytes, *, correlation: bytes | None = None) -> bool:
        assert topic == "clockface/v1/mill/gate/ack"
        assert correlation is None
        self.sent.append(read(Ack, decode(payload).payload, max_bytes=10_000))
        return self.connected

    def acknowledge(self, arrival: Arrival) -> None:
        raise AssertionError(arrival)


class Scene:
    """Answers under a clock of our own."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.broker = Broker()
        self.answers = Answers(
            self.broker,  # type: ignore[arg-type]  # the inbox is the receiver's
            key=Ed25519PrivateKey.generate(),
            clock=lambda: datetime(2026, 3, 2, tzinfo=UTC),
            monotonic=lambda: self.now_s,
            settings=SETTINGS,
            metrics=Metrics(),
        )

    def commit(self, seq: int, *, epoch: str = E1, lacking: bool = False) -> None:
        outcome = Outcome(committed={ADDRESS: [EventPoint(epoch=epoch, seq=seq, hash="ab" * 32)]})
        if lacking:
            outcome.lacking.add(ADDRESS)
        self.answers.take(outcome)
        self.answers.flush()

    @property
    def said(self) -> list[int]:
        return [ack.committed.seq for ack in self.broker.sent if ack.committed is not None]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_acks_to_one_device_keep_their_distance_and_the_newest_counts(scene: Scene) -> None:
    for seq in (1, 2, 3):
        scene.commit(seq)
    assert scene.said == [1]
    scene.now_s += 0.2
    scene.answers.flush()
    assert scene.said == [1, 3]


def test_a_backlog_that_drains_is_acknowledged_by_events_and_not_only_by_time(scene: Scene) -> None:
    scene.commit(10)
    scene.commit(10 + ACK_EVENTS - 1)
    assert scene.said == [10]
    scene.commit(10 + ACK_EVENTS)
    assert scene.said == [10, 10 + ACK_EVENTS]


def test_a_new_epoch_counts_its_own_events(scene: Scene) -> None:
    scene.commit(5000)
    scene.commit(1, epoch=E2)
    assert scene.said == [5000]
    scene.commit(ACK_EVENTS, epoch=E2)
    assert scene.said == [5000, ACK_EVENTS]


def test_what_the_broker_did_not_take_is_said_again(scene: Scene) -> None:
    scene.broker.connected = False
    scene.commit(7)
    scene.broker.connected = True
    scene.now_s += 0.2
    scene.answers.flush()
    assert scene.said == [7, 7]


@pytest.mark.parametrize(("after_s", "asked"), [(9.9, False), (10.0, True)])
def test_what_lacks_is_asked_for_only_when_it_has_lasted(scene: Scene, after_s: float, asked: bool) -> None:  # noqa: FBT001
    scene.commit(1, lacking=True)
    scene.now_s += after_s
    scene.commit(1, lacking=True)
    assert [ack.resend for ack in scene.broker.sent] == [False, asked]


def test_a_lack_that_another_receiver_filled_is_none_that_lasts(scene: Scene) -> None:
    scene.commit(1, lacking=True)
    scene.now_s += 60.0
    scene.commit(5, lacking=True)
    assert not any(ack.resend for ack in scene.broker.sent)
    scene.now_s += SETTINGS.resend_after_s
    scene.commit(5, lacking=True)
    assert scene.broker.sent[-1].resend
