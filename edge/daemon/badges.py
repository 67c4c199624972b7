"""The counter for whoever comes without a face: a badge seen, a PIN or code judged, a person identified.

It says who somebody is and nothing more; the loop's thread makes the record, by the same rules as for a face.
Trust boundary: badges and cards are whatever somebody holds up, PINs whatever somebody types. Every refusal
looks and takes the same, whether there is such a person or not; wrong tries make everybody wait, longer each
time.
"""

import math
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import structlog

from clockface.errors import ClockfaceError
from edge.attendance.rules import Identification
from edge.badge import attempts, codes, pin, token
from edge.badge.token import BadgeKey, BadgeRefused
from edge.config.attendance import BadgeConfig
from edge.errors import PersonUnknown
from edge.ports import Announcer, Clock
from edge.store.people import number_form
from edge.store.store import Store
from edge.types.announcements import Announcement, Notice, Prompt
from edge.types.identity import PersonId
from edge.types.punches import Method, RecordedPunch

GONE_S: Final = 3.0  # a code that stays in view is one badge; gone for so long, it is shown anew
REFUSED_PAUSE_S: Final = 2.0  # between two words about codes that are refused
SPRAYED: Final = 20  # wrong tries by anybody, within
SPRAY_S: Final = 600.0  # so many seconds, after which
SPRAY_WAIT_S: Final = 30.0  # everybody waits so long between two
MOST_HOLDS: Final = 10  # so often may somebody who types slowly ask for more time

log = structlog.get_logger(__name__)


