"""What the shipped access list lets a device and an office do, asked of a real Mosquitto."""

import itertools
import uuid

import pytest

from sync.wire.topics import DOWN, UP, Address, Channel, filter_of
from tests.sync.mosquitto import Mosquitto
from tests.sync.mqtt import Client, Message

ALL = (*UP, *DOWN)


def fresh() -> Address:
    return Address("plant-1", f"door-{uuid.uuid4().hex[:8]}")


def test_a_device_publishes_to_each_of_its_up_topics_and_the_receiver_reads_them(
    shared_broker: Mosquitto,
) -> None:
    own = fresh()
    with (
        Client(shared_broker, shared_broker.office()) as receiver,
        Client(shared_broker, shared_broker.credentials(own.site, own.device)) as device,
    ):
        for channel in UP:
            assert receiver.subscribe(filter_of(channel)) == "Granted QoS 1"
        for channel in UP:
            assert device.publish(own.topic(channel), channel.encode()) == "Success"
            assert receiver.receive() == Message(own.topic(channel), channel.encode(), retained=False)


@pytest.mark.parametrize("channel", DOWN)
def test_a_device_cannot_publish_what_only_the_office_may(shared_broker: Mosquitto, channel: Channel) -> None:
    own = fresh()
    with Client(shared_broker, shared_broker.credentials(own.site, own.device)) as device:
        assert device.publish(own.topic(channel), b"forged") == "Not authorized"
        assert device.publish(own.topic(Channel.EVENTS), b"still here") != "Not authorized"


@pytest.mark.parametrize(
    "topic",
    [
        *(Address("plant-1", "other").topic(channel) for channel in ALL),
        Address("plant-2", "door-x").topic(Channel.EVENTS),
        "clockface/v1/plant-1/door-x/events/more",
        "clockface/v1/plant-1/door-x/unknown",
        "clockface/v1/plant-1/door-x",
        "clockface/v2/plant-1/door-x/events",
        "anything",
        "$SYS/broker/uptime",
    ],
)
def test_a_device_cannot_publish_outside_its_own_topics(shared_broker: Mosquitto, topic: str) -> None:
    with Client(shared_broker, shared_broker.credentials("plant-1", "door-x")) as device:
        assert device.publish(topic, b"x") == "Not authorized"


def test_a_device_hears_its_own_down_topics_only_whatever_it_subscribes_to(
    shared_broker: Mosquitto,
) -> None:
    own, other = fresh(), fresh()
    with (
        Client(shared_broker, shared_broker.office()) as receiver,
        Client(shared_broker, shared_broker.credentials(other.site, other.device)) as neighbour,
        Client(shared_broker, shared_broker.credentials(own.site, own.device)) as device,
    ):
        for channel in DOWN:  # Mosquitto 2.0 grants every subscription, and asks the access list at delivery
            device.subscribe(own.topic(channel))
            device.subscribe(other.topic(channel))
        for greedy in ("#", "+/+/+/+/+", f"clockface/v1/{own.site}/+/ack", "$SYS/#", filter_of(Channel.EVENTS)):
            device.subscribe(greedy)
        for channel in DOWN:
            receiver.publish(other.topic(channel), b"for the neighbour", retain=True)
        neighbour.publish(other.topic(Channel.EVENTS), b"a neighbour's event")
        for channel in DOWN:
            receiver.publish(own.topic(channel), b"for us")
        heard = [device.receive()]
        while not heard[-1].topic.endswith(f"/{DOWN[-1]}"):
            heard.append(device.receive())
        assert {message.payload for message in heard} == {b"for us"}
        assert {message.topic for message in heard} == {own.topic(channel) for channel in DOWN}


def test_a_device_does_not_hear_a_neighbours_retained_message(shared_broker: Mosquitto) -> None:
    own, other = fresh(), fresh()
    with (
        Client(shared_broker, shared_broker.office()) as receiver,
        Client(shared_broker, shared_broker.credentials(own.site, own.device)) as device,
    ):
        receiver.publish(other.topic(Channel.ROSTER), b"theirs", retain=True)
        receiver.publish(own.topic(Channel.ROSTER), b"ours", retain=True)
        device.subscribe(other.topic(Channel.ROSTER))
        device.subscribe(own.topic(Channel.ROSTER))
        assert device.receive() == Message(own.topic(Channel.ROSTER), b"ours", retained=True)
        assert device.quiet()


