"""A staff list as CSV, and the photographs that belong to it: docs/enrolment.md has the columns.

Trust boundary: the file comes from somebody's spreadsheet. Encoding, columns, lengths and duplicates are
checked before anything is sent; a photograph's name may not lead out of the folder. Errors name line and
column, never what stands there.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from clockface.bounded import read_bounded
from edge.api.protocol.people import ConsentGiven, PersonProfile
from edge.errors import EnrolmentError

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 100_000
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
REQUIRED = ("number", "name")
OPTIONAL = (
    "greeting",
    "language",
    "photos",
    "consent_how",
    "consent_text_version",
    "consent_language",
    "consent_date",
    "consent_proof",
)


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One line of the list that holds. Never logged.

    Args:
        line: In the file, from 2.
        profile: The person.
        consent: From the row, else the one given for all; None where there is neither.
        photos: Names as the row gives them; empty means by employee number.
    """

    line: int
    profile: PersonProfile
    consent: ConsentGiven | None
    photos: tuple[str, ...]

    def __repr__(self) -> str:
        return f"StaffRow(line {self.line}, ********)"


@dataclass(frozen=True, slots=True)
class BadRow:
    """One line of the list that does not hold: where, and what is wrong with which column."""

    line: int
    wrong: str


def read_staff(path: Path, *, consent: ConsentGiven | None, zone: ZoneInfo) -> tuple[StaffRow | BadRow, ...]:
    """Read and check a staff list.

    Args:
        path: The file.
        consent: For rows that state none.
        zone: Of dates without a zone.

    Raises:
        EnrolmentError: The file as a whole cannot be used: unreadable, not UTF-8, other columns, too long.
    """
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = _columns(next(reader, []), path)
        return tuple(_rows(reader, columns, consent=consent, zone=zone))
    except csv.Error as error:
        raise _unusable(f"it is not CSV: {error}", path, line=reader.line_num) from None


def _text(path: Path) -> str:
    try:
        raw = read_bounded(path, max_bytes=MAX_BYTES)
    except OSError as error:
        raise _unusable(f"it cannot be read: {error.strerror}", path) from None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _unusable("it is UTF-16; save it as CSV UTF-8", path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _unusable("it is not UTF-8; save it as CSV UTF-8", path, line=line) from None
    if "\x00" in text:
        raise _unusable("it holds zero bytes", path)
    return text


def _columns(header: list[str], path: Path) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in header)
    unknown = [name for name in names if name not in (*REQUIRED, *OPTIONAL)]
    missing = [name for name in REQUIRED if name not in names]
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise _unusable("its columns are not separated by commas", path, line=1)
    if unknown or missing or len(set(names)) != len(names):
        wrong = f"unknown: {', '.join(unknown)[:100]}" if unknown else f"missing: {', '.join(missing)}"
        wrong = wrong if unknown or missing else "a column stands there twice"
        raise _unusable(f"its first line must name the columns ({wrong})", path, line=1)
    return names


def _rows(
    reader: Iterator[list[str]], columns: tuple[str, ...], *, consent: ConsentGiven | None, zone: ZoneInfo
) -> Iterator[StaffRow | BadRow]:
    seen: dict[str, int] = {}
    for index, cells in enumerate(reader, start=2):
        line = getattr(reader, "line_num", index)
        if index > MAX_ROWS + 1:
            raise EnrolmentError(f"the staff list has more than {MAX_ROWS} rows", next_step="split it")
        if not any(cell.strip() for cell in cells):
            continue
        row = _row(line, cells, columns, consent=consent, zone=zone)
        if isinstance(row, StaffRow):
            first = seen.setdefault(row.profile.number.casefold(), line)
            if first != line:
                row = BadRow(line, f"number: stands in line {first} already")
        yield row


def _row(
    line: int, cells: list[str], columns: tuple[str, ...], *, consent: ConsentGiven | None, zone: ZoneInfo
) -> StaffRow | BadRow:
    if len(cells) != len(columns):
        return BadRow(line, f"it has {len(cells)} columns, the first line has {len(columns)}")
    fields = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    try:
        profile = PersonProfile(
            name=fields["name"],
            number=fields["number"],
            greeting=fields.get("greeting", ""),
            language=fields.get("language", ""),
        )
        own = _consent(fields, zone)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        column = ".".join(str(part) for part in fault["loc"]) or "consent"
        return BadRow(line, f"{column}: {fault['msg']}")
    except ValueError:
        return BadRow(line, "consent_date: not a date such as 2026-03-02")
    photos = tuple(name.strip() for name in fields.get("photos", "").split(";") if name.strip())
    if any(not _harmless(name) for name in photos):
        return BadRow(line, "photos: a name must stay within the folder and end in .jpg, .png or .webp")
    return StaffRow(line, profile, own or consent, photos)


def _consent(fields: Mapping[str, str], zone: ZoneInfo) -> ConsentGiven | None:
    """The row's own consent: all three columns, or none."""
    given: dict[str, Any] = {
        key: fields.get(f"consent_{key}", "") for key in ("how", "text_version", "language")
    }
    when, proof = fields.get("consent_date", ""), fields.get("consent_proof", "")
    if not any((*given.values(), when, proof)):
        return None
    if proof:
        given["proof"] = proof
    if when:
        parsed = datetime.fromisoformat(when)
        given["given_at"] = parsed if parsed.tzinfo is not None else parsed.replace(hour=12, tzinfo=zone)
    return ConsentGiven.model_validate(given)


def _harmless(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and name.isprintable()
        and len(name) <= 200
        and path.suffix.lower() in SUFFIXES
    )


def photos_of(row: StaffRow, folder: Path) -> tuple[Path, ...]:
    """The files of one person: those that the row names, else NUMBER.jpg, NUMBER_*.jpg or NUMBER/*.jpg.

    Raises:
        EnrolmentError: A named file is not there, or a link leads out of the folder.
    """
    if row.photos:
        found = [folder / name for name in row.photos]
    elif _harmless(f"{row.profile.number}.jpg") and "/" not in row.profile.number:
        found = sorted(_by_number(folder, row.profile.number))
    else:
        found = []
    root = folder.resolve()
    for path in found:
        if not path.resolve().is_relative_to(root):
            raise EnrolmentError("a photograph's link leads out of the folder", where=f"line {row.line}")
        if not path.is_file():
            raise EnrolmentError("a photograph that the row names is not there", where=f"line {row.line}")
    return tuple(found)


def _by_number(folder: Path, number: str) -> Iterator[Path]:
    own = folder / number
    for path in own.iterdir() if own.is_dir() else ():
        if path.suffix.lower() in SUFFIXES:
            yield path
    for path in folder.iterdir():
        stem = path.stem
        if path.suffix.lower() in SUFFIXES and (stem == number or stem.startswith(f"{number}_")):
            yield path


def _unusable(what: str, path: Path, *, line: int | None = None) -> EnrolmentError:
    where = str(path) if line is None else f"{path}, line {line}"
    return EnrolmentError(
        f"the staff list cannot be used: {what}", where=where, next_step="see docs/enrolment.md for its form"
    )
