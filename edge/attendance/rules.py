"""From "this is that person" to an attendance record, a repeat, or a refusal with its reason.

The one entrance to the attendance rules. Pure: identification, time, last record and settings in, decision out;
the caller commits a `Record`'s punch to the ledger before anybody is told.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from edge.attendance.days import attendance_day
from edge.attendance.direction import DirectionProblem, direct
from edge.attendance.elapsed import elapsed
from edge.attendance.repeat import is_repeat
from edge.attendance.work_codes import is_offered
from edge.config.attendance import AttendanceConfig
from edge.errors import AttendanceError
from edge.types.clock import ClockTrust, Instant
from edge.types.identity import ModelHash, PersonId
from edge.types.punches import Direction, Method, Punch
from edge.types.verdicts import Outcome, Verdict

CLOCK_SET_S = 60.0  # NTP slews smaller errors, and no day is decided by a minute


@dataclass(frozen=True, slots=True)
class Identification:
    """Who stands here, by whichever of the equal paths.

    Args:
        person_id: Who.
        method: Face, badge or PIN.
        score: Cosine of the match, for FACE.
        model_hash: The chain that matched, for FACE.
    """

    person_id: PersonId
    method: Method
    score: float | None = None
    model_hash: ModelHash | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """What the person asked for on the screen.

    Args:
        direction: IN or OUT; UNSTATED if asked without an answer; None if not asked.
        work_code: One of the site's codes, or None.
    """

    direction: Direction | None = None
    work_code: str | None = None


NO_INTENT = Intent()


class RefusalReason(StrEnum):
    """Why nothing is recorded."""

    NOT_RECOGNISED = "not_recognised"
    DIRECTION_NEEDED = "direction_needed"  # ask on the screen, then decide again with the answer
    DIRECTION_NOT_OFFERED = "direction_not_offered"
    WORK_CODE_NOT_OFFERED = "work_code_not_offered"


@dataclass(frozen=True, slots=True)
class Record:
    """Commit this punch, then say so."""

    punch: Punch


@dataclass(frozen=True, slots=True)
class Repeat:
    """The person is recorded already; say when. `of` is that record."""

    of: Punch


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is recorded, and why."""

    reason: RefusalReason


Ruling = Record | Repeat | Refused


def identified(verdict: Verdict) -> Identification | None:
    """Turn a verdict of the pipeline into an identification; None unless it recognised somebody."""
    if verdict.outcome is not Outcome.RECOGNISED or verdict.person_id is None:
        return None
    return Identification(
        person_id=verdict.person_id, method=Method.FACE, score=verdict.score, model_hash=verdict.model_hash
    )


def decide(
    who: Verdict | Identification,
    *,
    at: Instant,
    last: Punch | None,
    config: AttendanceConfig,
    zone: ZoneInfo,
    intent: Intent = NO_INTENT,
) -> Ruling:
    """Decide what to do about a person who was identified.

    Args:
        who: A verdict of the pipeline, or an identification by badge or PIN.
        at: Now, by all clocks.
        last: The person's last record on this kiosk, if any.
        config: The site's rules.
        zone: The site's time zone.
        intent: What the person asked for on the screen.

    Raises:
        AttendanceError: `last` is another person's, or `at` lies outside the years 1970 to 8999.
    """
    person = identified(who) if isinstance(who, Verdict) else who
    if person is None:
        return Refused(RefusalReason.NOT_RECOGNISED)
    if last is not None and last.person_id != person.person_id:
        raise AttendanceError("the last record given to the attendance rules belongs to another person")
    if not is_offered(intent.work_code, config):
        return Refused(RefusalReason.WORK_CODE_NOT_OFFERED)
    if last is not None and is_repeat(
        last, at, repeat_s=config.repeat_s, chosen=intent.direction, work_code=intent.work_code
    ):
        return Repeat(of=last)
    return _record(person, at=at, last=last, config=config, zone=zone, intent=intent)


def _record(
    who: Identification,
    *,
    at: Instant,
    last: Punch | None,
    config: AttendanceConfig,
    zone: ZoneInfo,
    intent: Intent,
) -> Record | Refused:
    today = attendance_day(at.wall, direction=Direction.IN, config=config, zone=zone)
    stated = direct(last, at, today=today, config=config, chosen=intent.direction)
    if isinstance(stated, DirectionProblem):
        return Refused(RefusalReason(stated.value))
    direction, source = stated
    day = None
    if direction is Direction.OUT and last is not None:
        day = _day_of_stay(last, at, config=config, zone=zone)
    if day is None:
        day = attendance_day(at.wall, direction=direction, config=config, zone=zone)
    return Record(
        Punch(
            person_id=who.person_id,
            at=at,
            direction=direction,
            source=source,
            method=who.method,
            day=day,
            work_code=intent.work_code,
            score=who.score,
            model_hash=who.model_hash,
        )
    )


def _day_of_stay(last: Punch, at: Instant, *, config: AttendanceConfig, zone: ZoneInfo) -> date | None:
    """Find the day of the stay that an out at `at` ends, for which its in counts; None if it ends none.

    If the clock was set in between and is trusted now, the in's day was a mistake: it is worked out again from
    the time at which the in really happened, as the ledger's correction will say.
    """
    since = elapsed(last.at, at)
    if last.direction is not Direction.IN or since.at_most_s >= config.open_for_s:
        return None
    was_set = abs(since.shown_s - since.at_most_s) > CLOCK_SET_S
    if not was_set or at.trust is ClockTrust.UNSYNCHRONISED:
        return last.day
    began = at.wall - timedelta(seconds=since.at_most_s)
    return attendance_day(began, direction=Direction.IN, config=config, zone=zone)
