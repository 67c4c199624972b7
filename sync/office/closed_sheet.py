"""A closed period's sheet as it is stored: JSON with sorted keys, whose hash the audit keeps.

Pure. What was written reads back equal, in later versions too: a closed sheet is never written anew.
"""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from sync.office.attendance import Direction, Flag, PersonDay, Record, Rules, Stay
from sync.office.timesheet import from_us, to_us

KIND = "clockface.closed-sheet.v1"


def written(days: Iterable[PersonDay], *, site: str, first: date, last: date, rules: Rules) -> str:
    """A sheet as it is stored: JSON with sorted keys, ASCII."""
    body = {
        "kind": KIND,
        "site": site,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "time_zone": rules.zone.key,
        "days": [_day_as_json(day) for day in days],
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def read(body: str) -> list[PersonDay]:
    """The days of a stored sheet, equal to those that were written."""
    return [_day_from_json(day) for day in json.loads(body)["days"]]


def _day_as_json(day: PersonDay) -> dict[str, Any]:
    return {
        "person": day.person,
        "day": day.day.isoformat(),
        "flags": list(day.flags),
        "stays": [[_record_as_json(stay.began), _record_as_json(stay.ended)] for stay in day.stays],
    }


def _record_as_json(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "key": record.key,
        "at_us": to_us(record.at),
        "day": None if record.day is None else record.day.isoformat(),
        "stated": record.stated,
        "device": record.device,
        "trusted": record.trusted,
        "clock_corrected": record.clock_corrected,
        "corrected": record.corrected,
        "method": record.method,
    }


def _day_from_json(day: dict[str, Any]) -> PersonDay:
    person = day["person"]
    return PersonDay(
        person=person,
        day=date.fromisoformat(day["day"]),
        stays=tuple(
            Stay(_record_from_json(began, person), _record_from_json(ended, person))
            for began, ended in day["stays"]
        ),
        flags=tuple(Flag(flag) for flag in day["flags"]),
    )


def _record_from_json(record: dict[str, Any] | None, person: str) -> Record | None:
    if record is None:
        return None
    return Record(
        key=record["key"],
        person=person,
        at=from_us(record["at_us"]),
        day=None if record["day"] is None else date.fromisoformat(record["day"]),
        stated=None if record["stated"] is None else Direction(record["stated"]),
        device=record["device"],
        trusted=record["trusted"],
        clock_corrected=record["clock_corrected"],
        corrected=record["corrected"],
        method=record["method"],
    )
