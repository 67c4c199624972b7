"""What comes down: every document of the office goes to edge, in order, and edge's answer goes up.

A document is acknowledged to the broker only when edge has taken it and its result is on its way, so a crash of
edge, of this process or of the network between the two repeats it and loses nothing. Trust boundary: whoever
can publish on our topics; nothing of a document is believed here, edge verifies it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from edge.api.protocol.courier import Delivery, DeliveryTaken
from edge.api.protocol.fields import MAX_DOCUMENT_CHARS
from sync.edge_socket import EdgeSocket
from sync.errors import EdgeFailed, EdgeRefused, EdgeSilent
from sync.mqtt import Arrival, Connection
from sync.pulse import BEAT_S, Pulse
from sync.wire.canonical import WireError
from sync.wire.topics import DOWN, Address, Channel, read_topic

log = structlog.get_logger(__name__)

RETRY_S: Final = 0.2  # doubled up to 16 times as long while edge is down
FAILURES: Final = 5  # a document over which edge falls so often is let go: nothing may stop for one of them


class Deliveries:
    """Documents from a connection to edge.

    Args:
        edge: Verifies and applies.
        address: Ours: other topics are not looked at.
        taken: Told what edge made of each document.
        certificate: Given a renewed certificate on which edge has found the office's signature.
        pulse: Is told that this works.
    """

    def __init__(
        self,
        edge: EdgeSocket,
        address: Address,
        *,
        taken: Callable[[DeliveryTaken], None],
        certificate: Callable[[bytes], Awaitable[None]],
        pulse: Pulse,
    ) -> None:
        self._edge = edge
        self._address = address
        self._taken = taken
        self._certificate = certificate
        self._pulse = pulse
        self._results = address.topic(Channel.RESULTS)

    async def run(self, connection: Connection) -> None:
        """Carry until the connection ends (ConnectionEnded) or the task is cancelled."""
        try:
            while True:
                self._pulse.beat("deliveries")
                try:
                    async with asyncio.timeout(BEAT_S):
                        arrival = await connection.arrivals.get()
                except TimeoutError:
                    continue
                await self._carry(connection, arrival)
                connection.taken(arrival)
        finally:
            self._pulse.rest("deliveries")

    async def _carry(self, connection: Connection, arrival: Arrival) -> None:
        channel = self._channel_of(arrival.topic)
        delivery = _read(arrival.payload)
        if channel is None or delivery is None:
            log.warning("document_unreadable", size_bytes=len(arrival.payload), known_topic=channel is not None)
            return
        taken = await self._hand_in(delivery)
        if taken is None:
            return
        if taken.outcome == "refused":
            log.warning("document_refused", reason=taken.reason, channel=channel)
        if arrival.response_topic not in {None, self._results}:
            log.warning("response_topic_foreign", channel=channel)
        self._taken(taken)
        if taken.result is not None:
            await self._answer(connection, taken)
        if channel is Channel.CERTIFICATE and taken.outcome != "refused":
            await self._certificate(arrival.payload)

    def _channel_of(self, topic: str) -> Channel | None:
        try:
            address, channel = read_topic(topic)
        except WireError:
            return None
        return channel if address == self._address and channel in DOWN else None

    async def _hand_in(self, delivery: Delivery) -> DeliveryTaken | None:
        """Edge's answer, however long it is down; None for a document that it cannot work with."""
        waits = failures = 0
        while True:
            self._pulse.beat("deliveries")
            try:
                return await self._edge.deliver(delivery)
            except (EdgeSilent, EdgeRefused):
                pass
            except EdgeFailed as error:
                failures += 1
                if error.lasting or failures == FAILURES:
                    log.warning("document_not_taken", error=error)
                    return None
            waits += 1
            await asyncio.sleep(RETRY_S * 2 ** min(waits - 1, 4))

    async def _answer(self, connection: Connection, taken: DeliveryTaken) -> None:
        """Publish a result and wait for the broker to have it: only then is the command let go."""
        result, answers = taken.result or "", taken.answers or ""
        answered = await connection.publish(self._results, result.encode(), correlation=answers.encode())
        while not answered.done():
            self._pulse.beat("deliveries")
            await asyncio.wait({answered}, timeout=BEAT_S)


def _read(payload: bytes) -> Delivery | None:
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return Delivery(envelope=text) if 0 < len(text) <= MAX_DOCUMENT_CHARS else None
