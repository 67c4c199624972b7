"""A file of people for the roster: hostile until each line holds; every mistake is named with its line.

Trust boundary: the file comes from anybody's spreadsheet. Messages name lines and columns, never what stands
there; a text that a spreadsheet had guarded against formulas is read as it was meant.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection, select

from clockface.spreadsheet import BOM, unguard
from sync.office.database import schema
from sync.office.errors import ImportRefused
from sync.wire.roster import PersonDetails

MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_PEOPLE: Final = 20_000
MAX_NAMED: Final = 50  # mistakes in a message
MAX_DEPARTMENT: Final = 100
REQUIRED: Final = ("number", "name")
OPTIONAL: Final = ("department", "greeting", "language")


@dataclass(frozen=True, slots=True)
class Line:
    """One person of a file; what its columns did not give is absent from `values`."""

    line: int
    number: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """What an import does: whom to put with which values."""

    rows: tuple[tuple[str, dict[str, Any]], ...]
    added: int
    changed: int
    same: int


def read_people(raw: bytes, *, where: str) -> list[Line]:
    """Read a CSV file with a header of `number,name` and optionally department, greeting, language.

    Raises:
        ImportRefused: Too large, not UTF-8, not CSV, or mistakes, each with its line.
    """
    if len(raw) > MAX_FILE_BYTES:
        raise ImportRefused(f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB", where=where)
    try:
        text = raw.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ImportRefused(
            f"line {line} is not UTF-8", where=where, next_step="save it as CSV UTF-8 and import it again"
        ) from None
    rows, mistakes = _rows(text, where=where)
    lines = [found for number, row in rows if (found := _line(number, row, mistakes)) is not None]
    _demand_each_once(lines, mistakes)
    if mistakes:
        raise _refused(mistakes, where)
    return lines


def _rows(text: str, *, where: str) -> tuple[list[tuple[int, dict[str, str]]], list[tuple[int, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    mistakes: list[tuple[int, str]] = []
    header: list[str] = []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _demand_header(header, where=where)
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(header):
                mistakes.append((reader.line_num, f"{len(cells)} columns instead of {len(header)}"))
            else:
                rows.append((reader.line_num, dict(zip(header, map(unguard, cells), strict=True))))
            if len(rows) > MAX_PEOPLE or len(mistakes) > MAX_PEOPLE:
                raise ImportRefused(
                    f"more than {MAX_PEOPLE} lines", where=where, next_step="import it in parts"
                )
    except csv.Error:
        mistakes.append((reader.line_num, "not CSV: a quotation mark that is not closed, or a null character"))
    return rows, mistakes


def _demand_header(header: Sequence[str], *, where: str) -> None:
    wrong = [
        f"column {position}"
        for position, name in enumerate(header, start=1)
        if name not in (*REQUIRED, *OPTIONAL) or name in header[: position - 1]
    ]
    lacking = [name for name in REQUIRED if name not in header]
    if wrong or lacking:
        raise ImportRefused(
            f"line 1 must name the columns {', '.join(REQUIRED)} and may name {', '.join(OPTIONAL)}; "
            f"unknown or twice: {', '.join(wrong) or 'none'}; missing: {', '.join(lacking) or 'none'}",
            where=where,
        )


def _line(number: int, row: dict[str, str], mistakes: list[tuple[int, str]]) -> Line | None:
    given = {name: value.strip() for name, value in row.items()}
    department = given.pop("department", None)
    wrong = []
    try:
        PersonDetails(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = sorted({str(each["loc"][0]) for each in error.errors()})
    if department is not None and (len(department) > MAX_DEPARTMENT or not department.isprintable()):
        wrong.append("department")
    if wrong:
        mistakes.append(
            (number, f"{', '.join(wrong)}: empty, too long, or with characters that no kiosk takes")
        )
        return None
    values: dict[str, Any] = {name: value for name, value in given.items() if name != "number"}
    values["employee_number"] = given["number"]
    if department is not None:
        values["department"] = department or None
    return Line(number, given["number"], values)


def _demand_each_once(lines: Sequence[Line], mistakes: list[tuple[int, str]]) -> None:
    first: dict[str, int] = {}
    for each in lines:
        if each.number in first:
            mistakes.append((each.line, f"the number stands in line {first[each.number]} already"))
        first.setdefault(each.number, each.line)


def _refused(mistakes: Sequence[tuple[int, str]], where: str) -> ImportRefused:
    named = [f"line {line}: {what}" for line, what in sorted(mistakes)[:MAX_NAMED]]
    if len(mistakes) > MAX_NAMED:
        named.append(f"and {len(mistakes) - MAX_NAMED} more")
    return ImportRefused(
        "nothing was imported\n  " + "\n  ".join(named) + "\n",
        where=where,
        next_step="correct these lines and import the file again",
    )


def plan_import(connection: Connection, lines: Sequence[Line], *, site: str) -> Planned:
    """Hold a file against who is known: an employee number names the same person, or a new one."""
    people, memberships = schema.people, schema.memberships
    known = {
        row.employee_number: row
        for row in connection.execute(select(people).where(people.c.employee_number.is_not(None)))
    }
    members = {
        row.person
        for row in connection.execute(
            select(memberships.c.person).where(memberships.c.site == site, memberships.c.until_us.is_(None))
        )
    }
    rows, added, changed, same = [], 0, 0, 0
    for line in lines:
        row = known.get(line.number)
        if row is None:
            added += 1
            rows.append((token_hex(16), line.values))
        elif row.person not in members or any(
            getattr(row, name) != value for name, value in line.values.items()
        ):
            changed += 1
            rows.append((row.person, line.values))
        else:
            same += 1
    return Planned(tuple(rows), added, changed, same)
