"""From events to attendance: direction over all kiosks of a site, first in, last out, hours, what is missing.

A kiosk knows only itself, so what it assumed or left open is derived here; what was fixed or chosen stands.
Events are never changed: corrections that somebody approved are applied to a copy. Pure: records, rules and now
in, days out. Trust boundary: records come from the office's database, where each event was verified; a time
whose clock nobody vouches for is marked, never guessed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

US_PER_S = 1_000_000


class Direction(StrEnum):
    """Which way somebody went."""

    IN = "in"
    OUT = "out"


class Flag(StrEnum):
    """What a reader of a day must know."""

    MISSING_IN = "missing_in"
    MISSING_OUT = "missing_out"
    STILL_IN = "still_in"
    UNTRUSTED_CLOCK = "untrusted_clock"
    CLOCK_CORRECTED = "clock_corrected"
    CORRECTED = "corrected"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a site reads its events.

    Args:
        zone: The site's time zone.
        day_starts: Local time at which a day begins, for events that bear no day of their own.
        open_for_s: An in this old without an out is never closed by a later record, seconds.
        repeat_s: A record so soon after the person's last one, at any kiosk, is the same one again, seconds.
        holidays: The site's public holidays.
    """

    zone: ZoneInfo
    day_starts: time = time(4, 0)
    open_for_s: int = 57_600
    repeat_s: int = 60
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Record:
    """An attendance event as it counts.

    Args:
        key: The event's row at the office; None for one that a correction added.
        person: Random id.
        at: True time as far as known, aware UTC.
        day: The attendance day that the device gave; None derives it from `at`.
        stated: The direction, if a kiosk's setting, the person or a correction says it.
        device: Which kiosk; empty for an added one.
        trusted: Whether somebody vouches for `at`: the device's clock, or a correction.
        clock_corrected: Whether the device corrected the time later.
        corrected: Whether a correction of the office made or changed it.
        method: face, badge or pin; empty for an added one.
    """

    key: int | None
    person: str
    at: datetime
    day: date | None
    stated: Direction | None
    device: str = ""
    trusted: bool = True
    clock_corrected: bool = False
    corrected: bool = False
    method: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """An in and its out; one of the two may be missing."""

    began: Record | None
    ended: Record | None

    @property
    def seconds(self) -> int:
        """Whole seconds of presence; 0 while an end is missing."""
        if self.began is None or self.ended is None:
            return 0
        return max(0, int((self.ended.at - self.began.at).total_seconds()))


@dataclass(frozen=True, slots=True)
class PersonDay:
    """One person's day.

    Args:
        person: Random id.
        day: The day on which its stays began.
        stays: In order.
        flags: What a reader must know, sorted.
    """

    person: str
    day: date
    stays: tuple[Stay, ...]
    flags: tuple[Flag, ...] = ()

    @property
    def first_in(self) -> datetime | None:
        """The first arrival, aware UTC."""
        return min((stay.began.at for stay in self.stays if stay.began), default=None)

    @property
    def last_out(self) -> datetime | None:
        """The last departure, aware UTC."""
        return max((stay.ended.at for stay in self.stays if stay.ended), default=None)

    @property
    def worked_s(self) -> int:
        """Seconds between each in and its out."""
        return sum(stay.seconds for stay in self.stays)


def local_day(at: datetime, rules: Rules) -> date:
    """The attendance day of a moment by the site's day boundary alone."""
    local = at.astimezone(rules.zone)
    return local.date() if local.time() >= rules.day_starts else local.date() - timedelta(days=1)


def days_of(records: Iterable[Record], *, rules: Rules, now: datetime) -> list[PersonDay]:
    """Derive the days of any number of people, ordered by day and person.

    Args:
        records: Effective records, in any order; they must reach `open_for_s` back beyond the first day asked
            for, or its first out has no in.
        rules: The site's.
        now: Aware; what is open and not older than `open_for_s` is still in.
    """
    by_person: dict[str, list[Record]] = {}
    for record in records:
        by_person.setdefault(record.person, []).append(record)
    days: list[PersonDay] = []
    for person, theirs in by_person.items():
        days += _days_of_one(person, sorted(theirs, key=_in_order), rules=rules, now=now)
    return sorted(days, key=lambda each: (each.day, each.person))


def _in_order(record: Record) -> tuple[datetime, int]:
    return record.at, record.key if record.key is not None else 2**62


