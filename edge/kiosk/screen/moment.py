"""What the screen shows at a moment, decided from what edge announces and from the time that has passed. Pure.

Only an announcement that carries a committed record becomes a confirmation. A result stays its least time and
until its person has left; a person who comes next is guided soon after; a question for a PIN stands under
results until it is answered, cancelled or over; what edge cannot say (it is away) is said for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from edge.api.protocol.punches import PunchView
from edge.api.protocol.stage import AnnouncementLine
from edge.api.protocol.status import Status

NEXT_PERSON_S: Final = 2.0  # a result yields to the guidance of whoever comes next, but not at once
CHOICE_S: Final = 14.0  # edge waits 10 s for an answer, and then records without one
STARTING_S: Final = 60.0  # a daemon that starts is back by then; later it is a fault
STOOD_STILL: Final = "stood_still"  # edge's reason for a face that hardly moved
CHOSEN_S: Final = 15.0  # so long edge keeps a choice for whoever is recognised next
VISITOR_S: Final = 60.0  # a language that somebody touched goes so long after the last touch
BRIEF_S: Final = 6.0  # a result without a face before the camera: nobody is seen to leave
LOCKED_S: Final = 20.0  # how long a lock-out is shown to people who do not try
TAKEN_S: Final = 2.0  # from an accepted PIN to the record's announcement
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
    ENTER_PIN = "enter_pin"
    BADGE_REFUSED = "badge_refused"
    VOIDED = "voided"
    ASLEEP = "asleep"


OFFERING: Final = frozenset(  # announcements that say which other ways in there are
    {"attract", "guidance", "not_recognised", "several_people", "out_of_service", "badge_refused", "voided"}
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question for a PIN or code that stands.

    Args:
        prompt_id: Names it to edge.
        asks: "pin" or "code".
        until_s: When edge stops waiting, by our clock.
        length_s: How long it waits each time.
        wrong: How often the answer did not fit.
    """

    prompt_id: str
    asks: str
    until_s: float
    length_s: float
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose before being recognised."""

    direction: str | None = None
    work_code: str | None = None


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
        question: For ENTER_PIN.
        until_s: For BADGE_REFUSED: when the next try is heard, by our clock.
        record: (epoch, seq) of a committed record, by which its person may speak of it.
        may_disown: Whether they may still say that it was not them.
        may_ask: Whether they may still say that an earlier record is missing.
        ways: What this kiosk offers besides the face.
        chosen: What waits for whoever is recognised next.
    """

    state: State
    code: str = ""
    greeting: str | None = None
    direction: str = ""
    at: datetime | None = None
    messages: tuple[str, ...] = ()
    language: str = ""
    captured_s: float | None = None
    question: Question | None = None
    until_s: float | None = None
    record: tuple[str, int] | None = None
    may_disown: bool = False
    may_ask: bool = False
    ways: tuple[str, ...] = ()
    chosen: Choice | None = None

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


def moment_of(line: AnnouncementLine) -> Moment | None:  # noqa: PLR0911, C901 - one for each notice
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
                record=(line.recorded.epoch, line.recorded.seq),
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
        case "badge_refused":
            return Moment(State.BADGE_REFUSED, code="pin_wait" if line.seconds else line.detail)
        case "voided":
            return Moment(State.VOIDED)
    return None


def _site_time(recorded: PunchView) -> datetime:
    return recorded.at.astimezone(timezone(timedelta(seconds=recorded.utc_offset_s)))
