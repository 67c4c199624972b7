"""One simulated kiosk: its own keys and certificate, the courier's own TLS and MQTT, signed and chained events.

What it leaves out of a kiosk is camera, ledger and local API: events are signed in memory. Acknowledgements are
verified with the office's key, and an event counts as arrived only then.
"""

import asyncio
import random
import secrets
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sync.connection import BrokerConfig
from sync.mqtt import Connection, ConnectionEnded, Will
from sync.tls_socket import open_tls
from sync.wire.canonical import WireError, encode
from sync.wire.documents import open_document, sign_document
from sync.wire.fields import format_time
from sync.wire.health import CourierHealth, State, Telemetry, TelemetryMessage
from sync.wire.office import Ack
from sync.wire.topics import DOWN, Channel
from tests.sync.office.kiosk import Kiosk, clock

KEEPALIVE_S: Final = 60
PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """What a member is to do.

    Args:
        events: How many.
        rush_s: Within which time.
        telemetry_s: Time between two messages of telemetry.
    """

    events: int
    rush_s: float
    telemetry_s: float


@dataclass
class Member:
    """A kiosk, as the office knows it.

    Attributes:
        latencies_s: From an event to its verified acknowledgement, one for each event.
        made_s: When each event that is not acknowledged was made, by its number.
    """

    kiosk: Kiosk
    tls: Path
    online: dict[str, Ed25519PublicKey]
    latencies_s: list[float] = field(default_factory=list)
    made_s: dict[int, float] = field(default_factory=dict)
    connects: int = 0
    forged: int = 0
    asked: int = 0
    _connection: Connection | None = None

    async def connect(self, config: BrokerConfig) -> None:
        """Connect with a will, subscribe, tell of the birth. Tries until it is done or cancelled."""
        address = self.kiosk.address
        endpoint = config.endpoints[0]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(self.tls / "ca.crt"))
        context.load_cert_chain(self.tls / "client.crt", self.tls / "client.key")
        while True:
            self.connects += 1
            try:
                sock = await open_tls(endpoint, context=context, timeout_s=config.connect_timeout_s)
                connection = Connection(
                    sock,
                    endpoint=endpoint,
                    client_id=f"{address.site}/{address.device}",
                    keepalive_s=KEEPALIVE_S,
                )
                will = Will(address.topic(Channel.STATE), self._state(online=False))
                await connection.open(
                    config, will=will, topics=tuple(address.topic(channel) for channel in DOWN)
                )
                await connection.publish(address.topic(Channel.STATE), self._state(online=True), retain=True)
            except (OSError, ConnectionEnded):
                await asyncio.sleep(PAUSE_S * (0.5 + random.random()))  # noqa: S311 - spreads retries
            else:
                self._connection = connection
                return

    async def work(self, task: Task) -> None:
        """Send the events at random instants of the rush, and wait for the acknowledgement of the last."""
        listening = asyncio.ensure_future(self._listen())
        telling = asyncio.ensure_future(self._tell(task.telemetry_s))
        try:
            began = time.monotonic()
            instants = sorted(random.uniform(0, task.rush_s) for _ in range(task.events))  # noqa: S311
            for instant in instants:
                await asyncio.sleep(max(0.0, began + instant - time.monotonic()))
                raw = self.kiosk.record(person=secrets.token_hex(16))
                self.made_s[self.kiosk.seq] = time.monotonic()
                await self._send(raw)
            while self.made_s:
                await asyncio.sleep(0.05)
        finally:
            telling.cancel()
            listening.cancel()

    async def introduce(self) -> None:
        """Send the first event, that of the epoch."""
        await self._send(self.kiosk.begin())

    async def leave(self) -> None:
        """Say goodbye."""
        if self._connection is not None:
            await self._connection.leave(timeout_s=5.0)

    async def _send(self, raw: bytes) -> None:
        if self._connection is not None:
            await self._connection.publish(self.kiosk.address.topic(Channel.EVENTS), raw)

    async def _listen(self) -> None:
        assert self._connection is not None  # noqa: S101 - connected before
        while True:
            arrival = await self._connection.arrivals.get()
            self._connection.taken(arrival)
            for raw in self._take(arrival.payload):
                await self._send(raw)

    def _take(self, raw: bytes) -> list[bytes]:
        """Take an acknowledgement; returns what the office asks for again."""
        now = time.monotonic()
        try:
            ack = open_document(Ack, raw, keys=self.online, address=self.kiosk.address)
        except WireError:
            self.forged += 1
            return []
        committed = 0 if ack.committed is None else ack.committed.seq
        for seq in [seq for seq in self.made_s if seq <= committed]:
            self.latencies_s.append(now - self.made_s.pop(seq))
        self.asked += ack.resend
        return self.kiosk.sent[committed:] if ack.resend else []

    async def _tell(self, every_s: float) -> None:
        await asyncio.sleep(random.uniform(0, every_s))  # noqa: S311 - spreads them
        while self._connection is not None:
            topic = self.kiosk.address.topic(Channel.TELEMETRY)
            await self._connection.publish(topic, self._telemetry())
            await asyncio.sleep(every_s)

    def _state(self, *, online: bool) -> bytes:
        since = format_time(datetime.now(UTC))
        return encode(State(session=secrets.token_hex(16), online=online, since=since, software="0.1.0"))

    def _telemetry(self) -> bytes:
        address = self.kiosk.address
        told = Telemetry(
            site=address.site, device=address.device, nonce=secrets.token_hex(16),
            time=format_time(datetime.now(UTC)), clock=clock(), software="0.1.0", uptime_s=1, models=[],
            head=self.kiosk.point, pending=len(self.made_s), parcels_pending=0, verdicts={}, camera="streaming",
            camera_mfps=15_000, service="in_service", alarms=[], roster_version=0, people=0, templates=0,
            resident_bytes=1, stages=[],
        )  # fmt: skip
        expires = format_time(datetime.now(UTC) + timedelta(days=300))
        courier = CourierHealth(
            session=secrets.token_hex(16), certificate_expires=expires, certificate_days=300,
            reconnects=self.connects - 1, resends=0, broker=1, resident_bytes=1,
        )  # fmt: skip
        signed = sign_document(told, key=self.kiosk.key)
        return encode(TelemetryMessage(edge=signed.decode("ascii"), courier=courier))
