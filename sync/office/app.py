"""Where the receiver's parts are put together: the only place of the office that reads keys and starts threads.

Trust boundary: configuration and key files, which are the administrator's.
"""

import gc
import os
import signal
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from clockface.notify import Notifier, notifier_from
from sync.office import rotation
from sync.office.alerts.delivery import Alerts, senders_of
from sync.office.config.tree import OfficeConfig
from sync.office.database import open_database
from sync.office.errors import OperatorKeyReadable
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.keys import read_receiver_keys
from sync.office.link import Link
from sync.office.metrics import Metrics
from sync.office.receiver import Receiver, ReceiverSettings, Storage, subscriptions
from sync.office.renewed import Authorities, Online
from sync.office.rows import microseconds
from sync.office.sites import adopt
from sync.office.storage import database_settings
from sync.office.watch import WatchSettings
from sync.office.web import Web

# Objects between two looks for rings of them: of a backlog every event has dozens, which live until the commit
# and then end by themselves. Python's own 700 cost a fifth of a batch's preparation (measured).
GARBAGE_OBJECTS: Final = 50_000
MAX_CHECKERS: Final = 3  # one for each further processor; the database waits for one receiver anyway

log = structlog.get_logger(__name__)


def run(config: OfficeConfig, environment: Mapping[str, str]) -> None:
    """Receive until SIGTERM or SIGINT.

    Raises:
        SecretError: A key is missing or wrong.
        DatabaseError: The database is not there or not of this software's schema.
        OfficeCertificateInvalid: The TLS files do not hold.
    """
    refuse_operator_key(config.paths.operator_key)
    keys = read_receiver_keys(online=config.paths.online_key, sealing=config.paths.sealing_key)
    database = open_database(database_settings(config.database))
    database.demand_current()
    with database.write() as connection:
        now = datetime.now(UTC)
        adopt(connection, config.office.sites, now_us=microseconds(now), actor="receiver")
        rotation.adopt(connection, "online", keys.online.public_key(), by="receiver", now=now)
    link = Link(
        config=config.broker,
        files=config.paths.tls_files,
        topics=subscriptions(config.receiver.share_group),
    )
    intake = Intake(
        database, sealing=keys.sealing, limits=Limits(), checkers=min(MAX_CHECKERS, (os.cpu_count() or 1) - 1)
    )
    metrics = Metrics()
    receiver = Receiver(
        database=database,
        broker=link,
        intake=intake,
        online=Online(keys.online, Authorities.read(config.paths.tls_files.authorities)),
        settings=_settings(config),
        metrics=metrics,
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
    )

    alerts = Alerts(
        senders_of(config),
        database=database,
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        observe=metrics.alerted,
    )

    def health() -> dict[str, bool]:
        return {"broker": link.connected, "database": receiver.storage is Storage.WELL}

    web = Web(host=config.metrics.host, port=config.metrics.port, registry=metrics.registry, health=health)
    notifier = notifier_from(environment)
    gc.freeze()  # what has been made so far stays
    gc.set_threshold(GARBAGE_OBJECTS, 20, 20)
    link.start()
    log.info("receiver_started")
    try:
        _work(receiver, alerts, notifier)
    finally:
        notifier.stopping()
        link.close()
        intake.close()
        web.close()
        database.close()
        log.info("receiver_stopped")


def refuse_operator_key(path: Path | None) -> None:
    """The receiver meets the network; whoever takes it over must not find the key that signs commands.

    Raises:
        OperatorKeyReadable: It could read it.
    """
    if path is not None and os.access(path, os.R_OK):
        raise OperatorKeyReadable(
            "the receiver can read the operator's key, which it must not have",
            where=str(path),
            next_step="move it to the operator's machine, or give it to the signer's account alone (mode 0400)",
        )


def _settings(config: OfficeConfig) -> ReceiverSettings:
    chosen = config.receiver
    return ReceiverSettings(
        batch_events=chosen.batch_events,
        batch_wait_s=chosen.batch_wait_ms / 1000,
        ack_interval_s=chosen.ack_interval_ms / 1000,
        watch=WatchSettings(silent_after_s=chosen.silent_after_s),
    )


def _work(receiver: Receiver, alerts: Alerts, notifier: Notifier) -> None:
    stop = threading.Event()

    def end(_number: int, _frame: Any) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    # Not waited for at the end: what was sent and not marked is told again, and nobody holds up the stop.
    threading.Thread(target=alerts.run, args=(stop,), name="alerts", daemon=True).start()
    notifier.ready()
    receiver.run(stop, alive=notifier.watchdog)
