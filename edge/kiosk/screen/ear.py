"""Takes what people do at the screen to edge, and says on the page what became of it.

It decides nothing: edge judges PINs, choices and records. What edge does not answer is said to have gone to
nobody, so that whoever touched tries again or asks.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone
from typing import Any, Final

import structlog

from edge.api.protocol.intents import CorrectionAsked, Disavowal, IntentChosen, PinEntered, PromptGone
from edge.kiosk.screen import touches
from edge.kiosk.screen.edge_link import EdgeGone, EdgeLink
from edge.kiosk.screen.feed import Feed
from edge.kiosk.screen.moment import Choice

MAX_MESSAGE_BYTES: Final = 1024
Answer = dict[str, Any]

log = structlog.get_logger(__name__)


class Ear:
    """What the page says, one thing after the other.

    Args:
        feed: What the pages are told.
        link: The way to edge.
        wall: The time, with a zone.
    """

    def __init__(self, feed: Feed, link: EdgeLink, *, wall: Callable[[], datetime]) -> None:
        self._feed = feed
        self._link = link
        self._wall = wall

    async def hear(self, raw: str) -> Answer | None:
        """Do what was touched; returns the page's answer, or None if it needs none.

        Raises:
            ValidationError: It is nothing that the page can say.
        """
        touch = touches.TOUCH.validate_json(raw)
        self._feed.director.touched(self._feed.now_s())
        try:
            answer = await self._do(touch)
        except EdgeGone as gone:
            log.warning("touch_not_taken", reason=str(gone))
            outcome = "refused_by_edge" if str(gone) == "edge_refused" else "nobody"
            answer = {"to": touch.do, "outcome": outcome}
        await self._feed.refresh()
        return answer

    async def _do(self, touch: touches.Touch) -> Answer | None:  # noqa: PLR0911 - one for each touch
        now_s, director = self._feed.now_s, self._feed.director
        match touch:
            case touches.Touched():
                return None
            case touches.Spoken(language=language):
                director.speak(language, now_s())
                return None
            case touches.Chosen():
                return await self._choose(touch)
            case touches.Typed():
                return await self._type(touch)
            case touches.Held(prompt=prompt):
                held = await self._link.hold(PromptGone(prompt_id=prompt))
                director.held(held.left_s, now_s())
                return None
            case touches.Cancelled(prompt=prompt):
                director.cancelled()
                await self._link.cancel(PromptGone(prompt_id=prompt))
                return None
            case touches.Disowned(epoch=epoch, seq=seq):
                taken = await self._link.disavow(Disavowal(epoch=epoch, seq=seq))
                return {"to": touch.do, "outcome": taken.outcome}
            case touches.Missing():
                return await self._miss(touch)

    async def _choose(self, touch: touches.Chosen) -> Answer:
        if touch.direction is None and touch.work_code is None:
            return {"to": touch.do, "outcome": "nothing"}
        intent = IntentChosen(direction=touch.direction, work_code=touch.work_code)
        taken = await self._link.choose(intent)
        if taken.goes_to == "next":
            self._feed.director.chose(Choice(touch.direction, touch.work_code), self._feed.now_s())
        return {"to": touch.do, "outcome": taken.goes_to}

    async def _type(self, touch: touches.Typed) -> Answer:
        entered = PinEntered(prompt_id=touch.prompt, number=touch.number, pin=touch.pin)
        taken = await self._link.enter(entered)
        if taken.outcome == "accepted":
            self._feed.director.answered(self._feed.now_s())
        return {"to": touch.do, "outcome": taken.outcome, "wait_s": taken.wait_s}

    async def _miss(self, touch: touches.Missing) -> Answer:
        zone = timezone(timedelta(seconds=self._feed.offset_s or 0))
        now = self._wall().astimezone(zone)
        at = datetime.combine(
            now.date() - timedelta(days=touch.days_ago), time(touch.hour, touch.minute), tzinfo=zone
        )
        if at > now:
            return {"to": touch.do, "outcome": "ahead"}
        asked = CorrectionAsked(epoch=touch.epoch, seq=touch.seq, direction=touch.direction, at=at)
        taken = await self._link.ask_correction(asked)
        return {"to": touch.do, "outcome": taken.outcome}
