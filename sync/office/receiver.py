"""The receiver: from the broker to the database, and only after the commit back to broker and device.

Order is everything: commit, then the office's signed answer, then the broker's PUBACK. Killed at any point, the
broker or the device sends again, and what is here already is acknowledged again. The database is its only
state. Trust boundary: `batch` verifies; this module decides when, and never what is true.
"""

import queue
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import structlog

from sync.office.answers import Answers
from sync.office.batch import Outcome
from sync.office.database import Database
from sync.office.database.errors import DatabaseConflict, DatabaseError, DatabaseLocked, HistoryKept
from sync.office.intake import Intake
from sync.office.link import Arrival
from sync.office.metrics import Metrics
from sync.office.outbox import due, note_sent
from sync.office.preparation import Prepared
from sync.office.renewed import Online, sign_waiting, waiting
from sync.office.rotation import refuse_outdated
from sync.office.rows import microseconds
from sync.office.watch import Watch, WatchSettings
from sync.wire.topics import UP, Channel, filter_of

IDLE_S: Final = 0.2  # how long an empty queue is waited for before the clock's work is looked at
RETRY_FIRST_S: Final = 0.5
RETRY_MOST_S: Final = 10.0  # well under the watchdog
COLLISIONS: Final = 5  # with another receiver, before it counts as a failure of the database
COLLISION_S: Final = 0.1
OUTBOX_EVERY_S: Final = 1.0  # an enrolled template reaches the other kiosks within seconds
WATCH_EVERY_S: Final = 10.0

log = structlog.get_logger(__name__)


class Broker(Protocol):
    """The connection, as the receiver sees it."""

    inbox: "queue.Queue[Arrival]"

    @property
    def connected(self) -> bool:
        """Whether messages can come."""

    def publish(self, topic: str, payload: bytes, *, correlation: bytes | None = None) -> bool:
        """Hand a message over; False without a connection."""

    def acknowledge(self, arrival: Arrival) -> None:
        """The broker need not keep this message."""


class Storage(StrEnum):
    """How the database does."""

    WELL = "well"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """How the receiver paces itself; times in seconds."""

    batch_events: int = 500
    batch_wait_s: float = 0.05
    ack_interval_s: float = 0.2
    resend_after_s: float = 10.0
    watch: WatchSettings = field(default_factory=WatchSettings)


def subscriptions(group: str) -> tuple[str, ...]:
    """What the receiver subscribes to, shared with others of its group if one is named.

    States never are: a broker sends what is retained to no shared subscription (MQTT 5, 4.8.2), and a receiver
    that has just started must learn who is online. Each receiver hears them all, and writes the same.
    """
    return tuple(filter_of(channel, group="" if channel is Channel.STATE else group) for channel in UP)


