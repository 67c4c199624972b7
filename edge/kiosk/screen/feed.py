"""Between edge and the pages: listens to edge for ever, decides what is shown, and tells every open page.

One task listens, one asks for edge's condition, one looks at the clock. A page that does not read is closed;
edge that goes is asked for again, from at once to every two seconds.
"""

import asyncio
import contextlib
import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import structlog
from aiohttp import web

from edge.api.protocol.status import Status
from edge.kiosk.screen.catalogue import Tongue, nearest, tongues
from edge.kiosk.screen.config import ScreenConfig
from edge.kiosk.screen.director import Director
from edge.kiosk.screen.edge_link import EdgeGone, EdgeLink
from edge.kiosk.screen.labels import labels
from edge.kiosk.screen.moment import Moment, Office, office_of
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
        wall: The time, with a zone.
    """

    def __init__(
        self,
        config: ScreenConfig,
        link: EdgeLink,
        *,
        now_s: Callable[[], float],
        wall: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._link = link
        self.now_s = now_s
        self._wall = wall
        self.director = Director(
            greeting_s=config.look.greeting_s, now_s=now_s(), sleep_after_s=config.sleep.after_s
        )
        self._office = Office()
        self._status: Status | None = None
        self._theme: Theme = theme(config.look.theme, brightness=None, before="light")
        self._pages: set[web.WebSocketResponse] = set()
        self._shown: tuple[Any, ...] = ()
        self._number = 0

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
        await self.refresh()
        moment = self._moment()
        await self._send(page, self._words(moment))
        await self._send(page, self._view(moment))
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
                    self.director.alive()
                    if line is not None:
                        self.director.hear(line, self.now_s())
                    await self.refresh()
            except EdgeGone as gone:
                if not failures:
                    log.warning("edge_gone", reason=str(gone))
            self.director.gone(self.now_s())
            await self.refresh()
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
            await self.refresh()
            await asyncio.sleep(TICK_S)

    async def refresh(self) -> None:
        """Tell the pages, if what is to be shown has changed."""
        moment = self._moment()
        shown = (moment, self.director.board, self._office, self.offset_s, self._theme, self._offered)
        if shown == self._shown:
            return
        spoken = self._tongue(self._shown[0]) if self._shown else None
        self._shown = shown
        self._number += 1
        texts = [self._words(moment)] if self._tongue(moment) != spoken else []
        texts.append(self._view(moment))
        for page in tuple(self._pages):
            for text in texts:
                await self._send(page, text)

    @property
    def offset_s(self) -> int | None:
        """Of the site's time from UTC; None before edge has said it."""
        return None if self._status is None else self._status.clock.utc_offset_s

    @property
    def _offered(self) -> tuple[bool, tuple[str, ...]]:
        """What may be chosen before one is recognised."""
        return (False, ()) if self._status is None else (self._status.directions, self._status.work_codes)

    def _moment(self) -> Moment:
        local = self._wall().astimezone(timezone(timedelta(seconds=self.offset_s or 0)))
        night = self.offset_s is not None and self._config.sleep.at(local.time())
        return self.director.moment(self.now_s(), night=night)

    def _tongue(self, moment: Moment) -> Tongue:
        return nearest(moment.language, self._config.language.device)

    @property
    def _place(self) -> Place:
        directions, codes = self._offered
        return Place(
            device="" if self._status is None else self._status.device,
            notice=self._config.notice,
            touch=self._config.look.touch,
            directions=directions,
            work_codes=codes,
        )

    def _words(self, moment: Moment) -> str:
        """What stands in the page's dialogs, in one language."""
        tongue = self._tongue(moment)
        words = {"kind": "words", **labels(tongue.say, place=self._place)}
        words["tongues"] = [[each.tag, each.name, "rtl" if each.rtl else "ltr"] for each in tongues().values()]
        return json.dumps(words, ensure_ascii=False)

    def _view(self, moment: Moment) -> str:
        return json.dumps(self._message(moment), ensure_ascii=False)

    def _message(self, moment: Moment) -> dict[str, Any]:
        tongue, now_s = self._tongue(moment), self.now_s()
        asked = moment.question
        return {
            "kind": "show",
            "number": self._number,
            "lang": tongue.tag,
            "dir": "rtl" if tongue.rtl else "ltr",
            "utc_offset_s": self.offset_s,
            "theme": self._theme,
            "turn": self._config.look.rotation_deg,
            "controls": self._config.look.controls,
            "touch": self._config.look.touch,
            "question": asked
            and {
                "id": asked.prompt_id,
                "asks": asked.asks,
                "wrong": asked.wrong,
                "left_s": round(max(0.0, asked.until_s - now_s), 1),
            },
            "wait_s": math.ceil(max(0.0, (moment.until_s or now_s) - now_s)),
            "record": moment.record,
            **said(moment, tongue.say, place=self._place, office=self._office, board=self.director.board),
        }

    async def _send(self, page: web.WebSocketResponse, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await page.send_str(text)
        except (ConnectionError, TimeoutError, RuntimeError):
            self.leave(page)
            log.info("page_gone")
