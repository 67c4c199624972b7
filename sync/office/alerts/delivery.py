"""Which alarms are still to be told, and telling them: bounded, with growing pauses, beside the receiver.

At least once for each way: an alarm is marked only when every way has it, so a crash between sending and
marking tells it again, and never not at all. Trust boundary: a failure here is a log line and a count; it never
reaches the receiver.
"""

import smtplib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import httpx
import structlog
from sqlalchemy import Connection, and_, or_, select, text, update

from clockface.errors import ClockfaceError
from sync.office.alerts.mail import Mail
from sync.office.alerts.message import Alert, Phase
from sync.office.alerts.webhook import Webhook, WebhookRefused
from sync.office.config.tree import OfficeConfig
from sync.office.database import Database, schema
from sync.office.timesheet import to_us

MOST: Final = 50  # alarms in one message
EVERY_S: Final = 10.0
RETRY_FIRST_S: Final = 30.0
RETRY_MOST_S: Final = 3600.0
ADVISORY_KEY: Final = 0x434C4B4F_00000003  # "CLKO" and what the lock is for: one receiver tells

FAILURES: Final = (OSError, smtplib.SMTPException, httpx.HTTPError, WebhookRefused, ClockfaceError, ValueError)

log = structlog.get_logger(__name__)


class Channel(StrEnum):
    """By which way."""

    EMAIL = "email"
    WEBHOOK = "webhook"


class Sender(Protocol):
    """One way out."""

    name: str

    def send(self, alerts: Sequence[Alert], *, now_us: int) -> None:
        """Send all of them, or raise."""


@dataclass(slots=True)
class _Way:
    sender: Sender
    had: set[tuple[int, Phase]] = field(default_factory=set)  # sent here, not yet everywhere
    failures: int = 0
    not_before: float = 0.0


class Alerts:
    """Tells what is to be told.

    Args:
        observe: Told of each attempt: which way, and whether it went well.
    """

    def __init__(
        self,
        senders: Sequence[Sender],
        *,
        database: Database,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        observe: Callable[[str, bool], None] = lambda _name, _well: None,
    ) -> None:
        self._ways = [_Way(sender) for sender in senders]
        self._database, self._clock, self._monotonic, self._observe = database, clock, monotonic, observe

    def run(self, stop: threading.Event, *, every_s: float = EVERY_S) -> None:
        """Look from time to time until `stop`; for a thread of its own, which no failure ends."""
        while self._ways and not stop.wait(every_s):
            try:
                self.deliver()
            except Exception as error:  # noqa: BLE001 (whatever it is, the next round may do better)
                log.warning("alerts_failed", error=error)

    def deliver(self) -> int:
        """One round. Returns how many alarms every way has now.

        Raises:
            DatabaseError: The database does not answer.
        """
        if not self._ways:
            return 0
        if self._database.dialect == "sqlite":  # one receiver, and nobody may hold its lock while we send
            with self._database.read() as connection:
                due = outstanding(connection)
            done = self._send(due)
            if done:
                with self._database.write() as connection:
                    mark(connection, done, now_us=to_us(self._clock()))
            return len(done)
        with self._database.write() as connection:
            if not connection.execute(
                text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": ADVISORY_KEY}
            ).scalar_one():
                return 0
            done = self._send(outstanding(connection))
            mark(connection, done, now_us=to_us(self._clock()))
            return len(done)

    def _send(self, due: Sequence[Alert]) -> list[Alert]:
        for way in self._ways:
            way.had &= {(each.id, each.phase) for each in due}
            new = [each for each in due if (each.id, each.phase) not in way.had]
            if new and self._monotonic() >= way.not_before and self._sent(way, new):
                way.had |= {(each.id, each.phase) for each in new}
        return [each for each in due if all((each.id, each.phase) in way.had for way in self._ways)]

    def _sent(self, way: _Way, alerts: Sequence[Alert]) -> bool:
        channel = Channel(way.sender.name)
        try:
            way.sender.send(alerts, now_us=to_us(self._clock()))
        except FAILURES as error:
            way.failures += 1
            pause = min(RETRY_MOST_S, RETRY_FIRST_S * 2.0 ** min(way.failures - 1, 16))
            way.not_before = self._monotonic() + pause
            log.warning("alerts_not_delivered", channel=channel, error=error, wait_s=pause)
            self._observe(channel, False)
            return False
        way.failures, way.not_before = 0, 0.0
        log.info("alerts_delivered", channel=channel, pending=len(alerts))
        self._observe(channel, True)
        return True


def outstanding(connection: Connection, *, limit: int = MOST) -> list[Alert]:
    """What nobody was told yet, the oldest first. One that came and went unseen is told once, as cleared."""
    alarms = schema.alarms
    cleared = and_(alarms.c.cleared_us.is_not(None), alarms.c.clearing_notified_us.is_(None))
    rows = connection.execute(
        select(alarms).where(or_(alarms.c.notified_us.is_(None), cleared)).order_by(alarms.c.id).limit(limit)
    )
    return [
        Alert(
            row.id,
            Phase.RAISED if row.cleared_us is None else Phase.CLEARED,
            row.kind,
            row.subject,
            row.detail,
            row.raised_us,
            row.cleared_us,
        )
        for row in rows
    ]


def mark(connection: Connection, told: Sequence[Alert], *, now_us: int) -> None:
    """Note that these were told everywhere."""
    alarms = schema.alarms
    for each in told:
        values = {"notified_us": now_us, "attempts": alarms.c.attempts + 1}
        if each.phase is Phase.CLEARED:
            values = {"clearing_notified_us": now_us, "attempts": alarms.c.attempts + 1}
            connection.execute(
                update(alarms)
                .where(alarms.c.id == each.id, alarms.c.notified_us.is_(None))
                .values(notified_us=now_us)
            )
        connection.execute(update(alarms).where(alarms.c.id == each.id).values(**values))


def senders_of(config: OfficeConfig) -> list[Sender]:
    """The ways that are configured."""
    ways: list[Sender] = []
    if config.alerts.email.host:
        ways.append(Mail(config.alerts.email, office=config.office.name))
    if config.alerts.webhook.url.get_secret_value():
        ways.append(Webhook(config.alerts.webhook, office=config.office.name))
    return ways
