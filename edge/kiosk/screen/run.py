"""`clockface-screen run`: puts the screen's process together, and ends it in order on SIGTERM and SIGINT."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
import typer

from clockface.notify import notifier_from
from edge.api.protocol.exchange import Role
from edge.crash_report import CrashTeller, tell
from edge.errors import ScreenError
from edge.kiosk.screen.config import ScreenConfig
from edge.kiosk.screen.ear import Ear
from edge.kiosk.screen.edge_link import EdgeLink
from edge.kiosk.screen.feed import Feed
from edge.kiosk.screen.mirror import Mirror
from edge.kiosk.screen.server import Page, served
from edge.kiosk.screen.ticket import ticket, write_start

log = structlog.get_logger(__name__)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("run")(run)


def run(context: typer.Context) -> None:
    """Serve the screen's page, until told to stop."""
    from clockface.logs import on_exception, set_up
    from edge.kiosk.screen.cli import invocation

    asked = invocation(context)
    config = asked.config
    set_up(config.logging, journal="JOURNAL_STREAM" in asked.environment)
    teller = CrashTeller(config.paths.run, Role.SCREEN)
    undo = on_exception(teller)
    try:
        asyncio.run(serve(config, asked.environment))
    except Exception as error:
        tell(config.paths.run, Role.SCREEN, error)
        raise
    finally:
        undo()


def _now() -> datetime:
    return datetime.now(UTC)


async def serve(config: ScreenConfig, environment: Mapping[str, str]) -> None:
    """Serve until a signal says stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    notifier = notifier_from(environment)
    secret = ticket(config.paths.screen)
    try:
        async with EdgeLink(config.paths.run) as link:
            feed = Feed(config, link, now_s=time.monotonic, wall=_now)
            mirror = Mirror(link)
            page = Page(feed, Ear(feed, link, wall=_now), mirror, secret=secret)
            async with served(page, port=config.listen.port):
                write_start(config.paths.screen, page.address, group=config.paths.browser_group)
                feeding = asyncio.create_task(feed.run())
                notifier.ready("serving")
                log.info("screen_started", pid=os.getpid())
                await asyncio.wait(
                    {feeding, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED
                )
                notifier.stopping("stopping")
                if feeding.done():
                    feeding.result()  # it never ends by itself: this raises
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
                await mirror.close()
                log.info("screen_stopped")
    except OSError as error:
        raise ScreenError(
            "the page cannot be served",
            where=f"127.0.0.1:{config.listen.port}",
            next_step=f"ss -ltnp 'sport = :{config.listen.port}' shows who has the port; or set listen.port",
        ) from error
    finally:
        notifier.close()
