"""What the attendance tests have in common: instants, punches and strategies."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from edge.types.clock import ClockTrust, Instant
from edge.types.identity import PersonId
from edge.types.punches import Direction, DirectionSource, Method, Punch

ANNA = PersonId("a" * 32)
BERT = PersonId("b" * 32)
MADRID = ZoneInfo("Europe/Madrid")
ZONES = tuple(
    ZoneInfo(name)
    for name in (
        "Europe/Madrid",
        "America/New_York",
        "Australia/Lord_Howe",  # half an hour of daylight saving
        "Asia/Kolkata",  # none, and half an hour beside the hour
        "Pacific/Apia",  # skipped 30 December 2011
        "Africa/Casablanca",  # four changes a year
        "America/Havana",  # begins summer time at midnight, which is left out
        "America/St_Johns",  # until 2011 put back at 00:01, so that a date came back for an hour
        "UTC",
    )
)


def moment(text: str, zone: ZoneInfo = MADRID, *, fold: int = 0) -> datetime:
    """Read a local time of a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def instant(
    wall: datetime,
    *,
    boot: str = "boot-1",
    boottime_s: float = 5000.0,
    trust: ClockTrust = ClockTrust.SYNCHRONISED,
) -> Instant:
    return Instant(wall=wall, utc_offset_s=0, boot_id=boot, boottime_s=boottime_s, trust=trust)


def punch(
    at: Instant,
    direction: Direction = Direction.IN,
    *,
    day: date | None = None,
    work_code: str | None = None,
    person: PersonId = ANNA,
) -> Punch:
    return Punch(
        person_id=person,
        at=at,
        direction=direction,
        source=DirectionSource.NONE if direction is Direction.UNSTATED else DirectionSource.CHOSEN,
        method=Method.PIN,
        day=day or at.wall.date(),
        work_code=work_code,
    )


walls = st.datetimes(min_value=datetime(2009, 1, 1), max_value=datetime(2038, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC, microsecond=0)
)
zones = st.sampled_from(ZONES)
trusts = st.sampled_from(ClockTrust)
directions = st.sampled_from(Direction)
instants = st.builds(
    Instant,
    wall=walls,
    utc_offset_s=st.just(0),
    boot_id=st.sampled_from(["boot-1", "boot-2", "boot-3"]),
    boottime_s=st.floats(min_value=0, max_value=10_000_000),
    trust=trusts,
)


def offset_changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """Find the moments of a year at which a zone's offset changes, to the minute, by looking at each."""
    found = []
    here = datetime(year, 1, 1, tzinfo=UTC)
    while here.year == year:
        there = here + timedelta(hours=6)
        if here.astimezone(zone).utcoffset() != there.astimezone(zone).utcoffset():
            step = here
            while step.astimezone(zone).utcoffset() == here.astimezone(zone).utcoffset():
                step += timedelta(minutes=1)
            found.append(step)
        here = there
    return found
