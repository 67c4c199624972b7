# ruff: noqa: RUF001  (full-width signs are what is tested)
import csv
import io
import json
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from clockface.spreadsheet import BOM, unguard
from edge.attendance.export import COLUMNS, ExportRow, as_object, json_line, write_csv, write_json_lines

NASTY = "=+-@＝＋－＠﹢\u2212⁺'\"`,;|\t\r\n\u2028\u200b\ufeff\xa0 ab0"
texts = st.text() | st.text(alphabet=NASTY, max_size=12)
printable = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)  # what UTF-8 can carry


def row(
    name: str = "Anna Ruiz", *, number: str = "1007", work_code: str = "", shift: str = "early"
) -> ExportRow:
    return ExportRow(
        at=datetime(2026, 3, 2, 7, 2, 11, 500_000, tzinfo=UTC),
        utc_offset_s=3600,
        clock="synchronised",
        day=date(2026, 3, 2),
        shift=shift,
        number=number,
        name=name,
        person_id="a" * 32,
        direction="in",
        source="assumed",
        method="face",
        work_code=work_code,
        epoch="000001-9f86d081884c7d65",
        seq=42,
        delivered=False,
    )


def cells(text: str, *, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def runs_as_formula(cell: str) -> bool:
    """What OWASP lists, on what a spreadsheet sees after it has trimmed."""
    trimmed = cell.lstrip(" \xa0\u3000\u200b\ufeff")
    return trimmed.startswith(tuple("=+-@＝＋－＠")) or cell.startswith(("\t", "\r", "\n"))


@given(name=texts.filter(lambda t: t.isprintable() or t.isascii()), code=texts)
def test_no_cell_runs_whichever_separator_the_spreadsheet_takes(name: str, code: str) -> None:
    out = io.StringIO(newline="")
    write_csv([row(name, work_code=code)], out)
    for delimiter in ",;|\t":
        for line in cells(out.getvalue(), delimiter=delimiter):
            for cell in line:
                assert not runs_as_formula(cell), (delimiter, cell)


@given(names=st.lists(printable, max_size=5), code=printable, number=printable)
def test_csv_read_back_is_what_was_written(names: list[str], code: str, number: str) -> None:
    out = io.StringIO(newline="")
    rows = [row(name, work_code=code, number=number) for name in names]
    assert write_csv(rows, out) == len(rows)
    stored = out.getvalue().encode("utf-8").decode("utf-8")
    header, *lines = cells(stored)
    assert tuple(header) == COLUMNS
    for line, name in zip(lines, names, strict=True):
        found = dict(zip(COLUMNS, map(unguard, line), strict=True))
        assert (found["name"], found["work_code"], found["number"]) == (name, code, number)
        assert found["time"] == "2026-03-02T08:02:11+01:00"
        assert (found["clock"], found["shift"], found["delivered"]) == ("synchronised", "early", "no")


def test_every_cell_is_quoted_and_every_line_ends_as_rfc_4180_says() -> None:
    out = io.StringIO(newline="")
    write_csv([row('Anna "Ana" Ruiz')], out)
    header, line, rest = out.getvalue().split("\r\n")
    assert header.startswith('"time","clock","day"')
    assert '"Anna ""Ana"" Ruiz"' in line
    assert rest == ""


def test_a_byte_order_mark_stands_first_and_only_when_asked_for() -> None:
    with_mark, without = io.StringIO(newline=""), io.StringIO(newline="")
    write_csv([], with_mark, bom=True)
    write_csv([], without)
    assert with_mark.getvalue() == BOM + without.getvalue()


@given(name=printable)
def test_json_lines_carry_the_columns_as_they_are(name: str) -> None:
    out = io.StringIO()
    assert write_json_lines([row(name), row(name)], out) == 2
    first, second, rest = out.getvalue().split("\n")
    assert first == second
    assert rest == ""
    found = json.loads(first)
    assert tuple(found) == COLUMNS
    assert found["name"] == (name or None)
    assert found["seq"] == 42
    assert found["delivered"] is False


def test_a_removed_person_leaves_empty_cells_and_nulls() -> None:
    assert as_object(row("", number=""))["name"] is None
    out = io.StringIO(newline="")
    write_csv([row("", number="")], out)
    assert cells(out.getvalue())[1][COLUMNS.index("name")] == ""


def test_a_negative_offset_is_shown_and_is_no_formula() -> None:
    west = ExportRow(**{name: getattr(row(), name) for name in ExportRow.__slots__} | {"utc_offset_s": -12_600})
    assert west.local_time == "2026-03-02T03:32:11-03:30"


def test_a_row_never_shows_its_person_in_a_log_line() -> None:
    assert "Anna" not in repr(row())
    assert json_line(row()).startswith('{"time"')
