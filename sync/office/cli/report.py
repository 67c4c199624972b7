"""`clockface-office report`: attendance as people read it, from the events of all of a site's kiosks.

Who read which report stands in the audit, by codes and random ids.
"""

import io
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from clockface.cli.terminal import printable
from clockface.spreadsheet import write_cells
from sync.office import report, sites
from sync.office.accepted import lost
from sync.office.cli.desk import AsJson, Desk, Site, cell, day_of, desk, show
from sync.office.cli.people import known_department, person_of
from sync.office.periods import Figure, figures
from sync.office.timesheet import Employee, employees, rules_of

app = typer.Typer(help="Attendance: a day, a person, a department, a month.", no_args_is_help=True)
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV that is safe to open in a spreadsheet.")]
Month = Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-03.")]
Rows = list[dict[str, Any]]


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="report")


@app.command()
def day(
    context: typer.Context,
    of: Annotated[str, typer.Argument(metavar="DAY", help="Such as 2026-03-02.")],
    site: Site = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Everybody who was there on a day."""
    first = day_of(of)

    def rows(connection: Connection, here: Desk, name: str, people: dict[str, Employee]) -> Rows:
        return _days(connection, here, name, people, first, first)

    made = _read(context, site=site, detail=f"day {first}", rows=rows)
    _print(made, report.DAY_COLUMNS, as_csv=as_csv, as_json=as_json)


@app.command()
def person(
    context: typer.Context,
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Employee number, or random id.")],
    first_day: Annotated[str | None, typer.Option("--from", metavar="DAY", help="Else 30 days ago.")] = None,
    last_day: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Else today.")] = None,
    site: Site = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """The days of one person, with the numbers of their events for corrections."""
    with desk(context) as here:
        last = here.now.date() if last_day is None else day_of(last_day)
        first = last - timedelta(days=30) if first_day is None else day_of(first_day)
        with here.database.read() as connection:
            chosen = sites.chosen(connection, site)
            found = person_of(connection, who)
        with here.reading(
            "report.read", subject=found, detail=f"{chosen} person {first} to {last}"
        ) as connection:
            rows = _days(connection, here, chosen, employees(connection), first, last, only={found})
    _print(rows, report.DAY_COLUMNS, as_csv=as_csv, as_json=as_json)


@app.command()
def department(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEPARTMENT")],
    month: Month,
    site: Site = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """The hours of a department's people in a month."""
    first, last = month_of(month)
    with desk(context) as here:
        with here.database.read() as connection:
            known_department(connection, name)
            chosen = sites.chosen(connection, site)
        detail = f"{first:%Y-%m} department {cell(name)[:100]}"
        with here.reading("report.read", subject=chosen, detail=detail) as connection:
            people = employees(connection)
            theirs = {each.person for each in people.values() if each.department == name}
            found = _figures(connection, here, chosen, first, last, theirs)
            rows = report.total_rows(found, people=people)
    _print(rows, report.TOTAL_COLUMNS, as_csv=as_csv, as_json=as_json)


@app.command()
def month(
    context: typer.Context, of: Month, site: Site = None, as_csv: AsCsv = False, as_json: AsJson = False
) -> None:
    """The hours of everybody in a month."""
    first, last = month_of(of)

    def rows(connection: Connection, here: Desk, name: str, people: dict[str, Employee]) -> Rows:
        return report.total_rows(_figures(connection, here, name, first, last), people=people)

    made = _read(context, site=site, detail=f"month {first:%Y-%m}", rows=rows)
    _print(made, report.TOTAL_COLUMNS, as_csv=as_csv, as_json=as_json)


def month_of(text: str) -> tuple[date, date]:
    """A month's first and last day.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter("a month is written 2026-03") from None
    following = (first + timedelta(days=31)).replace(day=1)
    return first, following - timedelta(days=1)


def _read(
    context: typer.Context,
    *,
    site: str | None,
    detail: str,
    rows: Callable[[Connection, Desk, str, dict[str, Employee]], Rows],
) -> Rows:
    with desk(context) as here:
        with here.database.read() as connection:
            chosen = sites.chosen(connection, site)
        with here.reading("report.read", subject=chosen, detail=detail) as connection:
            return rows(connection, here, chosen, employees(connection))


def _figures(
    connection: Connection, here: Desk, site: str, first: date, last: date, only: Collection[str] | None = None
) -> list[Figure]:
    if not timedelta(0) <= last - first <= timedelta(days=400):
        raise typer.BadParameter("the first day is before the last, and at most 400 days are read at once")
    note_losses(connection, site, first, last)
    return figures(connection, site=site, first=first, last=last, now=here.now, people=only)


def note_losses(connection: Connection, site: str, first: date, last: date) -> None:
    """Tell whoever reads days of a site that events of them are lost for good, beside what they asked for."""
    for each in lost(connection, site, first=first, last=last):
        days = str(each.first) if each.first == each.last else f"{each.first} to {each.last}"
        told = (
            f"{each.events} events of {each.device} from {days} are lost, as {each.by} accepted: {each.reason}"
        )
        typer.echo(printable(told), err=True)


def _days(
    connection: Connection,
    here: Desk,
    site: str,
    people: dict[str, Employee],
    first: date,
    last: date,
    *,
    only: Collection[str] | None = None,
) -> Rows:
    zone = rules_of(connection, site).zone
    return report.day_rows(_figures(connection, here, site, first, last, only), people=people, zone=zone)


def _print(rows: Rows, columns: Sequence[str], *, as_csv: bool, as_json: bool) -> None:
    if as_csv:
        out = io.StringIO(newline="")
        write_cells(columns, ([_plain(row[name]) for name in columns] for row in rows), out)
        on_terminal = sys.stdout.isatty()
        for line in out.getvalue().splitlines(keepends=True):
            sys.stdout.write(printable(line.rstrip("\r\n")) + "\n" if on_terminal else line)
        return
    show(rows, as_json=as_json, columns=columns, empty="no attendance in these days")


def _plain(value: Any) -> str | int | None:
    return "; ".join(value) if isinstance(value, list) else value