class Entry(StrEnum):
    """What became of a PIN or code."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WAIT = "wait"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class _Pending:
    prompt: Prompt
    person_id: PersonId
    until_s: float
    holds: int = 0


class BadgeDesk:
    """Identifies people by badge, card, PIN and code. Safe from several threads.

    Args:
        config: The site's ways.
        site: Whose badges count.
        store: The ledger.
        clock: Source of time.
        keys: Of badges: the first seals, all open.
        announcer: The screen, sound and light.
        closed: Why the kiosk is out of service by order, or None.
        identified: Takes who was identified, for the loop's thread to record.
    """

    def __init__(
        self,
        *,
        config: BadgeConfig,
        site: str,
        store: Store,
        clock: Clock,
        keys: Sequence[BadgeKey],
        announcer: Announcer,
        closed: Callable[[], str | None],
        identified: Callable[[Identification], None],
    ) -> None:
        self._config = config
        self._site = site
        self._store = store
        self._clock = clock
        self._keys = tuple(keys)
        self._announcer = announcer
        self._closed = closed
        self._identified = identified
        self._lock = threading.RLock()
        self._pending: _Pending | None = None
        self._last_text = ""
        self._last_seen_s = 0.0
        self._refused_s = float("-inf")
        self._wrong_s: deque[float] = deque(maxlen=SPRAYED)

    # --- badges and cards ---------------------------------------------------------------------------------

    def seen(self, text: str) -> None:
        """A camera read a code. The same code in the next pictures is the same badge still."""
        with self._lock:
            now_s = self._now_s()
            again = text == self._last_text and now_s - self._last_seen_s < GONE_S
            self._last_text, self._last_seen_s = text, now_s
            if not again:
                self._take(lambda: self._badge_holder(text))

    def tapped(self, card: str) -> None:
        """A card reader typed something: a badge's text, or the number of a card."""
        with self._lock:
            badge = card.startswith(token.PREFIX)
            self._take(lambda: self._badge_holder(card) if badge else self._store.badges.card_holder(card))

    def _take(self, holder: Callable[[], PersonId | None]) -> None:
        if self._closed() is not None:
            return
        try:
            person_id = holder()
            way = None if person_id is None else self.way_of(person_id)
        except ClockfaceError as error:
            log.error("badge_not_judged", error=error)  # noqa: TRY400 - its message says what to do
            self._announcer.announce(Announcement(Notice.OUT_OF_SERVICE, detail=type(error).__name__))
            return
        if person_id is None or way is None or way == "off":
            self._refuse("badge_not_accepted")
        elif way == "badge":
            self._pending = None
            self._identified(Identification(person_id, Method.BADGE))
        else:
            self._ask(person_id, way)

    def _badge_holder(self, text: str) -> PersonId | None:
        """Whose badge it is, if it counts now."""
        try:
            badge = token.read(text[: token.MAX_READ_CHARS], keys=self._keys, site=self._site)
        except BadgeRefused:
            return None
        known = self._store.badges.find(badge.badge_id)
        over = badge.ends_at is not None and self._clock.now().wall >= badge.ends_at
        return None if over or (known is not None and known.revoked) else badge.person_id

    def way_of(self, person_id: PersonId) -> str | None:
        """How this person is let in; None for somebody who is unknown or disabled here."""
        try:
            if not self._store.people.get(person_id).enabled:
                return None
        except PersonUnknown:
            return None
        return self._store.credentials.of(person_id).way or self._config.method

    def _ask(self, person_id: PersonId, way: str) -> None:
        has = self._store.credentials.of(person_id)
        asks = "code" if way == "badge_code" else "pin"
        if (has.code if asks == "code" else has.pin) is None:
            self._refuse(f"{asks}_not_set")
            return
        prompt = Prompt(secrets.token_hex(16), asks)
        self._pending = _Pending(prompt, person_id, self._now_s() + self._config.prompt_s)
        self._announcer.announce(
            Announcement(Notice.ENTER_PIN, prompt=prompt, seconds=round(self._config.prompt_s))
        )

    def _refuse(self, detail: str) -> None:
        now_s = self._now_s()
        if now_s - self._refused_s >= REFUSED_PAUSE_S:
            self._refused_s = now_s
            self._announcer.announce(Announcement(Notice.BADGE_REFUSED, detail=detail))

    # --- PINs and codes -----------------------------------------------------------------------------------

    @property
    def prompting(self) -> bool:
        """Whether somebody is being asked for a PIN or code now."""
        return self.prompt is not None

    def cancel(self, prompt_id: str) -> None:
        """Whoever was asked does not want to."""
        with self._lock:
            if self._pending is not None and self._pending.prompt.prompt_id == prompt_id:
                self._pending = None

    def hold(self, prompt_id: str) -> float:
        """Whoever was asked still types: wait for them; returns the seconds that are left."""
        with self._lock:
            pending = self._answered(prompt_id)
            if pending is None:
                return 0.0
            if pending.holds < MOST_HOLDS:
                until_s = self._now_s() + self._config.prompt_s
                pending = self._pending = replace(pending, until_s=until_s, holds=pending.holds + 1)
            return max(0.0, pending.until_s - self._now_s())

    @property
    def prompt(self) -> Prompt | None:
        """The question that stands, if one does."""
        pending = self._pending
        return pending.prompt if pending is not None and self._now_s() < pending.until_s else None

    def note(self, recorded: RecordedPunch) -> None:
        """Whoever was recorded needs to answer no more."""
        with self._lock:
            if self._pending is not None and self._pending.person_id == recorded.punch.person_id:
                self._pending = None

    def enter(self, typed: str, *, prompt_id: str | None, number: str | None) -> tuple[Entry, float]:
        """Judge a PIN or code.

        Args:
            typed: 4 to 12 digits.
            prompt_id: The prompt that it answers, or None.
            number: Else the employee number that was typed before it.

        Returns:
            What became of it, and how many seconds to wait until the next try.

        Raises:
            StoreError: The ledger cannot be read or written; nobody was identified.
        """
        with self._lock:
            if self._closed() is not None:
                return Entry.CLOSED, 0.0
            pending = self._answered(prompt_id) if prompt_id is not None else None
            person_id = self._meant(pending, number)
            subject = f"number {number_form(number)}" if number is not None and person_id is None else person_id
            wait_s = self._wait_s(subject)
            if wait_s > 0:
                self._say_wait(wait_s)
                return Entry.WAIT, wait_s
            code = pending is not None and pending.prompt.asks == "code"
            right = self._code_fits(person_id, typed) if code else self._pin_fits(person_id, typed, pending)
            if not right or person_id is None:
                return Entry.REFUSED, self._wrong(subject, person_id)
            self._store.credentials.forgive(person_id)
            self._pending = None
            method = Method.PIN if pending is None else Method.BADGE
            self._identified(Identification(person_id, method))
            return Entry.ACCEPTED, 0.0

    def _answered(self, prompt_id: str) -> _Pending | None:
        pending = self._pending
        here = pending is not None and pending.prompt.prompt_id == prompt_id
        return pending if here and self.prompting else None

    def _meant(self, pending: _Pending | None, number: str | None) -> PersonId | None:
        if pending is not None:
            return pending.person_id
        return None if number is None else self._store.people.holder(number)

    def _wait_s(self, subject: str | None) -> float:
        now = self._clock.now()
        failures, last_at = self._store.credentials.failures(subject or "")
        wait_s = attempts.Attempts(failures, last_at).wait_s(now.wall)
        sprayed = len(self._wrong_s) == SPRAYED and now.boottime_s - self._wrong_s[0] < SPRAY_S
        if sprayed:
            wait_s = max(wait_s, SPRAY_WAIT_S - (now.boottime_s - self._wrong_s[-1]))
        return wait_s

    def _pin_fits(self, person_id: PersonId | None, typed: str, pending: _Pending | None) -> bool:
        """One hash is worked out, whoever was meant and whatever they have."""
        kept = None if person_id is None else self._store.credentials.of(person_id).pin
        right = pin.fits(typed, None if kept is None else pin.PinHash.of_fields(dict(kept)))
        way = None if person_id is None else self.way_of(person_id)
        allowed = way not in {None, "off"} if pending is not None else way == "number_pin"
        return right and allowed

    def _code_fits(self, person_id: PersonId | None, typed: str) -> bool:
        has = None if person_id is None else self._store.credentials.of(person_id)
        if person_id is None or has is None or has.code is None or self.way_of(person_id) is None:
            return False
        step = codes.accepted_step(typed, secret=has.code, at=self._clock.now().wall, after=has.code_step)
        return step is not None and self._store.credentials.spend_code(person_id, step)

    def _wrong(self, subject: str | None, person_id: PersonId | None) -> float:
        """Count a wrong try; returns how long to wait until the next."""
        now = self._clock.now()
        self._wrong_s.append(now.boottime_s)
        failures, last_at = self._store.credentials.failures(subject or "")
        more = attempts.Attempts(failures, last_at).failed(now.wall)
        self._store.credentials.note_failure(
            subject or "", failures=more.failures, at=now.wall, person_id=person_id
        )
        wait_s = more.wait_s(now.wall)
        if self._pending is not None:
            until_s = self._now_s() + self._config.prompt_s
            self._pending = None if wait_s > 0 else replace(self._pending, until_s=until_s)
        log.warning("pin_refused")
        self._announcer.announce(
            Announcement(Notice.BADGE_REFUSED, detail="pin_not_accepted", seconds=_whole(wait_s))
        )
        return wait_s

    def _say_wait(self, wait_s: float) -> None:
        self._announcer.announce(Announcement(Notice.BADGE_REFUSED, detail="pin_wait", seconds=_whole(wait_s)))

    # --- what is offered ----------------------------------------------------------------------------------

    def ways(self) -> tuple[str, ...]:
        """What this kiosk offers besides the face: "badge", "pin" (employee number and PIN), or both."""
        standing = {self._config.method, *self._store.credentials.ways()}
        offered = (
            ("badge", standing & {"badge", "badge_pin", "badge_code"}),
            ("pin", standing & {"number_pin"}),
        )
        return tuple(way for way, has in offered if has)

    def _now_s(self) -> float:
        return self._clock.now().boottime_s


def _whole(wait_s: float) -> int:
    """Seconds to show: never fewer than it takes, at most what an announcement carries."""
    return min(300, math.ceil(wait_s))
