"""One MQTT 5 connection over mutual TLS: opened, used and thrown away; the next one is a new object.

paho-mqtt speaks the protocol, driven by this event loop. Nothing is carried from one connection to the next:
what was not confirmed is sent again from edge's ledger, never from a queue here. What comes down is
acknowledged to the broker only when edge has taken it, so the broker keeps what we cannot. Trust boundary:
the broker is verified and still not believed: sizes, counts and topics are checked, and contents pass unread.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sync.conditions import Condition, condition_of, condition_of_reason
from sync.connection import BrokerConfig, Endpoint
from sync.tls_socket import TlsSocket

MAX_DOWN_BYTES: Final = 256 * 1024  # of a packet from the broker; an encoded document is 192 KiB at most
# Documents that edge has not taken, as we ask of the broker (receive maximum). Mosquitto 2.0.11 holds to it
# until the first PUBACK and then no more, so beyond so many bytes we stop reading, too.
MAX_UNTAKEN: Final = 16
MAX_UNTAKEN_BYTES: Final = 2 * 1024 * 1024
INFLIGHT: Final = 64  # messages without the broker's PUBACK: 20 to 100 are as fast as any, 1,000 are slower
PACKET_OVERHEAD: Final = 512  # of topic, properties and head, of what the broker's largest packet may hold
TICK_S: Final = 1.0
_NOBODY: Final = 0x10  # "no matching subscribers"
_REFUSED: Final = 0x80  # reason codes from here on
_BURST: Final = 64


class Receipt(Enum):
    """What the broker's PUBACK says: it has the message, or has thrown it away for want of a subscriber."""

    TAKEN = "taken"
    NOBODY_LISTENS = "nobody_listens"


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says of us when we are gone without a word."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message from the broker, not yet acknowledged to it."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    response_topic: str | None = None


