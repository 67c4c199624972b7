"""The pump: takes signed events from edge in order, publishes them, and goes back to what the office lacks.

It keeps nothing: edge's frontier says where to begin, after every connection, every silence of the office and
every question of edge's. Trust boundary: edge has verified what the office signed; the broker's PUBACK only
makes room for the next message.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from edge.api.protocol.courier import DeliveryTaken, EnvelopeBatch, EnvelopeQuery
from edge.api.protocol.fields import MAX_PAGE
from sync.conditions import Condition
from sync.config import SyncConfig
from sync.cutting import batches
from sync.edge_socket import EdgeSocket
from sync.errors import EdgeFailed, EdgeRefused, EdgeSilent
from sync.mqtt import Connection, Receipt
from sync.pulse import BEAT_S, Pulse
from sync.window import Point, Stall, Window, frontier_of, start_of
from sync.wire.topics import Address, Channel

log = structlog.get_logger(__name__)

EDGE_ERRORS: Final = (EdgeSilent, EdgeRefused, EdgeFailed)
EDGE_PAUSE_S: Final = 0.2  # doubled up to 16 times as long while edge is down
PAGE: Final = 250  # events a question: some 400 kB
REWIND_LEAST_S: Final = 1.0  # between two, however often edge asks


class Pump:
    """Events from edge to a connection.

    Args:
        edge: Where events come from.
        config: `delivery` and `device`.
        pulse: Is told that the pump works.
        now: Seconds of a clock that never goes back.
    """

    def __init__(self, edge: EdgeSocket, config: SyncConfig, *, pulse: Pulse, now: Callable[[], float]) -> None:
        self.window = Window(config.delivery.window_events)
        self.pending = 0
        self.progress = 0  # how often the office's frontier moved
        self.edge_answers = False
        self._edge = edge
        self._delivery = config.delivery
        self._topic = Address(config.device.site, config.device.name).topic(Channel.EVENTS)
        self._pulse = pulse
        self._now = now
        self._stall = Stall(config.delivery.stall_s)
        self._begun = False
        self._asked: tuple[Point | None] | None = None
        self._rewound_at = -REWIND_LEAST_S
        self._woken = asyncio.Event()
        self._edge_failures = 0

    async def begin(self) -> None:
        """Learn from edge up to where the office has committed, and go on from there.

        Raises:
            EdgeSilent, EdgeRefused, EdgeFailed: As edge's socket.
        """
        batch = await self._edge.envelopes(EnvelopeQuery(limit=1))
        self._heard(batch)
        self.window.rewind(self.window.frontier, lost=False)
        self._stall.moved(self._now())
        self._begun = True

    async def run(self, connection: Connection) -> None:
        """Publish on this connection until it ends (ConnectionEnded) or the task is cancelled."""
        self._begun = False
        try:
            while True:
                self._pulse.beat("pump")
                try:
                    await self._step(connection)
                except EDGE_ERRORS as error:
                    await self._edge_failed(error)
        finally:
            self._pulse.rest("pump")

    def confirmed(self, taken: DeliveryTaken) -> None:
        """Edge has taken a document of the office: this is the frontier now, and from here to send again."""
        self._moved_to(frontier_of(taken.frontier))
        self.pending = taken.frontier.pending
        if taken.send_after is not None:
            self._asked = (start_of(taken.send_after),)
        self._woken.set()

    # --- one step -----------------------------------------------------------------------------------------

    async def _step(self, connection: Connection) -> None:
        if not self._begun:
            await self.begin()
        self._woken.clear()
        wait_s = self._go_back()
        room = self.window.room
        if room == 0 or self._stall.unheard:
            await self._wait(wait_s)
            return
        batch = await self._pull(min(room, PAGE, MAX_PAGE), wait_s)
        if batch is not None and self._asked is None:
            self._heard(batch)
            await self._publish(connection, batch)

    def _go_back(self) -> float:
        """Go back to where edge wants it, or to the frontier if nothing moves; returns the longest wait."""
        now = self._now()
        if self._asked is not None:
            due_s = self._rewound_at + REWIND_LEAST_S - now
            if due_s > 0:
                return due_s
            [to] = self._asked
            self._asked, self._rewound_at = None, now
            self._stall.moved(now)
            self.window.rewind(to)
            log.info("resending_as_asked", pending=self.pending)
        left_s = self._stall.left_s(now, on_the_way=self.window.on_the_way)
        if left_s is None:
            return BEAT_S
        if left_s <= 0:
            log.warning("office_silent", pending=self.pending, on_the_way=self.window.on_the_way)
            lost = self._stall.unheard
            self._stall.resent(now)
            self.window.rewind(self.window.frontier, lost=lost)
            return BEAT_S
        return min(left_s, BEAT_S)

    async def _publish(self, connection: Connection, batch: EnvelopeBatch) -> None:
        most_bytes = min(self._delivery.batch_bytes, connection.max_payload_bytes)
        for some, payload in batches(batch.envelopes, most=self._delivery.batch_events, most_bytes=most_bytes):
            if len(payload) > connection.max_payload_bytes:
                log.error("event_larger_than_broker_takes", seq=some[0].seq, size_bytes=len(payload))
                connection.end(Condition.PUBLISH_REFUSED)
            answered = await connection.publish(self._topic, payload)
            answered.add_done_callback(self._answered)
            self._pulse.beat("pump")
            if self._asked is not None:
                return
            self.window.sent(some)
            if self._stall.unheard:
                return

    def _answered(self, answered: "asyncio.Future[Receipt]") -> None:
        """A broker that has lost the office's session says so, and forgets what it was given."""
        if not answered.cancelled() and answered.result() is Receipt.NOBODY_LISTENS and not self._stall.unheard:
            log.warning("office_not_at_broker", pending=self.pending)
            self._stall.unheard = True
            self._woken.set()

    def _heard(self, batch: EnvelopeBatch) -> None:
        if not self.edge_answers:
            self.edge_answers, self._edge_failures = True, 0
            log.info("edge_answers", pending=batch.frontier.pending)
        self.pending = batch.frontier.pending
        self._moved_to(frontier_of(batch.frontier))

    def _moved_to(self, frontier: Point | None) -> None:
        if self.window.committed(frontier):
            self.progress += 1
            self._stall.moved(self._now())

    # --- waiting ------------------------------------------------------------------------------------------

    async def _pull(self, limit: int, wait_s: float) -> EnvelopeBatch | None:
        """Envelopes after what was sent, or None if something else is to be done first."""
        after = self.window.position
        query = EnvelopeQuery(
            after_epoch=None if after is None else after.epoch,
            after_seq=None if after is None else after.seq,
            limit=limit,
            wait_s=wait_s,
        )
        pulled = asyncio.ensure_future(self._edge.envelopes(query))
        try:
            while not pulled.done():
                woken = asyncio.ensure_future(self._woken.wait())
                try:
                    await asyncio.wait({pulled, woken}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    woken.cancel()
                if (self._asked is not None or self._stall.unheard) and not pulled.done():
                    return None
                self._woken.clear()
            return await pulled
        finally:
            pulled.cancel()

    async def _wait(self, wait_s: float) -> None:
        """Until edge has heard from the office, or for so long."""
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _edge_failed(self, error: EdgeSilent | EdgeRefused | EdgeFailed) -> None:
        """Edge restarts in seconds; what it holds then may be another ledger: begin anew."""
        self._begun = False
        self.window.forget()
        if self.edge_answers or self._edge_failures == 0:
            log.warning("edge_unavailable", error=error)
        self.edge_answers = False
        self._edge_failures += 1
        await asyncio.sleep(EDGE_PAUSE_S * 2 ** min(self._edge_failures - 1, 4))
