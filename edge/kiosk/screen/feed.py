"""Between edge and the pages: listens to edge for ever, decides what is shown, and tells every open page.

One task listens, one asks for edge's condition, one looks at the clock. A page that does not read is closed;
edge that goes is asked for again, from at once to every two seconds.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

import structlog
from aiohttp import web

from edge.api.protocol import Status
from edge.kiosk.screen.catalogue import nearest
from edge.kiosk.screen.config import ScreenConfig
from edge.kiosk.screen.edge_link import EdgeGone, EdgeLink
from edge.kiosk.screen.moment import Director, Moment, Office, office_of
from edge.kiosk.screen.theme import Theme, theme
from edge.kiosk.screen.words import Place, said

AGAIN_S: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
STATUS_S: Final = 5.0
TICK_S: Final = 0.2
SEND_S: Final = 10.0
MAX_PAGES: Final = 4

log = structlog.get_logger(__name__)


class Feed:
    """What the pages are told.

    Args:
        config: The screen's configuration.
        link: The way to edge.
        now_s: Seconds of a steady clock.
    """

    def __init__(self, config: ScreenConfig, link: EdgeLink, *, now_s: Callable[[], float]) -> None:
        self._config = config
        self._link = link
        self._now_s = now_s
        self._director = Director(greeting_s=config.look.greeting_s, now_s=now_s())
        self._office = Office()
        self._status: Status | None = None
        self._theme: Theme = theme(config.look.theme, brightness=None, before="light")
        self._pages: set[web.WebSocketResponse] = set()
        self._shown: tuple[Any, ...] = ()
        self._number = 0
        self._text = "{}"

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._ask())
            tasks.create_task(self._look())

    async def join(self, page: web.WebSocketResponse) -> bool:
        """Tell a page what is shown, from now on; False if too many are open."""
        if len(self._pages) >= MAX_PAGES:
            return False
        self._pages.add(page)
        await self._update()
        await self._send(page, self._text)
        return True

    def leave(self, page: web.WebSocketResponse) -> None:
        """Tell a page no more."""
        self._pages.discard(page)

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async for line in self._link.announcements():
                    failures = 0
                    self._director.alive()
                    if line is not None:
                        self._director.hear(line, self._now_s())
                    await self._update()
            except EdgeGone as gone:
                if not failures:
                    log.warning("edge_gone", reason=str(gone))
            self._director.gone(self._now_s())
            await self._update()
            await asyncio.sleep(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
            failures += 1

    async def _ask(self) -> None:
        while True:
            with contextlib.suppress(EdgeGone):
                self._status = await self._link.status()
                self._office = office_of(self._status)
                room = await self._link.room()
                self._theme = theme(self._config.look.theme, brightness=room.brightness, before=self._theme)
            await asyncio.sleep(STATUS_S)

    async def _look(self) -> None:
        while True:
            await self._update()
            await asyncio.sleep(TICK_S)

    async def _update(self) -> None:
        """Tell the pages, if what is to be shown has changed."""
        moment = self._director.moment(self._now_s())
        shown = (moment, self._director.board, self._office, self._offset_s, self._theme)
        if shown == self._shown:
            return
        self._shown = shown
        self._number += 1
        self._text = json.dumps(self._message(moment), ensure_ascii=False)
        for page in tuple(self._pages):
            await self._send(page, self._text)

    @property
    def _offset_s(self) -> int | None:
        return None if self._status is None else self._status.clock.utc_offset_s

    def _message(self, moment: Moment) -> dict[str, Any]:
        tongue = nearest(moment.language, self._config.language.device)
        place = Place(device="" if self._status is None else self._status.device, notice=self._config.notice)
        return {
            "kind": "show",
            "number": self._number,
            "lang": tongue.tag,
            "dir": "rtl" if tongue.rtl else "ltr",
            "utc_offset_s": self._offset_s,
            "theme": self._theme,
            "turn": self._config.look.rotation_deg,
            "controls": self._config.look.controls,
            **said(moment, tongue.say, place=place, office=self._office, board=self._director.board),
        }

    async def _send(self, page: web.WebSocketResponse, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await page.send_str(text)
        except (ConnectionError, TimeoutError, RuntimeError):
            self.leave(page)
            log.info("page_gone")