@dataclass(slots=True)
class _Walk:
    """One person's records, taken in order: who is in, and the stays so far."""

    rules: Rules
    stays: list[tuple[date, Stay]] = field(default_factory=list)
    inside: Record | None = None
    last: Record | None = None
    last_way: Direction | None = None

    def take(self, record: Record) -> None:
        if self._repeats(record):
            return
        way = record.stated or self._derived(record)
        if way is Direction.IN:
            self.leave_open()
            self.inside = record
        elif self.inside is not None and not self._stale(record):
            self.stays.append((self._day(self.inside), Stay(self.inside, record)))
            self.inside = None
        else:
            self.leave_open()
            self.stays.append((self._day(record), Stay(None, record)))
        self.last, self.last_way = record, way

    def leave_open(self) -> None:
        """Whoever came in has not gone out as far as we know."""
        if self.inside is not None:
            self.stays.append((self._day(self.inside), Stay(self.inside, None)))
            self.inside = None

    def _repeats(self, record: Record) -> bool:
        if self.last is None or record.corrected or self.last.corrected:
            return False
        soon = (record.at - self.last.at).total_seconds() < self.rules.repeat_s
        return soon and (record.stated is None or record.stated is self.last_way)

    def _derived(self, record: Record) -> Direction:
        return Direction.OUT if self.inside is not None and not self._stale(record) else Direction.IN

    def _stale(self, record: Record) -> bool:
        if self.inside is None:
            return True
        return (record.at - self.inside.at).total_seconds() >= self.rules.open_for_s

    def _day(self, record: Record) -> date:
        return record.day if record.day is not None else local_day(record.at, self.rules)


def _days_of_one(person: str, records: Sequence[Record], *, rules: Rules, now: datetime) -> list[PersonDay]:
    walk = _Walk(rules)
    for record in records:
        walk.take(record)
    still_in = walk.inside
    walk.leave_open()
    stays: dict[date, list[Stay]] = {}
    for day, stay in walk.stays:
        stays.setdefault(day, []).append(stay)
    return [
        PersonDay(person, day, tuple(theirs), _flags(day, theirs, still_in, rules=rules, now=now))
        for day, theirs in stays.items()
    ]


def _flags(
    day: date, stays: Sequence[Stay], still_in: Record | None, *, rules: Rules, now: datetime
) -> tuple[Flag, ...]:
    found: set[Flag] = {Flag.HOLIDAY} if day in rules.holidays else set()
    for stay in stays:
        if stay.began is None:
            found.add(Flag.MISSING_IN)
        elif stay.ended is None:
            fresh = (now - stay.began.at).total_seconds() < rules.open_for_s
            found.add(Flag.STILL_IN if stay.began is still_in and fresh else Flag.MISSING_OUT)
        for record in (stay.began, stay.ended):
            if record is not None:
                found |= _marks(record)
    return tuple(sorted(found))


def _marks(record: Record) -> set[Flag]:
    marks = set()
    if not record.trusted:
        marks.add(Flag.UNTRUSTED_CLOCK)
    if record.clock_corrected:
        marks.add(Flag.CLOCK_CORRECTED)
    if record.corrected:
        marks.add(Flag.CORRECTED)
    return marks


class CorrectionKind(StrEnum):
    """What an approved correction does."""

    VOID_EVENT = "void_event"
    ADD_EVENT = "add_event"
    CHANGE_DIRECTION = "change_direction"
    CHANGE_TIME = "change_time"


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction that somebody approved.

    Args:
        kind: What it does.
        person: Whose record it is.
        key: The event's row that it speaks of; None for one that it adds.
        at: The time of an added or moved record, aware UTC.
        direction: Of an added or changed record.
    """

    kind: CorrectionKind
    person: str
    key: int | None = None
    at: datetime | None = None
    direction: Direction | None = None


def corrected(records: Iterable[Record], corrections: Sequence[Correction]) -> list[Record]:
    """Apply approved corrections in the order of their approval; the records given stay as they are."""
    by_key: dict[int | None, Record] = {}
    added: list[Record] = []
    for record in records:
        by_key[record.key] = record
    for each in corrections:
        if each.kind is CorrectionKind.ADD_EVENT:
            added.append(_added(each))
            continue
        target = by_key.get(each.key)
        if target is None or target.person != each.person:
            continue
        if each.kind is CorrectionKind.VOID_EVENT:
            del by_key[each.key]
        else:
            by_key[each.key] = _changed(target, each)
    return [*by_key.values(), *added]


def _added(correction: Correction) -> Record:
    if correction.at is None:
        raise ValueError("a correction that adds a record needs its time")
    return Record(
        key=None,
        person=correction.person,
        at=correction.at.astimezone(UTC),
        day=None,
        stated=correction.direction,
        corrected=True,
    )


def _changed(record: Record, correction: Correction) -> Record:
    if correction.kind is CorrectionKind.CHANGE_TIME and correction.at is not None:
        return replace(record, at=correction.at.astimezone(UTC), day=None, trusted=True, corrected=True)
    return replace(record, stated=correction.direction or record.stated, corrected=True)
