"""A courier in a thread of its own, and the office at the other end of the broker: for the courier's tests."""

import asyncio
import json
import queue
import random
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from clockface.notify import Notifier
from sync.certificates import Certificates
from sync.config import READER, SyncConfig
from sync.courier import Courier, World
from sync.edge_socket import EdgeSocket
from sync.wire import envelope
from sync.wire.canonical import digest
from sync.wire.documents import Document, sign_document
from sync.wire.fields import EventPoint
from sync.wire.office import Ack
from sync.wire.topics import Address, Channel, filter_of
from tests.sync.edge_stand_in import TIME
from tests.sync.mosquitto import Credentials, Mosquitto

WAIT_S = 20.0


def await_until(condition: Callable[[], Any], what: str, *, within_s: float = WAIT_S) -> None:
    """Wait, bounded, until something holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.005)


def install(credentials: Credentials, folder: Path) -> None:
    """Put a device's key and certificates where its courier looks for them, the certificate last."""
    folder.mkdir(exist_ok=True)
    named = {"device.key": credentials.key, "ca.crt": credentials.authority}
    for name, source in {**named, "device.crt": credentials.certificate}.items():
        unfinished = folder / f".{name}"
        shutil.copyfile(source, unfinished)
        unfinished.chmod(0o400)
        unfinished.rename(folder / name)


def settings(tmp: Path, address: Address, addresses: list[str], **changes: str) -> SyncConfig:
    """A courier's settings; changes as "delivery__stall_s" and its text."""
    environment = {
        "DEVICE__SITE": address.site,
        "DEVICE__NAME": address.device,
        "PATHS__RUN": str(tmp),
        "PATHS__TLS": str(tmp / "tls"),
        "BROKER__ADDRESSES": str(addresses).replace("'", '"'),
        "BROKER__BACKOFF_MAX_S": "1",
        "CERTIFICATE__RENEW_DAYS": "0",  # the tests' certificates live for two days
        **{name.upper(): value for name, value in changes.items()},
    }
    return READER.load(None, {f"CLOCKFACE_SYNC_{name}": value for name, value in environment.items()}).config


class RunningCourier:
    """`Courier` in a thread. Use as a context manager; `stop` is SIGTERM's way."""

    def __init__(self, config: SyncConfig) -> None:
        self._config = config
        self._started: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event, Courier]] = queue.Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="courier")
        self.failure: BaseException | None = None

    async def _run(self) -> None:
        stopping = asyncio.Event()
        world = World(
            now=time.monotonic,
            wall=lambda: datetime.now(UTC),
            draw=random.random,
            new_session=lambda: secrets.token_hex(16),
            resident_bytes=lambda: 1,
        )
        try:
            async with EdgeSocket(self._config) as edge:
                courier = Courier(self._config, edge, notifier=Notifier(), world=world)
                self._started.put((asyncio.get_running_loop(), stopping, courier))
                await courier.run(stopping)
        except BaseException as error:
            self.failure = error
            raise

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop, self._stopping, self.courier = self._started.get(timeout=WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def unanswered(self) -> int:
        """Messages without the broker's PUBACK."""
        connection = self.courier.connection
        return 0 if connection is None else connection.unanswered

    @property
    def certificates(self) -> Certificates:
        """What the courier knows of its certificate."""
        return self.courier.certificates

    @property
    def conditions(self) -> list[str]:
        """How attempts and connections have ended, in order."""
        return [condition.value for condition in self.courier.ends]

    def stop(self) -> None:
        """Say stop and wait for the goodbye."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the courier does not stop"
        assert self.failure is None, self.failure


class Office:
    """The central office as the broker sees it: keeps what arrives, acknowledges in order. A context manager.

    Attributes:
        events: (epoch, seq, hash) of each event, in the order of arrival, repeated ones too.
        sizes: How many events each message held.
        committed: The last one, if acknowledged.
        silent: Acknowledge nothing.
    """

    def __init__(
        self, broker: Mosquitto, address: Address, key: Ed25519PrivateKey, *, silent: bool = False
    ) -> None:
        self.address = address
        self.key = key
        self.silent = silent
        self.events: list[EventPoint] = []
        self.sizes: list[int] = []
        self.committed: EventPoint | None = None
        self.others: queue.Queue[tuple[Channel, bytes, Any]] = queue.Queue()
        self.states: queue.Queue[tuple[bytes, bool]] = queue.Queue()
        self._broker = broker
        self._ready = threading.Event()
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id="office", protocol=paho.MQTTv5)
        self.paho.tls_set_context(broker.office("receiver").context())
        self.paho.reconnect_delay_set(1, 1)
        self.paho.on_connect = self._connected
        self.paho.on_subscribe = lambda *_: self._ready.set()
        self.paho.on_message = self._arrived

    def __enter__(self) -> Self:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self.paho.connect(self._broker.host, self._broker.port, clean_start=False, properties=properties)
        self.paho.loop_start()
        assert self._ready.wait(WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    def send(
        self,
        channel: Channel,
        document: Document,
        *,
        key: Ed25519PrivateKey | None = None,
        response_topic: str = "",
    ) -> None:
        """Publish a signed document to the device."""
        self.send_raw(channel, sign_document(document, key=key or self.key), response_topic=response_topic)

    def send_raw(self, channel: Channel, payload: bytes, *, response_topic: str = "") -> None:
        """Publish any bytes to the device."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if response_topic:
            properties.ResponseTopic = response_topic
        self.paho.publish(self.address.topic(channel), payload, qos=1, properties=properties)

    def acknowledge(self, committed: EventPoint | None, *, resend: bool = False) -> None:
        """Sign and send an ack."""
        ack = Ack(
            site=self.address.site, device=self.address.device, committed=committed, resend=resend, issued=TIME
        )
        self.send(Channel.ACK, ack)

    def _connected(self, client: paho.Client, *_: Any) -> None:
        up = (Channel.EVENTS, Channel.STATE, Channel.TELEMETRY, Channel.RESULTS, Channel.PARCELS)
        client.subscribe([(filter_of(channel), 1) for channel in up])

    def _arrived(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        channel = Channel(message.topic.rpartition("/")[2])
        payload = bytes(message.payload)
        if channel is Channel.EVENTS:
            self._take(payload)
        elif channel is Channel.STATE:
            self.states.put((payload, message.retain))
        else:
            self.others.put((channel, payload, message.properties))

    def _take(self, payload: bytes) -> None:
        lines = payload.split(b"\n")
        self.sizes.append(len(lines))
        for line in lines:
            inner = envelope.decode(line).payload
            event = json.loads(inner)
            self.events.append(EventPoint(epoch=event["epoch"], seq=event["seq"], hash=digest(inner)))
        if not self.silent:
            self._commit(self.events[-len(lines) :])

    def _commit(self, new: list[EventPoint]) -> None:
        for each in new:
            expected = 1 if self.committed is None else self.committed.seq + 1
            if each.seq == expected:
                self.committed = each
        self.acknowledge(self.committed)