def test_a_device_that_takes_anothers_client_id_does_not_disturb_it(shared_broker: Mosquitto) -> None:
    own, other = fresh(), fresh()
    with (
        Client(
            shared_broker, shared_broker.credentials(other.site, other.device), client_id="a-name"
        ) as victim,
        Client(
            shared_broker,
            shared_broker.credentials(own.site, own.device),
            client_id=f"{other.site}/{other.device}",
        ) as thief,
    ):
        thief.publish(own.topic(Channel.EVENTS), b"x")
        victim.publish(other.topic(Channel.EVENTS), b"x")
        assert victim.paho.is_connected()
        assert victim.disconnects.empty()


def test_a_second_connection_of_the_same_identity_takes_over(shared_broker: Mosquitto) -> None:
    own = fresh()
    credentials = shared_broker.credentials(own.site, own.device)
    with Client(shared_broker, credentials) as first, Client(shared_broker, credentials, client_id="another"):
        assert first.wait_disconnected() in {"Session taken over", "Unspecified error"}  # told, or just cut off


def test_a_receiver_cannot_publish_in_a_devices_name(shared_broker: Mosquitto) -> None:
    own = fresh()
    with Client(shared_broker, shared_broker.office()) as receiver:
        for channel in UP:
            assert receiver.publish(own.topic(channel), b"forged") == "Not authorized"


def test_an_office_process_that_is_not_in_the_list_can_do_nothing(shared_broker: Mosquitto) -> None:
    own = fresh()
    with (
        Client(shared_broker, shared_broker.office("stranger")) as stranger,
        Client(shared_broker, shared_broker.office()) as receiver,
        Client(shared_broker, shared_broker.credentials(own.site, own.device)) as device,
    ):
        receiver.subscribe(filter_of(Channel.EVENTS))
        stranger.subscribe("#")
        assert stranger.publish(own.topic(Channel.ACK), b"forged") == "Not authorized"
        device.publish(own.topic(Channel.EVENTS), b"an event")
        assert receiver.receive().payload == b"an event"
        assert stranger.quiet()


def test_a_monitor_reads_the_brokers_figures_and_no_events(shared_broker: Mosquitto) -> None:
    own = fresh()
    with (
        Client(shared_broker, shared_broker.office("monitor")) as monitor,
        Client(shared_broker, shared_broker.credentials(own.site, own.device)) as device,
    ):
        monitor.subscribe(filter_of(Channel.EVENTS))
        device.publish(own.topic(Channel.EVENTS), b"an event")
        monitor.subscribe("$SYS/broker/version")
        assert monitor.receive().topic == "$SYS/broker/version"
        assert monitor.publish(own.topic(Channel.COMMANDS), b"forged") == "Not authorized"


def test_two_receivers_share_a_subscription_and_each_event_goes_to_one(shared_broker: Mosquitto) -> None:
    own = fresh()
    shared = filter_of(Channel.EVENTS, group=uuid.uuid4().hex)
    with (
        Client(shared_broker, shared_broker.office("receiver")) as one,
        Client(shared_broker, shared_broker.office("receiver-2")) as two,
        Client(shared_broker, shared_broker.credentials(own.site, own.device)) as device,
    ):
        one.subscribe(shared)
        two.subscribe(shared)
        for number in range(20):
            assert device.publish(own.topic(Channel.EVENTS), str(number).encode()) == "Success"
        got = [
            receiver.receive().payload for receiver, _ in itertools.product((one, two), range(10))
        ]  # Mosquitto takes turns
        assert sorted(got, key=int) == [str(number).encode() for number in range(20)]
        assert one.quiet()
        assert two.quiet()


def test_a_device_can_starve_a_shared_group_only_if_it_knows_its_name(shared_broker: Mosquitto) -> None:
    own, hostile = fresh(), fresh()
    group = uuid.uuid4().hex
    with (
        Client(shared_broker, shared_broker.office()) as receiver,
        Client(shared_broker, shared_broker.credentials(hostile.site, hostile.device)) as thief,
        Client(shared_broker, shared_broker.credentials(own.site, own.device)) as device,
    ):
        receiver.subscribe(filter_of(Channel.EVENTS, group=group))
        thief.subscribe(filter_of(Channel.EVENTS, group="office"))
        for number in range(10):
            device.publish(own.topic(Channel.EVENTS), str(number).encode())
        assert [receiver.receive().payload for _ in range(10)] == [str(n).encode() for n in range(10)]
        # Knowing it, a device takes its turns, and the access list drops what it is given: half is lost.
        thief.subscribe(filter_of(Channel.EVENTS, group=group))
        for number in range(10):
            device.publish(own.topic(Channel.EVENTS), str(number).encode())
        got = {receiver.receive().payload for _ in range(5)}
        device.publish(own.topic(Channel.EVENTS), b"last")
        device.publish(own.topic(Channel.EVENTS), b"last")
        assert receiver.receive().payload == b"last"
        assert len(got) == 5
        assert thief.quiet()
