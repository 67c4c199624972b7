"""The mirror: fetches edge's pictures while a page shows them, and hands out the newest, never an older one.

A page asks for one picture after the other, so a slow one gets fewer and nothing queues up. While nobody asks,
edge is not asked either.
"""

import asyncio
import contextlib
from typing import Final

from edge.kiosk.screen.edge_link import EdgeGone, EdgeLink, Picture

IDLE_S: Final = 3.0  # a page that has not asked for so long does not show the mirror any more
AGAIN_S: Final = 1.0
NOTHING: Final = Picture(b"")


class Mirror:
    """The newest picture, for pages that ask.

    Args:
        link: The way to edge.
    """

    def __init__(self, link: EdgeLink) -> None:
        self._link = link
        self._newest = NOTHING
        self._number = 0
        self._arrived = asyncio.Condition()
        self._fetching: asyncio.Task[None] | None = None
        self._asked_s = 0.0
        self._over = False

    async def newer(self, than: int, *, within_s: float) -> tuple[int, Picture]:
        """Wait for a picture after number `than`; an empty one if none comes in time, or none ever will."""
        if self._over:
            return than, NOTHING
        self._asked_s = asyncio.get_running_loop().time()
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch())
        try:
            async with asyncio.timeout(within_s), self._arrived:
                await self._arrived.wait_for(lambda: self._over or self._number > than)
                return (self._number, self._newest) if self._number > than else (than, NOTHING)
        except TimeoutError:
            return than, NOTHING

    async def close(self) -> None:
        """Fetch no more, and let nobody wait for what will not come."""
        async with self._arrived:
            self._over = True
            self._arrived.notify_all()
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _fetch(self) -> None:
        """Fetch as long as somebody asks."""
        while self._wanted():
            with contextlib.suppress(EdgeGone):
                async with contextlib.aclosing(self._link.pictures()) as pictures:
                    async for picture in pictures:
                        async with self._arrived:
                            self._newest = picture
                            self._number += 1
                            self._arrived.notify_all()
                        if not self._wanted():
                            break
            if self._wanted():
                await asyncio.sleep(AGAIN_S)
        self._newest = NOTHING  # a face is not kept

    def _wanted(self) -> bool:
        return asyncio.get_running_loop().time() - self._asked_s < IDLE_S
