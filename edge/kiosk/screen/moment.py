"""What the screen shows at a moment, decided from what edge announces and from the time that has passed. Pure.

Only an announcement that carries a committed record becomes a confirmation. A result stays its least time and
until its person has left; a person who comes next is guided soon after; what edge cannot say (it is away) is
said for it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from edge.api.protocol import AnnouncementLine, PunchView, Status

NEXT_PERSON_S: Final = 2.0  # a result yields to the guidance of whoever comes next, but not at once
CHOICE_S: Final = 14.0  # edge waits 10 s for an answer, and then records without one
STARTING_S: Final = 60.0  # a daemon that starts is back by then; later it is a fault
STOOD_STILL: Final = "stood_still"  # edge's reason for a face that hardly moved
WAITING_S: Final = 120.0  # records older than this say that the office is out of reach


class State(StrEnum):
    """What kind of picture the screen shows."""

    ATTRACT = "attract"
    GUIDANCE = "guidance"
    RECORDED = "recorded"
    ALREADY_RECORDED = "already_recorded"
    CHOOSE = "choose"
    NOT_RECOGNISED = "not_recognised"
    SEVERAL_PEOPLE = "several_people"
    NOT_STORED = "not_stored"
    OUT_OF_SERVICE = "out_of_service"
    STARTING = "starting"
    IDENTIFY = "identify"


@dataclass(frozen=True, slots=True)
class Moment:
    """What is shown, in no language yet.

    Args:
        state: The kind of picture.
        code: Which one of its kind: a coaching, an outcome, a reason; empty for the general one.
        greeting: The name as the person chose to be greeted, or None.
        direction: Of the record: "in", "out" or "unstated".
        at: When it was recorded, in the site's time.
        messages: What the office has to tell this person.
        language: Of the person, as a BCP 47 tag; empty for the device's.
        captured_s: Capture time of the frame that decided, CLOCK_BOOTTIME; for the trace.
    """

    state: State
    code: str = ""
    greeting: str | None = None
    direction: str = ""
    at: datetime | None = None
    messages: tuple[str, ...] = ()
    language: str = ""
    captured_s: float | None = None

    def __repr__(self) -> str:
        return f"Moment({self.state.value})"  # a greeting belongs into no log and no traceback


@dataclass(frozen=True, slots=True)
class Office:
    """What is known of the way to the office.

    Args:
        pending: Records that the office has not confirmed.
        waiting: Whether the oldest has waited so long that the office must be out of reach.
    """

    pending: int = 0
    waiting: bool = False


def office_of(status: Status) -> Office:
    """Read the way to the office from edge's condition."""
    oldest = status.ledger.oldest_pending_at
    waiting = oldest is not None and (status.clock.wall - oldest).total_seconds() > WAITING_S
    return Office(pending=status.ledger.pending, waiting=waiting)


def moment_of(line: AnnouncementLine) -> Moment | None:  # noqa: PLR0911 - one for each notice
    """What an announcement alone asks to show; None for one that shows nothing."""
    captured_s = None if line.verdict is None else line.verdict.decided_s
    match line.notice:
        case "attract":
            return Moment(State.ATTRACT)
        case "guidance":
            return Moment(State.GUIDANCE, code=line.coaching or "")
        case "recorded" | "already_recorded" if line.recorded is not None:
            return Moment(
                State(line.notice),
                greeting=line.greeting,
                direction=line.recorded.direction,
                at=_site_time(line.recorded),
                messages=line.messages,
                language=line.language,
                captured_s=captured_s,
            )
        case "not_recognised" if line.detail == "direction_needed":
            return Moment(State.CHOOSE, language=line.language, captured_s=captured_s)
        case "not_recognised" if line.detail == "left":
            return None  # whoever it was does not see it any more
        case "not_recognised":
            outcome = "" if line.verdict is None else line.verdict.outcome
            still = outcome == "not_live" and line.detail == STOOD_STILL  # they can do something about it
            return Moment(State.NOT_RECOGNISED, code=STOOD_STILL if still else outcome, captured_s=captured_s)
        case "several_people":
            return Moment(State.SEVERAL_PEOPLE)
        case "out_of_service" if line.verdict is not None:
            return Moment(State.NOT_STORED, code=line.detail)
        case "out_of_service":
            return Moment(State.OUT_OF_SERVICE, code=line.detail)
    return None


def _site_time(recorded: PunchView) -> datetime:
    return recorded.at.astimezone(timezone(timedelta(seconds=recorded.utc_offset_s)))


class Director:
    """Decides what is shown. Fed with announcements and the time, asked for the moment.

    Args:
        greeting_s: Shortest time that a result stays.
        now_s: Seconds of a steady clock, at the start.
    """

    def __init__(self, *, greeting_s: float, now_s: float) -> None:
        self._greeting_s = greeting_s
        self._standing = Moment(State.STARTING)
        self._gone_since_s: float | None = now_s
        self._result: Moment | None = None
        self._result_since_s = 0.0
        self._person_left = False
        self._guidance: Moment | None = None
        self._identify_until_s = float("-inf")
        self.board: tuple[str, ...] = ()

    def hear(self, line: AnnouncementLine, now_s: float) -> None:
        """Take an announcement into account."""
        self._gone_since_s = None
        if line.notice == "message":
            self.board = line.messages
            return
        if line.notice == "identify":
            self._identify_until_s = now_s + line.seconds
            return
        moment = moment_of(line)
        if moment is None:
            return
        if moment.state is State.GUIDANCE:
            self._guidance = moment
        elif moment.state in {State.ATTRACT, State.OUT_OF_SERVICE}:
            self._standing, self._guidance, self._person_left = moment, None, True
        else:
            self._result, self._result_since_s = moment, now_s
            self._guidance, self._person_left = None, False
            if self._standing.state is not State.ATTRACT:
                self._standing = Moment(State.ATTRACT)  # who is judged is served: what stood before is over

    def alive(self) -> None:
        """Edge lives, whatever it has to say."""
        self._gone_since_s = None

    def gone(self, now_s: float) -> None:
        """Edge does not answer. What it said last does not hold any longer."""
        if self._gone_since_s is None:
            self._gone_since_s = now_s
        self._result = self._guidance = None
        self._standing = Moment(State.STARTING)
        self.board = ()

    def moment(self, now_s: float) -> Moment:
        """What is to be shown now."""
        if self._gone_since_s is not None:
            late = now_s - self._gone_since_s >= STARTING_S
            return Moment(State.OUT_OF_SERVICE, code="edge_gone") if late else Moment(State.STARTING)
        if now_s < self._identify_until_s:
            return Moment(State.IDENTIFY)
        if self._result is not None and self._over(self._result, now_s - self._result_since_s):
            self._result = None
        return replace(self._result or self._guidance or self._standing)

    def _over(self, result: Moment, age_s: float) -> bool:
        if result.state is State.CHOOSE:
            return age_s >= CHOICE_S
        if self._guidance is not None:
            return age_s >= NEXT_PERSON_S
        return self._person_left and age_s >= self._greeting_s
