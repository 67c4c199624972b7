"""Attendance records as CSV that is inert in every spreadsheet (`clockface.spreadsheet`), and as JSON lines.

Pure but for the open text file that it writes to. The columns are described in docs/attendance.md.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TextIO

from clockface.spreadsheet import Value, write_cells


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One attendance record for a list or an export, with the person's data. Never logged.

    Args:
        at: Aware time.
        utc_offset_s: The site's offset from UTC then, seconds.
        clock: How far the clock was trusted: "synchronised", "holdover" or "unsynchronised".
        day: The attendance day.
        shift: Name of the shift, empty outside of any.
        number: The employee number; empty once the person has been removed.
        name: The name; empty once the person has been removed.
        person_id: Random id.
        direction: "in", "out" or "unstated".
        source: Where the direction comes from: "fixed", "chosen", "assumed" or "none".
        method: "face", "badge" or "pin".
        work_code: Empty where there is none.
        epoch: The event's epoch.
        seq: The event's number in its epoch.
        delivered: Whether the office has confirmed it; None if the daemon does not say.
    """

    at: datetime
    utc_offset_s: int
    clock: str
    day: date
    shift: str
    number: str
    name: str
    person_id: str
    direction: str
    source: str
    method: str
    work_code: str
    epoch: str
    seq: int
    delivered: bool | None

    def __repr__(self) -> str:
        return "ExportRow(********)"

    @property
    def local_time(self) -> str:
        """When, by the site's clock, with its offset: "2026-03-02T08:02:11+01:00"."""
        zone = timezone(timedelta(seconds=self.utc_offset_s))
        return self.at.astimezone(zone).isoformat(timespec="seconds")


COLUMNS = (
    "time",
    "clock",
    "day",
    "shift",
    "number",
    "name",
    "direction",
    "direction_source",
    "method",
    "work_code",
    "delivered",
    "person_id",
    "epoch",
    "seq",
)


def as_object(row: ExportRow) -> dict[str, Value]:
    """A record as JSON has it: the columns in order, nothing escaped, None for what is not known."""
    return {
        "time": row.local_time,
        "clock": row.clock,
        "day": row.day.isoformat(),
        "shift": row.shift or None,
        "number": row.number or None,
        "name": row.name or None,
        "direction": row.direction,
        "direction_source": row.source,
        "method": row.method,
        "work_code": row.work_code or None,
        "delivered": row.delivered,
        "person_id": row.person_id,
        "epoch": row.epoch,
        "seq": row.seq,
    }


def write_csv(rows: Iterable[ExportRow], out: TextIO, *, bom: bool = False) -> int:
    """Write RFC 4180 CSV with every text guarded; see `clockface.spreadsheet.write_cells`.

    Returns:
        How many records were written.
    """
    return write_cells(COLUMNS, (as_object(row).values() for row in rows), out, bom=bom)


def write_json_lines(rows: Iterable[ExportRow], out: TextIO) -> int:
    """Write one JSON object a line, UTF-8. Returns how many records were written."""
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  (the last one is the number)
        out.write(json_line(row))
    return count


def json_line(row: ExportRow) -> str:
    """A record as one line of JSON with its line break."""
    return json.dumps(as_object(row), ensure_ascii=False) + "\n"
