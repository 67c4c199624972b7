"""Announcements as the daemon makes them, for states that no recording shows at will."""

from datetime import UTC, date, datetime

from edge.types.announcements import Announcement, Notice, Prompt
from edge.types.clock import ClockTrust, Instant
from edge.types.faces import Coaching
from edge.types.identity import DeviceId, EpochId, PersonId
from edge.types.punches import Direction, DirectionSource, EventId, Method, Punch, RecordedPunch
from edge.types.verdicts import Outcome, Verdict

AT = datetime(2026, 3, 2, 7, 2, tzinfo=UTC)


WAYS = ("badge", "pin")
PROMPT = "5a" * 16


def attract(*, ways: tuple[str, ...] = WAYS) -> Announcement:
    return Announcement(Notice.ATTRACT, ways=ways)


def guidance(coaching: Coaching) -> Announcement:
    return Announcement(Notice.GUIDANCE, coaching=coaching, ways=WAYS)


def enter_pin(prompt_id: str = PROMPT, *, asks: str = "pin", seconds: int = 30) -> Announcement:
    return Announcement(Notice.ENTER_PIN, prompt=Prompt(prompt_id, asks), seconds=seconds)


def badge_refused(detail: str = "badge_not_accepted", *, seconds: int = 0) -> Announcement:
    return Announcement(Notice.BADGE_REFUSED, detail=detail, seconds=seconds, ways=WAYS)


def voided() -> Announcement:
    return Announcement(Notice.VOIDED, ways=WAYS)


def verdict(outcome: Outcome = Outcome.RECOGNISED) -> Verdict:
    return Verdict(outcome, decided_s=12.5)


def committed(direction: str = "in") -> RecordedPunch:
    at = Instant(AT, utc_offset_s=3600, boot_id="0" * 32, boottime_s=12.6, trust=ClockTrust.SYNCHRONISED)
    punch = Punch(
        PersonId("ab" * 16), at, Direction(direction), DirectionSource.ASSUMED, Method.FACE, date(2026, 3, 2)
    )
    return RecordedPunch(EventId(DeviceId("kiosk"), EpochId("000001-9f86d081884c7d65"), 7, "cd" * 32), punch)


def recorded(
    greeting: str | None,
    direction: str = "in",
    *,
    messages: tuple[str, ...] = (),
    again: bool = False,
    language: str = "",
    prompt: str | None = None,
) -> Announcement:
    return Announcement(
        Notice.ALREADY_RECORDED if again else Notice.RECORDED,
        verdict=verdict(),
        recorded=committed(direction),
        greeting=greeting,
        messages=messages,
        language=language,
        not_me_s=0 if again else 15,
        correction_s=0 if again else 60,
        prompt=None if prompt is None else Prompt(prompt, "pin"),
    )


def refused(outcome: Outcome = Outcome.UNKNOWN, detail: str = "below_threshold") -> Announcement:
    return Announcement(Notice.NOT_RECOGNISED, verdict=verdict(outcome), detail=detail, ways=WAYS)


def choose() -> Announcement:
    return refused(Outcome.RECOGNISED, "direction_needed")


def several() -> Announcement:
    return Announcement(Notice.SEVERAL_PEOPLE, verdict=verdict(Outcome.SEVERAL_PEOPLE))


def out(detail: str) -> Announcement:
    return Announcement(Notice.OUT_OF_SERVICE, detail=detail, ways=() if detail == "office" else WAYS)


def not_stored(detail: str = "LedgerDiskFull") -> Announcement:
    return Announcement(Notice.OUT_OF_SERVICE, verdict=verdict(), detail=detail)


def message(*texts: str) -> Announcement:
    return Announcement(Notice.MESSAGE, messages=texts)


def identify(seconds: int) -> Announcement:
    return Announcement(Notice.IDENTIFY, seconds=seconds)
