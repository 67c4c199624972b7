"""`clockface-office period`: close a pay period, and see what came after the closing."""

from typing import Annotated

import typer

from sync.office import periods, report, sites
from sync.office.cli.desk import AsJson, Site, day_of, desk, show, stamp
from sync.office.operators import Role
from sync.office.removed import removed_through
from sync.office.timesheet import employees

app = typer.Typer(help="Pay periods: close, list, what came late.", no_args_is_help=True)
First = Annotated[str, typer.Argument(metavar="FIRST", help="Its first day, such as 2026-03-01.")]


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="period")


@app.command()
def close(
    context: typer.Context,
    first: First,
    last: Annotated[str, typer.Argument(metavar="LAST", help="Its last day.")],
    site: Site = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Although kiosks may still hold events of it; audited.")
    ] = False,
) -> None:
    """Close a pay period: its figures never change afterwards (administrator)."""
    with desk(context) as here, here.acting(Role.ADMINISTRATOR) as connection:
        done = periods.close(
            connection,
            site=sites.chosen(connection, site),
            first=day_of(first),
            last=day_of(last),
            now=here.now,
            by=here.account,
            incomplete=incomplete,
        )
    typer.echo(f"closed: {done.site}, {done.first} to {done.last}, sha256 {done.digest}")


@app.command("list")
def list_periods(
    context: typer.Context,
    site: Annotated[str | None, typer.Option("--site", help="Of this site only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List closed periods."""
    with desk(context) as here, here.reading("period.listed") as connection:
        rows = [
            {
                "site": each.site,
                "first": each.first.isoformat(),
                "last": each.last.isoformat(),
                "closed": stamp(each.closed_us),
                "by": each.closed_by,
                "sha256": each.digest,
            }
            for each in periods.listed(connection, site)
        ]
    columns = ("site", "first", "last", "closed", "by", "sha256")
    show(rows, as_json=as_json, columns=columns, empty="no period is closed")


@app.command()
def late(context: typer.Context, first: First, site: Site = None, as_json: AsJson = False) -> None:
    """What came after the closing and would have made a difference: settle it in the next period."""
    begins = day_of(first)
    with desk(context) as here:
        with here.database.read() as connection:
            chosen = sites.chosen(connection, site)
            found = [each for each in periods.listed(connection, chosen) if each.first == begins]
        if not found:
            raise typer.BadParameter(
                "no closed period begins on this day; clockface-office period list shows them"
            )
        with here.reading("report.read", subject=chosen, detail=f"late {begins}") as connection:
            late = periods.late(connection, found[0], now=here.now)
            rows = report.late_rows(late, people=employees(connection))
            gone = removed_through(connection, chosen)
    if gone is not None and gone >= begins:
        typer.echo(f"the events up to {gone} were removed: nothing is compared there", err=True)
    show(rows, as_json=as_json, columns=report.LATE_COLUMNS, empty="nothing came after the closing")
