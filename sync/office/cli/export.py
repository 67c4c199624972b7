"""`clockface-office export`: events or days for other programs, in files that only their owner may read."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from clockface.cli.private_file import private_file
from clockface.spreadsheet import write_cells
from sync.office import listing, report, sites
from sync.office.cli.desk import Row, Site, day_of, desk
from sync.office.cli.report import note_losses
from sync.office.database import arrivals
from sync.office.listing import EXPORT_COLUMNS, Wanted
from sync.office.periods import figures
from sync.office.timesheet import employees, rules_of

app = typer.Typer(help="Export events or days: CSV for spreadsheets, JSON lines.", no_args_is_help=True)
DAY_COLUMNS = (*report.DAY_COLUMNS, "worked_s", "first_in_at", "last_out_at", "time_zone", "closed", "person")


class Form(StrEnum):
    """In which form."""

    CSV = "csv"
    JSONL = "jsonl"


First = Annotated[str | None, typer.Option("--from", metavar="DAY", help="The first attendance day.")]
Last = Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last one.")]
Format = Annotated[Form, typer.Option("--format", help="csv: texts that a spreadsheet would run are guarded.")]
Output = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="A new file; else standard output.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file.")]


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="export")


@app.command()
def events(
    context: typer.Context,
    first: First = None,
    last: Last = None,
    site: Annotated[str | None, typer.Option("--site", help="Of this site only.")] = None,
    form: Format = Form.CSV,
    output: Output = None,
    force: Force = False,
) -> None:
    """Every event, or those of some days; a page at a time."""
    wanted = Wanted(site=site, first=_day(first), last=_day(last))
    with desk(context) as here, opened(output, force) as out:
        up_to = arrivals.settled(here.database)
        detail = f"{form} {wanted.first} to {wanted.last}"
        with here.reading("event.exported", subject=(site or "")[:64], detail=detail) as connection:
            rows = listing.after(connection, wanted, position=0, up_to=up_to)
            count = write(rows, EXPORT_COLUMNS, out, form)
    typer.echo(f"{count} events", err=True)


@app.command()
def days(
    context: typer.Context,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last one.")],
    site: Site = None,
    form: Format = Form.CSV,
    output: Output = None,
    force: Force = False,
) -> None:
    """The days of a site's people, as reports have them."""
    begin, end = day_of(first), day_of(last)
    with desk(context) as here, opened(output, force) as out:
        with here.database.read() as connection:
            chosen = sites.chosen(connection, site)
        with here.reading("report.exported", subject=chosen, detail=f"{form} {begin} to {end}") as connection:
            note_losses(connection, chosen, begin, end)
            found = figures(connection, site=chosen, first=begin, last=end, now=here.now)
            zone = rules_of(connection, chosen).zone
            rows = report.day_rows(found, people=employees(connection), zone=zone)
        count = write(rows, DAY_COLUMNS, out, form)
    typer.echo(f"{count} days", err=True)


def write(rows: Iterable[Row], columns: tuple[str, ...], out: TextIO, form: Form) -> int:
    """Write rows; returns how many."""
    if form is Form.CSV:
        return write_cells(columns, ([_plain(row[name]) for name in columns] for row in rows), out)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  (the last one is the number)
        out.write(json.dumps(dict(row), ensure_ascii=True) + "\n")
    return count


@contextmanager
def opened(output: Path | None, force: bool) -> Iterator[TextIO]:
    """The file to write to, complete or absent; a terminal is given no CSV, which may steer it."""
    if output is not None:
        with private_file(output, replace=force) as file:
            yield file
    elif sys.stdout.isatty():
        raise typer.BadParameter("name a file with --output, or send it through a pipe")
    else:
        yield sys.stdout


def _day(text: str | None) -> date | None:
    return None if text is None else day_of(text)


def _plain(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, list) else value
