"""`clockface attendance`: what was recorded, on the terminal or as a file for the payroll office."""

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, timedelta
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, TextIO
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clockface.cli.private_file import private_draft, private_file
from clockface.cli.terminal import PIPE_WIDTH, printable
from edge.api.client import EdgeClient
from edge.attendance.days import calendar_day
from edge.attendance.export import ExportRow, json_line, write_csv, write_json_lines
from edge.cli.context import invocation
from edge.cli.records import Records, Selection
from edge.cli.sqlite_export import write_sqlite
from edge.clock import system_wall
from edge.config.tree import Config

CLOCK_MARKS = {"synchronised": "", "holdover": "~", "unsynchronised": "?"}
HEADINGS = ("time", "day", "shift", "number", "name", "direction", "by", "code", "office")

app = typer.Typer(help="Attendance records: list, follow, export.", no_args_is_help=True)


class Format(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSON = "json"
    SQLITE = "sqlite"


def _day_text(text: str) -> str:
    """A day as typed; turned into a date where the site's zone is known."""
    if text not in ("today", "yesterday"):
        date.fromisoformat(text)  # a ValueError becomes typer's message
    return text


DAY = {"metavar": "DAY", "parser": _day_text}
Day = Annotated[
    str | None,
    typer.Option("--day", help="One attendance day: 2026-03-02, today or yesterday.", **DAY),
]
From = Annotated[
    str | None,
    typer.Option("--from", help="First attendance day.", **DAY),
]
To = Annotated[
    str | None,
    typer.Option("--to", help="Last attendance day.", **DAY),
]
Person = Annotated[
    str | None, typer.Option("--person", metavar="NUMBER", help="Employee number or person's id.")
]


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="attendance")


@app.command("list")
def list_records(
    context: typer.Context,
    day: Day = None,
    first: From = None,
    last: To = None,
    person: Person = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with new records as they come; without days, only these.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List records, oldest first, in the site's time. ~ and ? mark a clock that was not synchronised."""
    config = invocation(context).config
    selection = _selection(config, day=day, first=first, last=last, person=person)
    with EdgeClient(config.paths.run) as client:
        records = Records(client, config)
        if follow:
            with suppress(KeyboardInterrupt):
                _follow(records, selection, line=json_line if as_json else plain_line)
        elif as_json:
            write_json_lines(records.all(selection), sys.stdout)
        else:
            _print_table(records.all(selection))


@app.command()
def export(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="csv; json: one object a line; sqlite: a database.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Mode 0600; else standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    bom: Annotated[
        bool, typer.Option("--bom", help="csv: begin with a byte order mark, which Excel needs.")
    ] = False,
    day: Day = None,
    first: From = None,
    last: To = None,
    person: Person = None,
) -> None:
    """Write records to a file; see docs/attendance.md for the columns and how cells are made safe."""
    if bom and form is not Format.CSV:
        raise typer.BadParameter("--bom belongs to --format csv")
    if form is Format.SQLITE and output is None:
        raise typer.BadParameter("--format sqlite needs --output FILE")
    config = invocation(context).config
    selection = _selection(config, day=day, first=first, last=last, person=person)
    with EdgeClient(config.paths.run) as client:
        rows = Records(client, config).all(selection)

        def write(out: TextIO) -> int:
            return write_csv(rows, out, bom=bom) if form is Format.CSV else write_json_lines(rows, out)

        if output is None:
            _to_standard_output(write)
            return
        if form is Format.SQLITE:
            with private_draft(output, replace=force) as draft:
                count = write_sqlite(rows, draft)
        else:
            with private_file(output, replace=force) as file:
                count = write(file)
    typer.echo(f"{count} record{'' if count == 1 else 's'} written to {output}", err=True)


def _to_standard_output(write: Callable[[TextIO], int]) -> None:
    """UTF-8 and line ends as they are, whatever the locale says."""
    out = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        write(out)
        out.flush()
    finally:
        out.detach()


def _selection(
    config: Config, *, day: str | None, first: str | None, last: str | None, person: str | None
) -> Selection:
    if day is not None and (first is not None or last is not None):
        raise typer.BadParameter("give --day, or --from and --to")
    begin, end = (_date(text, config) for text in ((day, day) if day is not None else (first, last)))
    if begin is not None and end is not None and begin > end:
        raise typer.BadParameter("--from lies after --to")
    return Selection(first=begin, last=end, person=person)


def _date(text: str | None, config: Config) -> date | None:
    if text is None:
        return None
    if text not in ("today", "yesterday"):
        return date.fromisoformat(text)
    zone = ZoneInfo(config.device.timezone)
    today = calendar_day(system_wall(), day_starts=config.attendance.day_starts, zone=zone)
    return today if text == "today" else today - timedelta(days=1)


def _follow(records: Records, selection: Selection, *, line: Callable[[ExportRow], str]) -> None:
    for row in records.follow(selection, pause=time.sleep):
        if row is not None:
            sys.stdout.write(line(row))
        else:
            sys.stdout.flush()


def _print_table(rows: Iterable[ExportRow]) -> None:
    lines = [cells(row) for row in rows]
    if not lines:
        typer.echo("No records.", err=True)
        return
    filled = [column for column in range(len(HEADINGS)) if any(line[column] for line in lines)]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in filled:
        table.add_column(HEADINGS[column], no_wrap=HEADINGS[column] in ("time", "day"), overflow="fold")
    for line in lines:
        table.add_row(*(Text(line[column]) for column in filled))
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def plain_line(row: ExportRow) -> str:
    """A record as one line of text."""
    return "  ".join(cell or "-" for cell in cells(row)) + "\n"


def cells(row: ExportRow) -> tuple[str, ...]:
    """A record as a terminal shows it, in the order of `HEADINGS`."""
    source = f" ({row.source})" if row.source in ("assumed", "chosen") else ""
    office = {None: "", True: "confirmed", False: "waiting"}[row.delivered]
    shown = (
        row.local_time[:19].replace("T", " ") + CLOCK_MARKS[row.clock],
        row.day.isoformat(),
        row.shift,
        row.number,
        row.name or "(removed)",
        row.direction + source,
        row.method,
        row.work_code,
        office,
    )
    return tuple(printable(cell) for cell in shown)
