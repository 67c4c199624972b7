"""Whether the ledger opens with these keys, is whole, and how much of it waits for the office."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.api.protocol.ledger import LedgerVerified
from edge.api.protocol.status import Status
from edge.clock import SystemClock
from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Finding, fail, not_available, ok, warn
from edge.doctor.secrets import as_owner, owner_of
from edge.store.keys import load_keyring
from edge.store.schema import NEWEST
from edge.store.store import Store, ledger_path, open_store
from edge.store.verification import Verification
from edge.types.identity import DeviceId

LATE = timedelta(days=1)


def check_ledger(config: Config, environment: Mapping[str, str], daemon: Daemon) -> Finding:
    """File, keys, every hash, signature and token; through the daemon, which owns the ledger, where it runs."""
    if daemon.status is not None:
        return _judge(daemon.verify_ledger())
    if not daemon.down:
        return not_available("the daemon owns the ledger and does not answer")
    path = ledger_path(config.paths.state)
    owner = owner_of(path)
    if owner is not None:
        return not_available(f"{path} belongs to {owner}; look with its eyes: {as_owner(owner)}")
    version = file_version(path)
    if version is not None and version < NEWEST:
        return warn(
            f"{path} has version {version}; the daemon will bring it to {NEWEST} when it starts",
            "clockface run, then clockface doctor",
        )
    store = open_ledger(config, environment)
    try:
        return _judge(store.verify())
    finally:
        store.close()


def open_ledger(config: Config, environment: Mapping[str, str]) -> Store:
    """Open the ledger as the daemon does. Raises its named errors."""
    keyring = load_keyring(
        state=config.paths.state, environment=environment, allow_environment=config.keys.allow_environment
    )
    return open_store(
        ledger_path(config.paths.state),
        keyring=keyring,
        clock=SystemClock(zone=ZoneInfo(config.device.timezone)),
        device=DeviceId(config.device.name),
        site=config.device.site,
    )


def _judge(found: LedgerVerified | Verification) -> Finding:
    if found.problems:
        return fail("; ".join(found.problems[:5]), "restore the last backup; keep the damaged file for support")
    return ok(
        f"{found.events} events in {found.epochs} epochs, {found.audit_entries} audit entries and "
        f"{found.templates} templates hold"
    )


def file_version(path: Path) -> int | None:
    """The schema version in an SQLite file's header, without opening it as a database; None if it is none."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError:
        return None
    if len(header) < 100 or not header.startswith(b"SQLite format 3\x00"):
        return None
    return int.from_bytes(header[60:64], "big")


def check_delivery(daemon: Daemon) -> Finding:
    """How many events the office has not confirmed, and since when."""
    if daemon.status is None:
        return not_available("known when the daemon runs")
    return _waiting(daemon.status, daemon.status.clock.wall)


def _waiting(status: Status, now: datetime) -> Finding:
    ledger = status.ledger
    if ledger.pending == 0:
        return ok(f"the office has confirmed all {ledger.events} events")
    found = f"{ledger.pending} of {ledger.events} events wait for the office"
    oldest = ledger.oldest_pending_at
    if oldest is not None and now - oldest > LATE:
        hours = int((now - oldest).total_seconds() // 3600)
        return warn(
            f"{found}; nothing was confirmed for {hours} hours",
            "systemctl status clockface-sync; clockface-sync's log says whether it reaches the broker",
        )
    return ok(found)
