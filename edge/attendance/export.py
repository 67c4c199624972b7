"""Attendance records as CSV that no spreadsheet can be attacked with, and as JSON lines.

A name comes from a staff list that somebody else may have written: "=HYPERLINK(...)" in it would run in the
payroll office's spreadsheet. `guard` makes every such text inert and `unguard` gives it back to the letter;
both are described in docs/attendance.md. After OWASP's "CSV Injection" and CWE-1236. Pure but for the open
text file that it writes to.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TextIO

BOM = "\ufeff"
GUARD = "'"
_STARTS_FORMULA = frozenset("=+-@\u2212")  # the last is the minus sign proper; NFKC leaves it as it is
_STARTS_CELL = "\t\r\n"  # OWASP: some spreadsheets drop these and look at what follows
# A program that takes another separator than ours begins a cell after any of these.
_BOUNDARY = re.compile(r"[,;|\t\r\n\"`\v\f\x1c-\x1e\x85\u2028\u2029]")


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


Value = str | int | bool | None


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
    """Write RFC 4180 CSV: a header, every cell quoted, CRLF, each text guarded.

    Args:
        rows: Read one at a time.
        out: Opened as UTF-8 with `newline=""`.
        bom: Begin with a byte order mark, without which Excel takes UTF-8 for something else.

    Returns:
        How many records were written.
    """
    if bom:
        out.write(BOM)
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  (the last one is the number)
        writer.writerow([guard(_cell(value)) for value in as_object(row).values()])
    return count


def write_json_lines(rows: Iterable[ExportRow], out: TextIO) -> int:
    """Write one JSON object a line, UTF-8. Returns how many records were written."""
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  (the last one is the number)
        out.write(json_line(row))
    return count


def json_line(row: ExportRow) -> str:
    """A record as one line of JSON with its line break."""
    return json.dumps(as_object(row), ensure_ascii=False) + "\n"


def _cell(value: Value, /) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def guard(text: str) -> str:
    """Make a text inert in a spreadsheet.

    A text, and each part of it after a character that some program takes for the end of a cell, is looked at:
    if it begins (blanks and invisible characters aside) with = + - @ or what Unicode holds equal to them, or
    with a tab or a line break, or with an apostrophe, an apostrophe goes before it. Then it is no formula.
    """
    return "".join(GUARD + part if _wants_guard(part) else part for part in _parts(text))


def unguard(cell: str) -> str:
    """Undo `guard`: `unguard(guard(text)) == text` for every text."""
    return "".join(part.removeprefix(GUARD) for part in _parts(cell))


def _parts(text: str) -> Iterator[str]:
    """Cut after every boundary character; the parts joined are the text."""
    begin = 0
    for boundary in _BOUNDARY.finditer(text):
        yield text[begin : boundary.end()]
        begin = boundary.end()
    yield text[begin:]


def _wants_guard(part: str) -> bool:
    if part.startswith((GUARD, *_STARTS_CELL)):
        return True
    for character in part:
        if unicodedata.category(character)[0] in "ZC":  # blanks, controls and invisible marks
            continue
        return unicodedata.normalize("NFKC", character)[:1] in _STARTS_FORMULA
    return False
