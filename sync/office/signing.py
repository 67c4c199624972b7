"""The signer's process: every second it signs what kiosks enrolled and clerks entered; it watches for receipts.

It has the operator's key and the database and no other network. Trust boundary: `sync.office.signer`.
"""

import signal
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clockface.notify import Notifier, notifier_from
from sync.office import keeping, rotation, telling
from sync.office.config.office import RetentionSection
from sync.office.config.tree import OfficeConfig
from sync.office.database import Database, open_database
from sync.office.database.errors import DatabaseLocked, DatabaseUnreachable
from sync.office.operator_key import read_operator_key
from sync.office.receipts import watch
from sync.office.retention import Retention
from sync.office.rows import microseconds
from sync.office.signer import Signer
from sync.office.storage import database_settings

ACTOR = "signer"
WATCH_US = 60_000_000

log = structlog.get_logger(__name__)


class Rounds:
    """One look after the other.

    Args:
        key: The operator's.
        clock: The time, aware.
        receipts_after_us: After which time a missing receipt is alarmed.
        retention: How long what lies beside attendance stays.
        attendance: Takes attendance whose time is over.
    """

    def __init__(
        self,
        database: Database,
        *,
        signer: Signer,
        key: Ed25519PrivateKey,
        clock: Callable[[], datetime],
        receipts_after_us: int,
        retention: RetentionSection,
        attendance: Retention,
    ) -> None:
        self._database = database
        self._signer = signer
        self._key = key
        self._clock = clock
        self._receipts_after_us = receipts_after_us
        self._retention = retention
        self._attendance = attendance
        self._watched_us = 0

    def go(self) -> int:
        """Sign what is lacking; once a minute look for what was not confirmed. Returns documents signed.

        A database that is away or busy for a moment is left alone until the next round.

        Raises:
            DatabaseError: Of another kind.
            SecretWrong: The operator's key was switched.
        """
        try:
            return self._go()
        except (DatabaseUnreachable, DatabaseLocked) as error:
            log.warning("database_unavailable", error=error)
            return 0

    def _go(self) -> int:
        now = self._clock()
        now_us = microseconds(now)
        if not 0 <= now_us - self._watched_us < WATCH_US:
            with self._database.write() as connection:
                watch(connection, now_us=now_us, receipts_after_us=self._receipts_after_us)
                keeping.prune(connection, self._retention, now_us=now_us)
                rotation.refuse_outdated(connection, "operator", self._key.public_key())
            told = telling.tell(self._database, key=self._key, by=ACTOR, now=now)
            if told:
                log.info("kiosks_told_keys", documents=told)
            gone = self._attendance.go(now=now).events
            if gone:
                log.info("attendance_removed", events=gone)
            self._watched_us = now_us
        signed = sum(each.documents for each in self._signer.push(now=now))
        if signed:
            log.info("roster_signed", documents=signed)
        return signed


def run(config: OfficeConfig, environment: Mapping[str, str]) -> None:
    """Sign until SIGTERM or SIGINT.

    Raises:
        SecretError: The operator's key is missing or does not open.
        DatabaseError: The database is not there or not of this software's schema.
    """
    key = read_operator_key(config, environment, interactive=False)
    database = open_database(database_settings(config.database))
    try:
        database.demand_current()
        with database.write() as connection:
            rotation.adopt(connection, "operator", key.public_key(), by=ACTOR, now=datetime.now(UTC))
        rounds = Rounds(
            database,
            signer=Signer(database, key=key, by=ACTOR),
            key=key,
            clock=lambda: datetime.now(UTC),
            receipts_after_us=int(config.signer.receipt_alarm_h * 3.6e9),
            retention=config.retention,
            attendance=Retention(database, config.retention, key=key, by=ACTOR),
        )
        _work(rounds, notifier_from(environment), poll_s=config.signer.poll_s)
    finally:
        database.close()
        log.info("signer_stopped")


def _work(rounds: Rounds, notifier: Notifier, *, poll_s: float) -> None:
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: Any) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    log.info("signer_started")
    notifier.ready()
    while not stop.is_set():
        rounds.go()
        notifier.watchdog()
        stop.wait(poll_s)
    notifier.stopping()
