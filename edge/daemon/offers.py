"""Puts on every announcement what the person may do about it: other ways in, "that was not me", a correction.

A face that fails is never the end of it. Nothing here decides; the loop announces as if this were the screen.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from clockface.errors import ClockfaceError
from edge.config.attendance import AttendanceConfig
from edge.ports import Announcer
from edge.types.announcements import Announcement, Notice, Prompt

OFFERED: Final = frozenset(
    {
        Notice.ATTRACT,
        Notice.GUIDANCE,
        Notice.NOT_RECOGNISED,
        Notice.SEVERAL_PEOPLE,
        Notice.OUT_OF_SERVICE,
        Notice.BADGE_REFUSED,
        Notice.VOIDED,
    }
)


class Offers(Announcer):
    """An announcer in front of another.

    Args:
        announcer: Who is told.
        config: How long a record may be disowned, and a missing one asked for.
        ways: What this kiosk offers besides the face.
        prompt: The question for a PIN that stands, if one does: a result covers it for a moment only.
        closed: Why the kiosk is out of service by order, or None: then it offers nothing.
    """

    def __init__(
        self,
        announcer: Announcer,
        *,
        config: AttendanceConfig,
        ways: Callable[[], tuple[str, ...]],
        prompt: Callable[[], Prompt | None],
        closed: Callable[[], str | None],
    ) -> None:
        self._announcer = announcer
        self._config = config
        self._ways = ways
        self._prompt = prompt
        self._closed = closed

    def announce(self, announcement: Announcement) -> None:
        """Pass it on, with what is offered."""
        if announcement.notice in OFFERED and self._closed() is None:
            announcement = replace(announcement, ways=self._standing())
        elif announcement.notice is Notice.RECORDED:
            announcement = replace(
                announcement,
                not_me_s=self._config.not_me_s,
                correction_s=self._config.correction_s,
                prompt=self._prompt(),
            )
        elif announcement.notice is Notice.ALREADY_RECORDED:
            announcement = replace(announcement, prompt=self._prompt())
        self._announcer.announce(announcement)

    def _standing(self) -> tuple[str, ...]:
        try:
            return self._ways()
        except ClockfaceError:  # a ledger that cannot be read lets nobody in by badge either
            return ()
