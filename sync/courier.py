"""The courier: finds a broker, carries as long as the connection holds, and begins again.

It owns nothing. Killed at any instant, it starts from edge's frontier and the broker's session, and nothing is
lost. Trust boundary: between edge's socket and the network; both sides' contents are signed for each other, and
it can read the office's documents and change none.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from clockface.notify import Notifier
from sync.certificates import Certificates
from sync.conditions import Condition, condition_of, explain
from sync.config import SyncConfig
from sync.deliveries import Deliveries
from sync.edge_socket import EdgeSocket
from sync.link import LinkNews
from sync.mqtt import Connection, ConnectionEnded
from sync.parcels import Parcels
from sync.presence import Presence, Telemetry
from sync.pulse import BEAT_S, Pulse
from sync.pump import EDGE_ERRORS, EDGE_PAUSE_S, Pump
from sync.retry import Draw, Rotation
from sync.tls import Identity, common_name
from sync.tls_socket import open_tls
from sync.wire.fields import format_time
from sync.wire.health import CourierHealth
from sync.wire.parcels import CrashParcel
from sync.wire.topics import DOWN, Address

log = structlog.get_logger(__name__)

GOODBYE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class World:
    """What the courier does not do itself, so that tests can.

    Args:
        now: Seconds of a clock that never goes back.
        wall: The time of day, with its zone.
        draw: Uniform in [0, 1).
        new_session: A random id of 32 hex digits.
        resident_bytes: Memory of this process.
    """

    now: Callable[[], float]
    wall: Callable[[], datetime]
    draw: Draw
    new_session: Callable[[], str]
    resident_bytes: Callable[[], int]


class Courier:
    """One device's courier.

    Args:
        config: Its settings.
        edge: Edge's sync socket.
        notifier: systemd.
        world: Clocks and chance.
        crashed: Is told of edge's crash reports as they pass.

    Attributes:
        pulse: Which of its tasks work.
        pump: The events' part of it.
        certificates: Its own certificate.
        connection: The last one, open or not.
        ends: How the last attempts and connections ended.
    """

    def __init__(
        self,
        config: SyncConfig,
        edge: EdgeSocket,
        *,
        notifier: Notifier,
        world: World,
        crashed: Callable[[CrashParcel], None] | None = None,
    ) -> None:
        self._config = config
        self._edge = edge
        self._notifier = notifier
        self._world = world
        self._address = Address(config.device.site, config.device.name)
        self._endpoints = config.broker.endpoints
        self.pulse = Pulse(world.now)
        self.pump = Pump(edge, config, pulse=self.pulse, now=world.now)
        self.certificates = Certificates(config, edge, pulse=self.pulse, now=world.now, wall=world.wall)
        self._deliveries = Deliveries(
            edge,
            self._address,
            taken=self.pump.confirmed,
            certificate=self.certificates.taken,
            pulse=self.pulse,
        )
        self._parcels = Parcels(
            edge,
            self._address,
            stall_s=config.delivery.stall_s,
            pulse=self.pulse,
            now=world.now,
            crashed=crashed,
        )
        self._rotation = Rotation(
            addresses=len(self._endpoints), most_s=config.broker.backoff_max_s, draw=world.draw
        )
        self.news = LinkNews(edge, wall=world.wall, now=world.now, pulse=self.pulse)
        self._connections = 0
        self.connection: Connection | None = None
        self.ends: deque[Condition] = deque(maxlen=16)

    async def run(self, stopping: asyncio.Event) -> None:
        """Carry until told to stop, then say goodbye."""
        async with asyncio.TaskGroup() as tasks:
            works = (self._work(), self.certificates.run(), self.news.run())
            running = [tasks.create_task(each) for each in works]
            if self._notifier.watchdog_interval_s is not None:
                running.append(tasks.create_task(self._feed_watchdog(self._notifier.watchdog_interval_s)))
            await stopping.wait()
            self._notifier.stopping("saying goodbye")
            for each in running:
                each.cancel()

    # --- its tasks ----------------------------------------------------------------------------------------

    async def _work(self) -> None:
        await self._meet_edge()
        while True:
            identity = await self._await_identity()
            self.certificates.changed.clear()
            endpoint = self._endpoints[self._rotation.index]
            presence = Presence(self._address, session=self._world.new_session(), since=self._world.wall())
            try:
                connection = await self._connect(identity, presence)
            except ConnectionEnded as ended:
                pause_s = self._rotation.failed()
                self.ends.append(ended.condition)
                self.news.broken(ended.condition)
                self.certificates.ended(ended.condition)
                error = explain(ended.condition, where=str(endpoint))
                log.warning("broker_not_reached", reason=ended.condition, error=error, wait_s=pause_s)
                self._say(f"no broker: {error}; {self.pump.pending} events wait")
                await self._pause(pause_s)
                continue
            await self._serve(connection, presence, broker=self._rotation.index + 1)

    async def _meet_edge(self) -> None:
        """READY is edge's first answer, whatever the network does: events are safe in its ledger."""
        failures = 0
        while True:
            self.pulse.beat("work")
            try:
                await self.pump.begin()
            except EDGE_ERRORS as error:
                if failures == 0:
                    log.warning("edge_unavailable", error=error)
                    self._say(f"waits for edge: {error}")
                await asyncio.sleep(EDGE_PAUSE_S * 2 ** min(failures, 4))
                failures += 1
            else:
                self._notifier.ready(f"{self.pump.pending} events wait")
                return

    async def _connect(self, identity: Identity, presence: Presence) -> Connection:
        """One attempt at one address.

        Raises:
            ConnectionEnded: It failed; why.
        """
        broker = self._config.broker
        endpoint = self._endpoints[self._rotation.index]
        self.pulse.beat("work")
        try:
            sock = await open_tls(endpoint, context=identity.context, timeout_s=broker.connect_timeout_s)
        except OSError as error:
            raise ConnectionEnded(condition_of(error)) from error
        connection = Connection(
            sock, endpoint=endpoint, client_id=common_name(self._address), keepalive_s=broker.keepalive_s
        )
        topics = tuple(self._address.topic(channel) for channel in DOWN)
        await connection.open(broker, will=presence.will, topics=topics)
        return connection

    async def _serve(self, connection: Connection, presence: Presence, *, broker: int) -> None:
        """Carry on one connection until it ends, a certificate changes, or this task is cancelled."""
        began, before = self._world.now(), self.pump.progress
        self._connections += 1
        self.connection = connection
        log.info("broker_connected", broker=broker, session_present=connection.session_present)
        self.news.connected(broker)
        self._say(f"connected to broker {broker}")
        telemetry = Telemetry(
            self._edge,
            self._address,
            interval_s=self._config.telemetry.interval_s,
            own=lambda: self._health(presence, broker),
            pulse=self.pulse,
            now=self._world.now,
        )
        works = (self.pump.run, self._deliveries.run, self._parcels.run, telemetry.run)
        try:
            await presence.born(connection)
            await self._until_over(connection, [work(connection) for work in works])
        except ConnectionEnded:
            pass
        finally:
            if not connection.ended.done():
                await self._part(connection, presence)
        reason = connection.ended.result()
        self.ends.append(reason)
        self.news.broken(reason)
        self.certificates.ended(reason)
        pause_s = self._rotation.ended(
            lived_s=self._world.now() - began, progressed=self.pump.progress > before
        )
        if reason is Condition.CLOSED:
            return
        error = explain(reason, where=str(connection.endpoint))
        log.warning("broker_lost", reason=reason, error=error, wait_s=pause_s)
        self._say(f"lost the broker: {error}")
        await self._pause(pause_s)

    async def _until_over(self, connection: Connection, works: list[Coroutine[Any, Any, None]]) -> None:
        tasks = [asyncio.ensure_future(work) for work in works]
        stay_s = self._rotation.stay_s()
        if stay_s is not None:
            tasks.append(asyncio.ensure_future(self._first_answers(every_s=stay_s)))
        changed = asyncio.ensure_future(self.certificates.changed.wait())
        try:
            over: set[asyncio.Future[Any]] = {*tasks, changed, connection.ended}
            while not any(each.done() for each in over):
                self.pulse.beat("work")
                await asyncio.wait(over, timeout=BEAT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (*tasks, changed):
                each.cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
        for failed in found:
            if isinstance(failed, Exception) and not isinstance(failed, ConnectionEnded):
                connection.end()
                raise failed

    async def _first_answers(self, *, every_s: float) -> None:
        """Until the first address answers again; without letting go of the one that does."""
        while True:
            await asyncio.sleep(every_s)
            identity = self.certificates.identity
            if identity is None:
                continue
            try:
                probe = await open_tls(
                    self._endpoints[0],
                    context=identity.context,
                    timeout_s=self._config.broker.connect_timeout_s,
                )
            except OSError:
                continue
            probe.close()
            log.info("first_broker_answers")
            return

    async def _part(self, connection: Connection, presence: Presence) -> None:
        with contextlib.suppress(ConnectionEnded, TimeoutError):
            await presence.goodbye(connection, timeout_s=GOODBYE_S)
        await connection.leave(timeout_s=GOODBYE_S)

    async def _pause(self, pause_s: float) -> None:
        """Wait before the next attempt, but not when a new certificate came."""
        until = self._world.now() + pause_s
        while (left := until - self._world.now()) > 0:
            self.pulse.beat("work")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, BEAT_S)):
                    await self.certificates.changed.wait()
                    return

    async def _await_identity(self) -> Identity:
        told = None
        while self.certificates.identity is None:
            self.pulse.beat("work")
            if self.certificates.problem is not told:
                told = self.certificates.problem
                self.news.waiting()
                self._say(f"waits for its certificate: {told}")
            await asyncio.sleep(0.1)
        return self.certificates.identity

    # --- saying how it is ---------------------------------------------------------------------------------

    def _health(self, presence: Presence, broker: int) -> CourierHealth:
        identity = self.certificates.identity
        if identity is None:
            raise RuntimeError("connected without a certificate")
        return CourierHealth(
            session=presence.session,
            certificate_expires=format_time(identity.expires),
            certificate_days=self.certificates.days,
            reconnects=self._connections - 1,
            resends=max(0, self.pump.window.rewinds - self._connections - 1),
            broker=broker,
            resident_bytes=self._world.resident_bytes(),
        )

    def _say(self, status: str) -> None:
        self._notifier.status(status)

    async def _feed_watchdog(self, interval_s: float) -> None:
        while True:
            if self.pulse.alive:
                self._notifier.watchdog()
            else:
                log.error("task_stuck")
            await asyncio.sleep(min(interval_s, BEAT_S))
