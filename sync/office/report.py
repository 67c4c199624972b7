"""A sheet as people read it: employee numbers and names, local times, hours, marks, totals.

Pure. Somebody who was removed stands there by random id. Personal data: rows are printed or written, never
logged. Hours are cut to whole minutes for show; totals are of the seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sync.office.periods import Difference, Figure
from sync.office.timesheet import Employee

DAY_COLUMNS = ("day", "number", "name", "department", "first_in", "last_out", "hours", "marks")
TOTAL_COLUMNS = ("number", "name", "department", "days", "hours", "marks")
LATE_COLUMNS = ("day", "number", "name", "closed_hours", "hours_today", "difference", "marks")


def day_rows(
    figures: Iterable[Figure], *, people: Mapping[str, Employee], zone: ZoneInfo
) -> list[dict[str, Any]]:
    """A row for each person and day."""
    return [
        {
            "day": each.day.day.isoformat(),
            **identity(each.day.person, people),
            "first_in": clock_time(each.day.first_in, each.day.day, zone),
            "last_out": clock_time(each.day.last_out, each.day.day, zone),
            "hours": hours(each.day.worked_s),
            "marks": marks(each),
            "worked_s": each.day.worked_s,
            "first_in_at": _iso(each.day.first_in, zone),
            "last_out_at": _iso(each.day.last_out, zone),
            "stays": [
                {
                    "in": None if stay.began is None else _iso(stay.began.at, zone),
                    "out": None if stay.ended is None else _iso(stay.ended.at, zone),
                    "in_event": None if stay.began is None else stay.began.key,
                    "out_event": None if stay.ended is None else stay.ended.key,
                }
                for stay in each.day.stays
            ],
            "time_zone": zone.key,
            "closed": each.closed,
        }
        for each in figures
    ]


def total_rows(figures: Iterable[Figure], *, people: Mapping[str, Employee]) -> list[dict[str, Any]]:
    """A row for each person, by employee number; last the sum, if there is anybody."""
    by_person: dict[str, list[Figure]] = {}
    for each in figures:
        by_person.setdefault(each.day.person, []).append(each)
    rows = [_total(identity(person, people), theirs) for person, theirs in by_person.items()]
    rows.sort(key=lambda row: (row["number"], row["person"]))
    everybody = [each for theirs in by_person.values() for each in theirs]
    if everybody:
        rows.append(_total({"number": "total", "name": None, "department": None, "person": None}, everybody))
    return rows


def _total(who: Mapping[str, Any], theirs: Sequence[Figure]) -> dict[str, Any]:
    worked = sum(each.day.worked_s for each in theirs)
    counted: dict[str, int] = {}
    for each in theirs:
        for mark in marks(each):
            counted[mark] = counted.get(mark, 0) + 1
    return {
        **who,
        "days": len(theirs),
        "hours": hours(worked),
        "marks": [f"{mark} {number}" for mark, number in sorted(counted.items())],
        "worked_s": worked,
    }


def late_rows(late: Iterable[Difference], *, people: Mapping[str, Employee]) -> list[dict[str, Any]]:
    """A row for each person's day that came to be different after its period was closed."""
    return [
        {
            "day": each.day.isoformat(),
            **identity(each.person, people),
            "closed_hours": None if each.closed is None else hours(each.closed.worked_s),
            "hours_today": None if each.today is None else hours(each.today.worked_s),
            "difference": hours(each.seconds),
            "marks": [] if each.today is None else [flag.value for flag in each.today.flags],
            "difference_s": each.seconds,
        }
        for each in late
    ]


def identity(person: str, people: Mapping[str, Employee]) -> dict[str, Any]:
    """Who a random id is; of somebody who was removed, or never told to the office, the id itself."""
    known = people.get(person)
    if known is None or known.number is None:
        return {"number": person, "name": None, "department": None, "person": person}
    return {"number": known.number, "name": known.name, "department": known.department, "person": person}


def marks(figure: Figure) -> list[str]:
    """What a reader must know of a day."""
    said = [flag.value for flag in figure.day.flags]
    return said + ["closed"] * figure.closed + ["lost_events"] * figure.lost


def hours(seconds: int) -> str:
    """Seconds as h:mm."""
    minutes = abs(seconds) // 60
    return f"{'-' if seconds <= -60 else ''}{minutes // 60}:{minutes % 60:02d}"


def clock_time(moment: datetime | None, day: date, zone: ZoneInfo) -> str | None:
    """Local time to the minute; with the days in between if it is another day's."""
    if moment is None:
        return None
    local = moment.astimezone(zone)
    later = (local.date() - day).days
    return local.strftime("%H:%M") + (f" ({later:+d}d)" if later else "")


def _iso(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).isoformat(timespec="seconds")
