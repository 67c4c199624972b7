"""What the courier says of itself: birth, death and goodbye on the state topic, and telemetry.

"Online" is the courier's connection and nothing more. Telemetry is edge's signed part as edge gave it, and a
few numbers of our own beside it. Trust boundary: edge's part is read here, without believing it, for three
words that say whether something changed.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from clockface import __version__
from edge.api.protocol.courier import TelemetryView
from sync.edge_socket import EdgeSocket
from sync.errors import EdgeFailed, EdgeRefused, EdgeSilent
from sync.mqtt import Connection, Will
from sync.pulse import BEAT_S, Pulse
from sync.wire import envelope
from sync.wire.canonical import encode
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.fields import format_time
from sync.wire.health import CourierHealth, State, TelemetryMessage
from sync.wire.topics import Address, Channel

log = structlog.get_logger(__name__)

LOOK_S: Final = 3.0  # how soon a change is seen
_CHANGES: Final = ("fault", "service", "camera", "alarms", "roster_version")


class Presence:
    """One connection's session, as others see it.

    Args:
        address: Ours.
        session: Random, new for each connection.
        since: When it began, by the device's clock.
    """

    def __init__(self, address: Address, *, session: str, since: datetime) -> None:
        self.session = session
        self._topic = address.topic(Channel.STATE)
        self._since = format_time(since)

    @property
    def will(self) -> Will:
        """What the broker says when we are gone without a word."""
        return Will(self._topic, self._state(online=False))

    async def born(self, connection: Connection) -> None:
        """Say that we are here; retained."""
        await connection.publish(self._topic, self._state(online=True), retain=True)

    async def goodbye(self, connection: Connection, *, timeout_s: float) -> None:
        """Say that we go, and wait for the broker to have it."""
        async with asyncio.timeout(timeout_s):
            state = self._state(online=False, orderly=True)
            await asyncio.wait({await connection.publish(self._topic, state, retain=True)})

    def _state(self, *, online: bool, orderly: bool = False) -> bytes:
        return encode(
            State(session=self.session, online=online, since=self._since, software=__version__, orderly=orderly)
        )


class Telemetry:
    """Telemetry from edge and of our own to a connection: at an interval, and when something changed.

    Args:
        edge: Signs its part.
        address: Ours.
        interval_s: Longest time between two.
        own: Our part, as of now.
        pulse: Is told that this works.
        now: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        edge: EdgeSocket,
        address: Address,
        *,
        interval_s: float,
        own: Callable[[], CourierHealth],
        pulse: Pulse,
        now: Callable[[], float],
    ) -> None:
        self._edge = edge
        self._topic = address.topic(Channel.TELEMETRY)
        self._interval_s = interval_s
        self._own = own
        self._pulse = pulse
        self._now = now

    async def run(self, connection: Connection) -> None:
        """Publish on this connection until it ends (ConnectionEnded) or the task is cancelled."""
        last: tuple[object, ...] | None = None
        due = self._now()
        try:
            while True:
                self._pulse.beat("telemetry")
                view = await self._ask()
                seen = glance(view)
                if self._now() >= due or seen != last:
                    last, due = seen, self._now() + self._interval_s
                    await self._publish(connection, view)
                left = max(0.0, due - self._now())
                await asyncio.sleep(min(LOOK_S, BEAT_S, left))
        finally:
            self._pulse.rest("telemetry")

    async def _ask(self) -> TelemetryView | None:
        try:
            return await self._edge.telemetry()
        except (EdgeSilent, EdgeRefused, EdgeFailed):  # the pump says so
            return None

    async def _publish(self, connection: Connection, view: TelemetryView | None) -> None:
        message = TelemetryMessage(edge=None if view is None else view.envelope, courier=self._own())
        payload = encode(message)
        if len(payload) <= connection.max_payload_bytes:
            # A broker must not fill an absent office's queue with figures of last week.
            expiry_s = max(60, int(3 * self._interval_s))
            await connection.publish(self._topic, payload, expiry_s=expiry_s)


def glance(view: TelemetryView | None) -> tuple[object, ...]:
    """What makes it worth telling at once: edge's presence, its fault, service, camera, alarms and roster."""
    if view is None:
        return ("silent",)
    try:
        opened = envelope.decode(view.envelope.encode(), max_payload_bytes=MAX_DOCUMENT_BYTES)
        document = json.loads(opened.payload)
    except ValueError:
        return ("unreadable",)
    return (
        tuple(str(document.get(name)) for name in _CHANGES) if isinstance(document, dict) else ("unreadable",)
    )