class ConnectionEnded(Exception):
    """A connection ended, or did not come about. Never leaves `sync`: the courier makes a new one."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        super().__init__(condition.value)


class _Client(paho.Client):
    """paho over a socket that is connected already: it has no way of its own to the network."""

    def __init__(self, sock: TlsSocket, *, client_id: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._made = sock
        self.max_inflight_messages_set(0)  # ours counts

    def _create_socket(self) -> Any:
        return self._made

    @property
    def arriving_bytes(self) -> int:
        """Size of the packet that is being read."""
        return self._in_packet["remaining_length"]


class Connection:
    """An open connection. Made by `connect`.

    Attributes:
        endpoint: Where it leads.
        session_present: Whether the broker kept our session.
        arrivals: What came from the broker, in order.
        ended: Result: why. Never an exception.
    """

    def __init__(self, sock: TlsSocket, *, endpoint: Endpoint, client_id: str, keepalive_s: int) -> None:
        self.endpoint = endpoint
        self.session_present = False
        self.arrivals: asyncio.Queue[Arrival] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Condition] = self._loop.create_future()
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._granted: asyncio.Future[None] = self._loop.create_future()
        self._sock = sock
        self._keepalive_s = keepalive_s
        self._max_packet_bytes = 256 * 1024 * 1024
        self._most = INFLIGHT
        self._moved = asyncio.Event()
        self._unanswered: dict[int, tuple[float, asyncio.Future[Receipt]]] = {}
        self._untaken_bytes = 0
        self._tick: asyncio.TimerHandle | None = None
        self._watched = False
        self._client = _Client(sock, client_id=client_id)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_socket_open = self._watch
        self._client.on_socket_close = self._unwatch
        self._client.on_socket_register_write = self._want_write
        self._client.on_socket_unregister_write = self._no_write

    @property
    def unanswered(self) -> int:
        """Messages without the broker's PUBACK."""
        return len(self._unanswered)

    # --- for the courier ----------------------------------------------------------------------------------

    @property
    def max_payload_bytes(self) -> int:
        """The largest payload that the broker takes."""
        return self._max_packet_bytes - PACKET_OVERHEAD

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        correlation: bytes | None = None,
        expiry_s: int | None = None,
    ) -> "asyncio.Future[Receipt]":
        """Publish with QoS 1 as soon as there is room for another message.

        Returns:
            Done with the broker's PUBACK, which says nothing about delivery; cancelled when the connection
            ends.

        Raises:
            ConnectionEnded: Before it could be sent.
        """
        while len(self._unanswered) >= self._most and not self.ended.done():
            self._moved.clear()
            await self._moved.wait()
        if self.ended.done():
            raise ConnectionEnded(self.ended.result())
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if correlation is not None:
            properties.CorrelationData = correlation
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        answered: asyncio.Future[Receipt] = self._loop.create_future()
        self._unanswered[sent.mid] = (self._loop.time(), answered)
        return answered

    def taken(self, arrival: Arrival) -> None:
        """Acknowledge to the broker what edge has taken: it need not keep it."""
        self._untaken_bytes -= len(arrival.payload) + PACKET_OVERHEAD
        if self._sock.held and self._untaken_bytes < MAX_UNTAKEN_BYTES // 2:
            self._go_on()
        if not self.ended.done() and arrival.qos > 0:
            self._client.ack(arrival.mid, arrival.qos)

    def end(self, condition: Condition = Condition.CLOSED) -> None:
        """Close at once and without a word, as a crash would; may be called twice."""
        if self.ended.done():
            return
        if self._tick is not None:
            self._tick.cancel()
        self._unwatch()
        self._sock.close()
        self.ended.set_result(condition)
        for waiting in (self._accepted, self._granted):
            if not waiting.done():
                waiting.set_exception(ConnectionEnded(condition))
                waiting.exception()  # nobody need ask
        for _, answered in self._unanswered.values():
            answered.cancel()
        self._unanswered.clear()
        self._moved.set()

    async def leave(self, *, timeout_s: float) -> None:
        """Say goodbye to the broker, which then says nothing of our death, and close."""
        if not self.ended.done():
            self._client.disconnect()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await asyncio.shield(self.ended)
        self.end()

    # --- making it ----------------------------------------------------------------------------------------

    async def open(self, config: BrokerConfig, *, will: Will, topics: tuple[str, ...]) -> None:
        """CONNECT and SUBSCRIBE.

        Raises:
            ConnectionEnded: The broker will not, or does not answer in time.
        """
        self._client.will_set(will.topic, will.payload, qos=1, retain=True)
        try:
            async with asyncio.timeout(config.connect_timeout_s):
                self._client.connect(
                    self.endpoint.host,
                    self.endpoint.port,
                    # Probed after three quarters of it, given up when as much again has passed.
                    keepalive=max(2, self._keepalive_s * 3 // 4),
                    clean_start=False,
                    properties=_connect_properties(config),
                )
                self._tick = self._loop.call_later(TICK_S, self._ticked)
                await self._accepted
                self._client.subscribe([(topic, 1) for topic in topics])
                await self._granted
        except TimeoutError:
            self.end(Condition.TIMED_OUT)
            raise ConnectionEnded(Condition.TIMED_OUT) from None
        except BaseException:
            self.end()
            raise

    # --- the event loop's side ----------------------------------------------------------------------------

    def _readable(self) -> None:
        for _ in range(_BURST):
            if self.ended.done():
                return
            if self._client.loop_read() != paho.MQTT_ERR_SUCCESS:
                self._lost()
                return
            if self._client.arriving_bytes > MAX_DOWN_BYTES:
                self.end(Condition.PROTOCOL_BROKEN)
                return
            if self.ended.done() or not self._sock.pending():
                return
        self._loop.call_soon(self._readable)

    def _writable(self) -> None:
        if not self.ended.done() and self._client.loop_write() != paho.MQTT_ERR_SUCCESS:
            self._lost()

    def _ticked(self) -> None:
        if self.ended.done():
            return
        self._tick = self._loop.call_later(TICK_S, self._ticked)
        self._client.loop_misc()
        oldest = next(iter(self._unanswered.values()), None)
        if oldest is not None and self._loop.time() - oldest[0] > 1.5 * self._keepalive_s:
            self.end(Condition.HALF_OPEN)

    def _want_write(self, *_: Any) -> None:
        if self._watched:
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def _no_write(self, *_: Any) -> None:
        if self._watched:
            self._loop.remove_writer(self._sock.fileno())

    def _watch(self, *_: Any) -> None:
        self._watched = True
        self._loop.add_reader(self._sock.fileno(), self._readable)

    def _unwatch(self, *_: Any) -> None:
        """Before the socket closes, whoever closes it: its number may be another's a moment later."""
        if self._watched:
            self._watched = False
            self._loop.remove_writer(self._sock.fileno())
            self._loop.remove_reader(self._sock.fileno())

    def _hold(self) -> None:
        """Read no more until edge has caught up: TCP tells the broker."""
        if self._watched and not self._sock.held:
            self._sock.held = True
            self._loop.remove_reader(self._sock.fileno())

    def _go_on(self) -> None:
        self._sock.held = False
        if self._watched:
            self._loop.add_reader(self._sock.fileno(), self._readable)
            self._loop.call_soon(self._readable)

    def _lost(self) -> None:
        failure = self._sock.failure
        self.end(Condition.LOST if failure is None else condition_of(failure))

    # --- paho's side --------------------------------------------------------------------------------------

    def _on_connect(self, _c: Any, _u: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if reason.value >= _REFUSED:
            self.end(condition_of_reason(reason.value, otherwise=Condition.CONNECT_REFUSED))
            return
        said: Mapping[str, Any] = properties.json()
        self._max_packet_bytes = int(said.get("MaximumPacketSize", self._max_packet_bytes))
        self._most = min(INFLIGHT, int(said.get("ReceiveMaximum", INFLIGHT)))
        self.session_present = bool(flags.session_present)
        if not self._accepted.done():
            self._accepted.set_result(None)

    def _on_subscribe(self, _c: Any, _u: Any, _mid: int, reasons: list[ReasonCode], _p: Any) -> None:
        if any(reason.value >= _REFUSED for reason in reasons):
            self.end(Condition.SUBSCRIBE_REFUSED)
        elif not self._granted.done():
            self._granted.set_result(None)

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: ReasonCode, _p: Any) -> None:
        found = self._unanswered.pop(mid, None)
        if found is None:
            return
        if reason.value >= _REFUSED:
            found[1].cancel()
            self._loop.call_soon(self.end, Condition.PUBLISH_REFUSED)
            return
        self._moved.set()
        if not found[1].done():
            found[1].set_result(Receipt.NOBODY_LISTENS if reason.value == _NOBODY else Receipt.TAKEN)

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._loop.call_soon(self.end, Condition.PROTOCOL_BROKEN)
            return
        self._untaken_bytes += len(message.payload) + PACKET_OVERHEAD
        if self._untaken_bytes >= MAX_UNTAKEN_BYTES:
            self._hold()
        response = getattr(message.properties, "ResponseTopic", None)
        self.arrivals.put_nowait(Arrival(topic, bytes(message.payload), message.mid, message.qos, response))

    def _on_disconnect(self, _c: Any, _u: Any, flags: Any, reason: ReasonCode, _p: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self.end(condition_of_reason(reason.value, otherwise=Condition.BROKER_ENDED))
        elif reason.value == 0:
            self.end(Condition.CLOSED)
        elif reason.getName() == "Keep alive timeout":
            self.end(Condition.HALF_OPEN)
        else:
            self._lost()


def _connect_properties(config: BrokerConfig) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = min(config.session_expiry_s, 0xFFFFFFFF)
    properties.ReceiveMaximum = MAX_UNTAKEN
    properties.MaximumPacketSize = MAX_DOWN_BYTES
    return properties
