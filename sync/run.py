"""`clockface-sync run`: puts the courier together, and ends it in order on SIGTERM and SIGINT."""

import asyncio
import os
import random
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import structlog
import typer

from clockface.notify import notifier_from
from clockface.sentry import Sentry, reporting
from sync.config import SyncConfig
from sync.courier import Courier, World
from sync.edge_socket import EdgeSocket
from sync.wire.parcels import CrashParcel

log = structlog.get_logger(__name__)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("run")(run)


def run(context: typer.Context) -> None:
    """Run the courier: carry events to the office and its answers back, until it is told to stop."""
    from clockface.logs import set_up
    from sync.cli import invocation

    asked = invocation(context)
    config = asked.config
    set_up(config.logging, journal="JOURNAL_STREAM" in asked.environment)
    with reporting(config.sentry, process="sync") as sentry:
        asyncio.run(carry(config, asked.environment, sentry=sentry))


async def carry(config: SyncConfig, environment: Mapping[str, str], *, sentry: Sentry | None = None) -> None:
    """Run until a signal says stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    notifier = notifier_from(environment)
    try:
        async with EdgeSocket(config) as edge:
            log.info("courier_started", pid=os.getpid())
            courier = Courier(
                config,
                edge,
                notifier=notifier,
                world=real_world(),
                crashed=None if sentry is None else told(sentry),
            )
            await courier.run(stopping)
            log.info("courier_stopped")
    finally:
        notifier.close()


def told(sentry: Sentry) -> Callable[[CrashParcel], None]:
    """What hands edge's crash reports on to Sentry."""
    return lambda crash: sentry.forward(
        process=crash.process,
        report=crash.id,
        software=crash.software,
        error=crash.error,
        frames=crash.frames,
    )


def real_world() -> World:
    """The machine's clocks and chance."""
    return World(
        now=time.monotonic,
        wall=lambda: datetime.now(UTC),
        draw=random.SystemRandom().random,
        new_session=lambda: secrets.token_hex(16),
        resident_bytes=_resident_bytes,
    )


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
