"""A bare MQTT 5 client for tests of the broker: everything it hears, in order, with bounded waits."""

import contextlib
import queue
import time
from dataclasses import dataclass
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.sync.mosquitto import HOST, Credentials, Mosquitto

WAIT_S = 20.0


@dataclass(frozen=True)
class Message:
    """One that arrived."""

    topic: str
    payload: bytes
    retained: bool


class Client:
    """Connects to a broker or a loopback port on entering. Keeps its session for `session_s` where asked."""

    def __init__(
        self,
        broker: Mosquitto | int,
        credentials: Credentials,
        *,
        client_id: str = "",
        session_s: int = 0,
        clean_start: bool = False,
        keepalive_s: int = 60,
    ) -> None:
        self._port = broker if isinstance(broker, int) else broker.port
        self._keepalive_s = keepalive_s
        self._clean_start = clean_start
        self._properties = Properties(PacketTypes.CONNECT)
        self._properties.SessionExpiryInterval = session_s
        self._connects: queue.Queue[tuple[str, bool, Any]] = queue.Queue()
        self._answers: queue.Queue[list[str]] = queue.Queue()
        self.disconnects: queue.Queue[str] = queue.Queue()
        self.messages: queue.Queue[Message] = queue.Queue()
        self.session_present = False
        self.connack: Any = None
        self.paho = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        self.paho.tls_set_context(credentials.context())
        self.paho.on_connect = lambda *a: self._connects.put((str(a[3]), a[2].session_present, a[4]))
        self.paho.on_disconnect = lambda *a: self.disconnects.put(str(a[3]))
        self.paho.on_subscribe = lambda *a: self._answers.put([str(code) for code in a[3]])
        self.paho.on_publish = lambda *a: self._answers.put([str(a[3])])
        self.paho.on_message = lambda *a: self.messages.put(Message(a[2].topic, a[2].payload, a[2].retain))

    def __enter__(self) -> Self:
        self.paho.connect(
            HOST,
            self._port,
            keepalive=self._keepalive_s,
            clean_start=self._clean_start,
            properties=self._properties,
        )
        self.paho.loop_start()
        try:
            reason, self.session_present, self.connack = self._connects.get(timeout=WAIT_S)
            assert reason == "Success", reason
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.paho.disconnect()
        self._end()

    def _end(self) -> None:
        """Stop its thread and break the cycles with it, so that its sockets close now and not some day."""
        self.paho.loop_stop()
        for callback in ("on_connect", "on_disconnect", "on_subscribe", "on_publish", "on_message"):
            setattr(self.paho, callback, None)

    def drop(self) -> None:
        """Lose the connection without a word."""
        with contextlib.suppress(OSError):
            self.paho.socket().close()
        self._end()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> str:
        """Publish with QoS 1; returns the broker's reason."""
        self.paho.publish(topic, payload, qos=1, retain=retain)
        [reason] = self._answers.get(timeout=WAIT_S)
        return reason

    def subscribe(self, topic: str) -> str:
        """Subscribe with QoS 1; returns the broker's reason."""
        self.paho.subscribe(topic, qos=1)
        [reason] = self._answers.get(timeout=WAIT_S)
        return reason

    def receive(self) -> Message:
        """The next message."""
        return self.messages.get(timeout=WAIT_S)

    def wait_disconnected(self) -> str:
        """Until the broker has hung up; returns the reason."""
        return self.disconnects.get(timeout=WAIT_S)

    def quiet(self) -> bool:
        """Whether nothing lies here unread."""
        return self.messages.empty()


def await_until(condition: Any, *, what: str) -> None:
    """Wait, bounded, until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {WAIT_S} s"
        time.sleep(0.01)
