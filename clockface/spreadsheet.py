"""CSV that no spreadsheet can be attacked with: every text in it is inert.

A name comes from a staff list that somebody else may have written: "=HYPERLINK(...)" in it would run in the
payroll office's spreadsheet. `guard` makes every such text inert and `unguard` gives it back to the letter;
both are described in docs/attendance.md. After OWASP's "CSV Injection" and CWE-1236. Pure but for the open
text file that it writes to.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

BOM = "\ufeff"
GUARD = "'"
_STARTS_FORMULA = frozenset("=+-@\u2212")  # the last is the minus sign proper; NFKC leaves it as it is
_STARTS_CELL = "\t\r\n"  # OWASP: some spreadsheets drop these and look at what follows
# A program that takes another separator than ours begins a cell after any of these.
_BOUNDARY = re.compile(r"[,;|\t\r\n\"`\v\f\x1c-\x1e\x85\u2028\u2029]")

Value = str | int | float | bool | None


def write_cells(
    columns: Sequence[str], rows: Iterable[Iterable[Value]], out: TextIO, *, bom: bool = False
) -> int:
    """Write RFC 4180 CSV: a header, every cell quoted, CRLF, each text guarded.

    Args:
        columns: The header.
        rows: Read one at a time.
        out: Opened as UTF-8 with `newline=""`.
        bom: Begin with a byte order mark, without which Excel takes UTF-8 for something else.

    Returns:
        How many rows were written.
    """
    if bom:
        out.write(BOM)
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  (the last one is the number)
        writer.writerow([guard(_cell(value)) for value in row])
    return count


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
