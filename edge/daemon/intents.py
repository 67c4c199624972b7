"""What people choose on the screen (in or out, a work code), and whose record each choice goes to.

A choice made just before goes to the next person who is identified; one made when the kiosk asked goes to the
person whom it asked. One choice serves one person, an old one nobody, and a person who was asked and does not
answer is recorded without a direction. Trust boundary: the screen's socket, whose values the service has held
against the site's settings; a choice never says who somebody is. `choose` comes from an API thread, all else
from the loop's.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge.api.protocol.intents import IntentChosen
from edge.attendance.rules import NO_INTENT, Identification, Intent
from edge.attendance.work_codes import is_offered
from edge.config.attendance import AttendanceConfig
from edge.errors import AttendanceError
from edge.types.identity import TrackId
from edge.types.punches import Direction
from edge.types.verdicts import Outcome, Scene, Verdict

CHOICE_S = (
    15.0  # a choice waits as long for its person to be identified: some attempts, not the next in the queue
)
CHOSEN_DIRECTIONS = frozenset({"choose", "assume"})
ANSWER_S = 10.0  # as long is a person's answer waited for
ABSENT_S = 3.0  # who looks down at the screen is out of the camera's sight, but has not left yet
Who = Verdict | Identification
NO_ANSWER = Intent(direction=Direction.UNSTATED)
_SOMEBODY = TrackId(-1)  # people in view of whom none is judged: whose choice it is nobody can say


def offered(choice: IntentChosen, config: AttendanceConfig) -> Intent:
    """Hold a choice against what the kiosk lets people choose.

    Raises:
        AttendanceError: It offers no directions or not this work code, or a direction is missing.
    """
    if choice.direction is not None and config.direction not in CHOSEN_DIRECTIONS:
        raise AttendanceError("this kiosk lets nobody choose a direction", where="attendance.direction")
    if choice.direction is None and config.direction == "choose":
        raise AttendanceError("this kiosk asks for a direction: send it with the code", where="direction")
    if not is_offered(choice.work_code, config):
        raise AttendanceError("the site does not use this work code", where="attendance.work_codes")
    direction = None if choice.direction is None else Direction(choice.direction)
    return Intent(direction=direction, work_code=choice.work_code)


class Taken(StrEnum):
    """What became of a choice."""

    WAITING = "waiting"  # it completes the record of the person who was asked
    NEXT = "next"  # it goes to the next person who is identified
    NOBODY = "nobody"  # the person in view is recorded already, and it must not go to the next


@dataclass(frozen=True, slots=True)
class Answered:
    """A recognised person who was asked, and the answer.

    Args:
        who: Who.
        intent: What they chose, or `NO_ANSWER`.
    """

    who: Who
    intent: Intent


@dataclass(slots=True)
class _Asked:
    who: Who
    until_s: float


class Intents:
    """The choices of one kiosk's screen.

    Args:
        now_s: Seconds of CLOCK_BOOTTIME.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._choice: Intent | None = None
        self._choice_until_s = 0.0
        self._asked: _Asked | None = None
        self._answered: list[Answered] = []
        self._subject: TrackId | None = None
        self._served: TrackId | None = None
        self._served_until_s = 0.0  # of somebody whom no camera follows
        self._seen_s: dict[TrackId, float] = {}  # of the person asked and of the one served

    def choose(self, intent: Intent) -> Taken:
        """Take a choice from the screen; a newer one replaces an older one that nobody has had yet."""
        with self._lock:
            asked = self._asked
            if asked is not None and self._now_s() < asked.until_s and self._before_screen(asked):
                self._answer(intent)
                return Taken.WAITING
            if self._here(self._served) or self._now_s() < self._served_until_s:
                return Taken.NOBODY
            self._choice, self._choice_until_s = intent, self._now_s() + CHOICE_S
            return Taken.NEXT

    def present(self, scene: Scene) -> None:
        """Note whose face is in front of the camera now, or that there is none."""
        with self._lock:
            self._subject = scene.track_id
            if scene.track_id is None:
                self._subject = _SOMEBODY if scene.faces else None
            elif scene.track_id in (self._asked_track, self._served):
                self._seen_s[scene.track_id] = self._now_s()

    def meet(self, who: Who) -> Intent:
        """Take a verdict or a badge into account, and hand out the choice if it is this person's."""
        with self._lock:
            choice, self._choice = self._choice, None
            fresh = choice is not None and self._now_s() < self._choice_until_s
            if isinstance(who, Verdict) and who.outcome is not Outcome.RECOGNISED:
                stranger = who.outcome in {Outcome.UNKNOWN, Outcome.NOT_LIVE}
                self._choice = (
                    choice if fresh and not stranger else None
                )  # a stranger's choice is not the next one's
                return NO_INTENT
            if self._asked is not None and self._asked.who.person_id != who.person_id:
                self._answer(NO_ANSWER)
            return choice if choice is not None and fresh else NO_INTENT

    def ask(self, who: Who) -> None:
        """Wait for this recognised person's answer; asked again meanwhile, the person gets no more time."""
        with self._lock:
            again = self._asked is not None and self._asked.who.person_id == who.person_id
            until_s = self._asked.until_s if self._asked is not None and again else self._now_s() + ANSWER_S
            if self._asked is not None and not again:
                self._answer(NO_ANSWER)
            self._asked = _Asked(who, until_s)
            self._note(_track(who))

    def serve(self, who: Who) -> None:
        """Note that this person's walk-up has been dealt with: no answer is waited for or taken."""
        with self._lock:
            if self._asked is not None and self._asked.who.person_id == who.person_id:
                self._asked = None
            self._dealt_with(who)
            self._note(_track(who))

    def answered(self, *, all_of_them: bool = False) -> list[Answered]:
        """Hand out, once, who has answered, has left, or has been waited for long enough.

        Args:
            all_of_them: Wait for nobody any longer: the daemon stops.
        """
        with self._lock:
            if self._asked is not None:
                left = isinstance(self._asked.who, Verdict) and not self._around(self._asked_track)
                over = left or self._now_s() >= self._asked.until_s
                if over or all_of_them:
                    self._answer(NO_ANSWER)
            answered, self._answered = self._answered, []
            return answered

    def _answer(self, intent: Intent) -> None:
        """The person asked is dealt with from now on: a second tap must not wait for the next person."""
        if self._asked is not None:
            self._answered.append(Answered(self._asked.who, intent))
            self._dealt_with(self._asked.who)
            self._asked = None

    def _dealt_with(self, who: Who) -> None:
        self._served = _track(who)
        self._served_until_s = 0.0 if isinstance(who, Verdict) else self._now_s() + ABSENT_S

    def _before_screen(self, asked: _Asked) -> bool:
        """Whether it is the person asked who stands there: of one with a badge nobody knows it better."""
        return isinstance(asked.who, Identification) or self._here(_track(asked.who))

    @property
    def _asked_track(self) -> TrackId | None:
        return None if self._asked is None else _track(self._asked.who)

    def _note(self, track_id: TrackId | None) -> None:
        kept = {self._asked_track, self._served}
        self._seen_s = {track: seen_s for track, seen_s in self._seen_s.items() if track in kept}
        if track_id is not None:
            self._seen_s[track_id] = self._now_s()

    def _around(self, track_id: TrackId | None) -> bool:
        """Whether this person was in view within the last seconds."""
        return track_id is not None and self._now_s() - self._seen_s.get(track_id, float("-inf")) < ABSENT_S

    def _here(self, track_id: TrackId | None) -> bool:
        """Whether it is this person who stands in front of the screen, as far as the camera can tell."""
        return self._subject in (track_id, None) and self._around(track_id)


def _track(who: Who) -> TrackId | None:
    """The camera's track of a person; None for somebody whom no camera follows."""
    return who.track_id if isinstance(who, Verdict) else None
