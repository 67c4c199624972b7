"""The end of the screen's process is told to its pages, and no open page holds it up."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from edge.kiosk.screen.config import ScreenConfig
from edge.kiosk.screen.ear import Ear
from edge.kiosk.screen.edge_link import EdgeLink
from edge.kiosk.screen.feed import Feed
from edge.kiosk.screen.mirror import Mirror
from edge.kiosk.screen.server import Page, served

PATIENCE_S = 20.0


def now() -> datetime:
    return datetime.now(UTC)


async def heard_to_the_end(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        pass
    return socket.close_code


async def farewell(run: Path) -> list[int | None]:
    """How the process's end closes a feed and a mirror that waits for a picture."""
    async with EdgeLink(run) as link, aiohttp.ClientSession() as browser:
        feed = Feed(ScreenConfig(), link, now_s=time.monotonic, wall=now)
        mirror = Mirror(link)
        page = Page(feed, Ear(feed, link, wall=now), mirror, secret="s" * 43)
        async with asyncio.timeout(PATIENCE_S), served(page, port=0):
            sockets = [
                await browser.ws_connect(page.address + name, origin=f"http://{page.host}")
                for name in ("feed", "mirror")
            ]
            ends = [asyncio.create_task(heard_to_the_end(socket)) for socket in sockets]
            await sockets[1].send_str("next")
            await asyncio.sleep(0)
            await mirror.close()
        return [await end for end in ends]


def test_pages_are_told_that_the_process_goes_and_their_answer_is_waited_for(folder: Path) -> None:
    assert asyncio.run(farewell(folder)) == [aiohttp.WSCloseCode.GOING_AWAY] * 2


async def waited_after_the_end(run: Path) -> bytes:
    async with EdgeLink(run) as link:
        mirror = Mirror(link)
        waiting = asyncio.create_task(mirror.newer(0, within_s=10 * PATIENCE_S))
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            await mirror.close()
            await waiting
            return (await mirror.newer(0, within_s=10 * PATIENCE_S))[1].jpeg


def test_nobody_waits_for_a_picture_that_will_not_come(folder: Path) -> None:
    assert asyncio.run(waited_after_the_end(folder)) == b""