class Receiver:
    """Takes messages from the broker into the database until it is told to stop; one thread.

    Args:
        clock: The time, aware.
        monotonic: Seconds that never go back.
    """

    def __init__(
        self,
        *,
        database: Database,
        broker: Broker,
        intake: Intake,
        online: Online,
        settings: ReceiverSettings,
        metrics: Metrics,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.storage = Storage.WELL
        self._database = database
        self._broker = broker
        self._intake = intake
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._answers = Answers(
            broker, key=online.key, clock=clock, monotonic=monotonic, settings=settings, metrics=metrics
        )
        self._online = online
        self._watch = Watch(settings.watch)
        self._next_outbox = 0.0
        self._next_watch = 0.0
        self._was_connected = False
        self._alive: Callable[[], object] = lambda: None

    def run(self, stop: threading.Event, *, alive: Callable[[], object] = lambda: None) -> None:
        """Work until `stop`; what was begun is finished, what was not stays with the broker.

        Args:
            stop: Set from another thread or a signal.
            alive: Called after every round, also while the database fails: a watchdog.

        Raises:
            SecretWrong: The online key was switched: started anew, it reads the present one.
        """
        self._alive = alive
        batch: _Batch | None = None
        while not stop.is_set():
            if batch is None and (arrivals := self.collect()):
                batch = _Batch(arrivals)
            following = self._look_ahead(batch)
            if batch is not None:
                self._take(batch, stop)
            batch = following
            self.tend(stop)
            alive()
        self._answers.flush(everything=True)

    def collect(self) -> list[Arrival]:
        """Wait for messages: the first for a moment, more for as long as a batch may wait."""
        return self._collect(first_s=IDLE_S, more_s=self._settings.batch_wait_s)

    def _collect(self, *, first_s: float, more_s: float) -> list[Arrival]:
        arrivals: list[Arrival] = []
        size, deadline = 0, self._monotonic() + first_s
        while size < self._settings.batch_events:
            try:
                arrivals.append(self._broker.inbox.get(timeout=max(0.0, deadline - self._monotonic())))
            except queue.Empty:
                break
            if len(arrivals) == 1:
                deadline = self._monotonic() + more_s
            size += _lines(arrivals[-1])
        return arrivals

    def _look_ahead(self, batch: "_Batch | None") -> "_Batch | None":
        """While a backlog drains, verify what comes next while this batch is written."""
        if batch is None or sum(map(_lines, batch.arrivals)) < self._settings.batch_events:
            return None
        arrivals = self._collect(first_s=0.0, more_s=0.0)
        return _Batch(arrivals, self._intake.begin(arrivals)) if arrivals else None

    def _take(self, batch: "_Batch", stop: threading.Event) -> None:
        """Commit a batch, however long the database needs; then answer and acknowledge."""
        failures = collisions = 0
        while not stop.is_set():
            try:
                self._commit(batch)
            except DatabaseError as error:
                if self._collided(error) and collisions < COLLISIONS:
                    collisions += 1
                    stop.wait(random.random() * COLLISION_S)  # noqa: S311 - spreads retries, keeps no secret
                    continue
                failures += 1
                self._failing(error, failures, stop)
            else:
                self._well()
                return

    def _collided(self, error: DatabaseError) -> bool:
        """Whether another receiver's transaction was in the way of ours, and the server is well."""
        return isinstance(error, DatabaseLocked) and self._database.dialect == "postgresql"

    def _commit(self, batch: "_Batch") -> None:
        arrivals = batch.arrivals
        try:
            prepared = batch.prepared()
            with self._metrics.commit_seconds.time():
                outcome = self._intake.take(arrivals, now_us=self._now_us(), prepared=prepared)
        except Exception as error:
            if isinstance(error, DatabaseError) and not _may_be_poison(error):
                raise
            log.warning("batch_failed", error=error)
            self._one_by_one(arrivals)
            return
        self._conclude(arrivals, outcome)

    def _one_by_one(self, arrivals: Sequence[Arrival]) -> None:
        """A batch failed and the database may be well: find the message that it fails on."""
        for arrival in arrivals:
            try:
                outcome = self._intake.take([arrival], now_us=self._now_us())
            except Exception as error:
                if isinstance(error, DatabaseError) and not _may_be_poison(error):
                    raise
                log.exception("message_unprocessable", error=error)
                outcome = self._intake.put_away(arrival, now_us=self._now_us())
            self._conclude([arrival], outcome)

    def _conclude(self, arrivals: Sequence[Arrival], outcome: Outcome) -> None:
        self._metrics.count(outcome.counts)
        self._answers.take(outcome)
        self._answers.flush()
        for arrival in arrivals:
            self._broker.acknowledge(arrival)
        if outcome.born:
            self._publish_outbox(frozenset(outcome.born))

    def _failing(self, error: DatabaseError, failures: int, stop: threading.Event) -> None:
        if self.storage is Storage.WELL or failures % 10 == 0:
            log.error("database_failed", error=error)
        self.storage = Storage.FAILING
        self._metrics.database_up.set(0)
        self._alive()
        bound = min(RETRY_MOST_S, RETRY_FIRST_S * 2.0 ** min(failures - 1, 16))
        stop.wait(bound * (0.5 + random.random() / 2))  # noqa: S311 - spreads retries, keeps no secret

    def _well(self) -> None:
        if self.storage is not Storage.WELL:
            log.info("database_recovered")
        self.storage = Storage.WELL
        self._metrics.database_up.set(1)

    def tend(self, stop: threading.Event) -> None:
        """What the clock asks for: late acknowledgements, the outbox, watching for silence."""
        self._answers.flush()
        now = self._monotonic()
        connected = self._broker.connected
        self._metrics.connected.set(int(connected))
        if connected and not self._was_connected:
            self._next_outbox = now
        self._was_connected = connected
        try:
            if connected and now >= self._next_outbox:
                self._next_outbox = now + OUTBOX_EVERY_S
                self._sign_renewals()
                self._publish_outbox(None)
            if now >= self._next_watch:
                self._next_watch = now + WATCH_EVERY_S
                self._look()
                self._well()
        except DatabaseError as error:
            self._failing(error, 1, stop)

    def _look(self) -> None:
        with self._database.write() as connection:
            refuse_outdated(connection, "online", self._online.key.public_key())
            seen = self._watch.look(connection, now_us=self._now_us(), connected=self._broker.connected)
        self._metrics.fleet(seen)

    def _sign_renewals(self) -> None:
        with self._database.read() as connection:
            if not waiting(connection):
                return
        with self._database.write() as connection:
            sign_waiting(connection, online=self._online, now=self._clock())
        log.info("renewals_signed")

    def _publish_outbox(self, device_ids: frozenset[int] | None) -> None:
        now_us = self._now_us()
        with self._database.read() as connection:
            documents = due(connection, now_us=now_us, device_ids=device_ids)
        sent = [
            each.id
            for each in documents
            if self._broker.publish(
                each.address.topic(each.channel), each.envelope, correlation=bytes.fromhex(each.document_id)
            )
        ]
        if sent:
            with self._database.write() as connection:
                note_sent(connection, sent, now_us=now_us)
            self._metrics.published.inc(len(sent))

    def _now_us(self) -> int:
        return microseconds(self._clock())


class _Batch:
    """Messages, and what is known of them already.

    Args:
        arrivals: In the order in which they came.
        ahead: Their verification, begun while another batch is written; None: `Intake.take` does it.
    """

    def __init__(self, arrivals: Sequence[Arrival], ahead: Future[Prepared] | None = None) -> None:
        self.arrivals = arrivals
        self._ahead = ahead

    def prepared(self) -> Prepared | None:
        """Once: what was verified ahead. A second attempt begins anew.

        Raises:
            DatabaseError: Verification met a database that failed.
        """
        ahead, self._ahead = self._ahead, None
        return None if ahead is None else ahead.result()


def _lines(arrival: Arrival) -> int:
    return arrival.payload.count(b"\n") + 1


def _may_be_poison(error: DatabaseError) -> bool:
    """Whether a message, and not the database, may be at fault. An unnamed failure could be either."""
    return type(error) in (DatabaseConflict, HistoryKept, DatabaseError)
