"""`clockface-office events`: list events and follow them live."""

import sys
import time
from datetime import date
from typing import Annotated

import typer

from clockface.cli.terminal import printable
from sync.office import listing
from sync.office.cli.desk import AsJson, Desk, Row, cell, day_of, desk, json_line, show
from sync.office.cli.people import person_of
from sync.office.database import arrivals
from sync.office.listing import Wanted

COLUMNS = ("id", "time", "device", "type", "person", "day", "direction", "method", "clock")
POLL_S = 1.0


def register(root: typer.Typer) -> None:
    """Put this command under the root of the command."""
    root.command("events", help="List events, and follow them as they come.")(list_events)


def list_events(
    context: typer.Context,
    site: Annotated[str | None, typer.Option("--site", help="Of this site only.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Of this device only.")] = None,
    day: Annotated[str | None, typer.Option("--day", help="Attendance of this day only.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="Employee number, or random id.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Such as attendance.recorded.")] = None,
    last: Annotated[int, typer.Option("--last", min=0, max=100_000, help="So many of the newest.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what comes; end it with Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List events in the order in which they came."""
    with desk(context) as here:
        wanted = _wanted(
            here, site=site, device=device, day=None if day is None else day_of(day), person=person, kind=kind
        )
        up_to = arrivals.settled(here.database)
        detail = f"{site or 'every site'} {day or ''}{' follow' if follow else ''}"[:120]
        with here.reading("event.read", subject=wanted.person or "", detail=cell(detail)) as connection:
            rows = listing.newest(connection, wanted, up_to=up_to, limit=last) if last else []
        empty = "" if follow else "no such event"
        show([_readable(row, as_json) for row in rows], as_json=as_json, columns=COLUMNS, empty=empty)
        if follow:
            _follow(here, wanted, position=up_to, as_json=as_json)


def _wanted(
    here: Desk, *, site: str | None, device: str | None, day: date | None, person: str | None, kind: str | None
) -> Wanted:
    found = None
    if person is not None:
        with here.database.read() as connection:
            found = person_of(connection, person)
    return Wanted(site=site, device=device, kind=kind, first=day, last=day, person=found)


def _follow(here: Desk, wanted: Wanted, *, position: int, as_json: bool) -> None:
    try:
        for row in listing.follow(here.database, wanted, position=position, wait=pause):
            shown = _readable(row, as_json)
            line = json_line(shown) if as_json else "  ".join(printable(cell(shown[name])) for name in COLUMNS)
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return


def pause() -> bool:
    """Wait for more; whether to go on."""
    time.sleep(POLL_S)
    return True


def _readable(row: Row, as_json: bool) -> Row:
    if as_json:
        return row
    short = str(row["type"]).removeprefix("clockface.").removesuffix(".v1")
    return {**row, "device": f"{row['site']}/{row['device']}", "type": short}
