"""What the broker keeps, and what it drops."""

from pathlib import Path

import pytest

from sync.office.broker.configuration import MAX_BATCH_BYTES, MAX_PACKET_BYTES
from sync.wire.topics import Channel, filter_of
from tests.sync.mosquitto import Mosquitto, TestAuthority
from tests.sync.mqtt import Client

EVENTS = "clockface/v1/plant-1/door-1/events"
STATE = "clockface/v1/plant-1/door-1/state"


def leave_a_queue(broker: Mosquitto, count: int) -> None:
    """Events for a receiver that is away, and one retained state."""
    with Client(broker, broker.office(), session_s=3600) as receiver:
        receiver.subscribe(filter_of(Channel.EVENTS))
    with Client(broker, broker.credentials("plant-1", "door-1")) as device:
        device.publish(STATE, b"here", retain=True)
        for number in range(count):
            assert device.publish(EVENTS, str(number).encode()) == "Success"


def what_is_left(broker: Mosquitto) -> tuple[bool, list[bytes]]:
    with Client(broker, broker.office(), session_s=3600) as receiver:
        receiver.subscribe(filter_of(Channel.STATE))
        heard = [receiver.receive()]
        while heard[-1].topic != STATE:
            heard.append(receiver.receive())
        return receiver.session_present, [message.payload for message in heard[:-1]]


def test_sessions_queues_and_retained_messages_survive_a_graceful_restart(broker: Mosquitto) -> None:
    leave_a_queue(broker, 20)
    broker.restart()
    assert what_is_left(broker) == (True, [str(number).encode() for number in range(20)])


def test_what_it_saved_survives_kill_9(broker: Mosquitto) -> None:
    """And no more than that: a device sends again what the office has not committed."""
    leave_a_queue(broker, 20)
    broker.save()
    broker.restart(graceful=False)
    assert what_is_left(broker) == (True, [str(number).encode() for number in range(20)])


def test_a_wiped_broker_knows_no_session(broker: Mosquitto) -> None:
    leave_a_queue(broker, 1)
    broker.restart(wipe=True)
    with Client(broker, broker.office(), session_s=3600) as receiver:
        assert not receiver.session_present


def test_above_its_limit_a_queue_drops_silently(tmp_path: Path, authority: TestAuthority) -> None:
    """Why a PUBACK is no delivery: the publisher hears "Success" for what the broker throws away."""
    with Mosquitto(tmp_path / "broker", authority, max_queued_messages=10, max_inflight=5) as broker:
        leave_a_queue(broker, 40)
        _, left = what_is_left(broker)
        assert 10 <= len(left) < 40


def test_a_publish_that_nobody_subscribed_to_says_so(broker: Mosquitto) -> None:
    with Client(broker, broker.credentials("plant-1", "door-1")) as device:
        assert device.publish(EVENTS, b"x") == "No matching subscribers"


def test_the_largest_batch_passes_and_the_limit_is_announced(broker: Mosquitto) -> None:
    with (
        Client(broker, broker.office()) as receiver,
        Client(broker, broker.credentials("plant-1", "door-1")) as device,
    ):
        receiver.subscribe(filter_of(Channel.EVENTS))
        batch = b"x" * MAX_BATCH_BYTES
        assert device.publish(EVENTS, batch) == "Success"
        assert receiver.receive().payload == batch
        assert device.connack.MaximumPacketSize == MAX_PACKET_BYTES
        assert device.connack.ReceiveMaximum == broker.settings.max_inflight


@pytest.mark.parametrize("size", [MAX_PACKET_BYTES, 10_000_000])
def test_an_oversize_packet_ends_its_connection_and_nobody_elses(broker: Mosquitto, size: int) -> None:
    with (
        Client(broker, broker.office()) as receiver,
        Client(broker, broker.credentials("plant-1", "door-2")) as neighbour,
        Client(broker, broker.credentials("plant-1", "door-1")) as device,
    ):
        receiver.subscribe(filter_of(Channel.EVENTS))
        device.paho.publish(EVENTS, b"x" * size, qos=1)
        assert device.wait_disconnected() in {"Packet too large", "Unspecified error"}
        neighbour.publish("clockface/v1/plant-1/door-2/events", b"next")
        assert receiver.receive().payload == b"next"


def test_the_log_holds_no_payload_and_no_topic(broker: Mosquitto) -> None:
    leave_a_queue(broker, 1)
    with Client(broker, broker.credentials("plant-1", "door-1")) as device:
        device.publish("clockface/v1/plant-1/other/events", b"a-secret-payload")
    log = broker.log()
    assert "plant-1/door-1" in log
    assert "a-secret-payload" not in log
    assert "/events" not in log


def test_a_client_that_asks_for_a_longer_keepalive_is_told_the_brokers(broker: Mosquitto) -> None:
    with Client(broker, broker.credentials("plant-1", "door-1"), keepalive_s=3600) as device:
        assert device.connack.ServerKeepAlive == broker.settings.max_keepalive_s
