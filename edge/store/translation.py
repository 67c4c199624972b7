"""Between the kiosk's values and the wire's: a punch becomes an event's body, and comes back as it was.

Pure. Times keep microseconds and scores millionths, on the wire as integers; `settled` is a punch as it will
read back, so that what was confirmed and what is listed are equal.
"""

import dataclasses
from datetime import UTC, date, datetime, timedelta

from edge.types.clock import ClockTrust, Instant
from edge.types.identity import ModelHash, PersonId
from edge.types.punches import Direction, DirectionSource, EventId, Method, Punch
from sync.wire.events import AttendanceData, AttendanceRecorded, ClockReading
from sync.wire.fields import EventPoint

MICRO = 1_000_000
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def clock_reading(at: Instant) -> ClockReading:
    """All clocks of an instant but the wall time, for the wire."""
    return ClockReading(
        trust=at.trust.value,
        utc_offset_s=at.utc_offset_s,
        boot_id=at.boot_id,
        boottime_us=round(at.boottime_s * MICRO),
    )


def instant(wall: datetime, reading: ClockReading) -> Instant:
    """An instant from an event's time and clock."""
    return Instant(
        wall=wall,
        utc_offset_s=reading.utc_offset_s,
        boot_id=reading.boot_id,
        boottime_s=reading.boottime_us / MICRO,
        trust=ClockTrust(reading.trust),
    )


def point_of(event: EventId) -> EventPoint:
    """An event's identity within its device, for the wire."""
    return EventPoint(epoch=event.epoch, seq=event.seq, hash=event.hash)


def attendance(punch: Punch) -> AttendanceData:
    """A punch as an event's body.

    Raises:
        ValueError: The punch holds something that the wire cannot carry.
    """
    score = punch.score
    return AttendanceData(
        clock=clock_reading(punch.at),
        person=punch.person_id,
        direction=punch.direction.value,
        direction_source=punch.source.value,
        method=punch.method.value,
        day=punch.day.isoformat(),
        work_code=punch.work_code,
        # A cosine of two float32 vectors may be over 1 by rounding.
        score_millionths=None if score is None else max(-MICRO, min(MICRO, round(score * MICRO))),
        model=punch.model_hash,
    )


def punch_of(event: AttendanceRecorded) -> Punch:
    """The punch behind an event."""
    data = event.data
    return Punch(
        person_id=PersonId(data.person),
        at=instant(event.at, data.clock),
        direction=Direction(data.direction),
        source=DirectionSource(data.direction_source),
        method=Method(data.method),
        day=date.fromisoformat(data.day),
        work_code=data.work_code,
        score=None if data.score_millionths is None else data.score_millionths / MICRO,
        model_hash=None if data.model is None else ModelHash(data.model),
    )


def settled(punch: Punch) -> Punch:
    """The punch as it reads back from the ledger: UTC, microseconds, millionths.

    Raises:
        ValueError: The punch holds something that the wire cannot carry.
    """
    data = attendance(punch)
    return dataclasses.replace(
        punch,
        at=instant(punch.at.wall.astimezone(UTC), data.clock),
        score=None if data.score_millionths is None else data.score_millionths / MICRO,
    )


def utc_day(moment: datetime) -> int:
    """Days since 1970-01-01 in UTC: all that the ledger keeps of a punch's time in the clear."""
    return (moment.astimezone(UTC) - UNIX_EPOCH).days


def unix_us(moment: datetime) -> int:
    """Microseconds since 1970-01-01 in UTC, exactly."""
    return (moment.astimezone(UTC) - UNIX_EPOCH) // timedelta(microseconds=1)


def from_unix_us(microseconds: int) -> datetime:
    """The aware UTC time behind `unix_us`."""
    return UNIX_EPOCH + timedelta(microseconds=microseconds)
