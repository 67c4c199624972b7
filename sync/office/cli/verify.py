"""`clockface-office verify`: check again every signature, chain and column that is stored."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime, time
from typing import Annotated

import typer
from rich.progress import Progress

from clockface.cli.terminal import printable
from sync.office.cli.desk import AsJson, day_of, desk, json_line
from sync.office.errors import EventsAltered
from sync.office.inspection import Inspected, inspect
from sync.office.timesheet import to_us

SHOWN = 100


def register(root: typer.Typer) -> None:
    """Put this command under the root of the command."""
    root.command("verify", help="Check again every signature, chain and column that is stored.")(verify)


def verify(
    context: typer.Context,
    site: Annotated[str | None, typer.Option("--site", help="Of this site only.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Of devices of this name only.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DAY", help="Received from this day on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check what is stored against the signed originals; exit code 127 if anything does not hold."""
    since_us = None if since is None else to_us(datetime.combine(day_of(since), time(), UTC))
    done, found = Inspected(), 0
    quiet = as_json or not sys.stderr.isatty()
    with (
        desk(context) as here,
        here.reading("event.verified", subject=(device or "")[:64], detail=since or "") as connection,
        Progress(disable=quiet, transient=True) as bar,
    ):
        task = bar.add_task("events", total=None)
        for finding in inspect(
            connection,
            done=done,
            site=site,
            device=device,
            since_us=since_us,
            progress=lambda count: bar.advance(task, count),
        ):
            found += 1
            if as_json:
                typer.echo(json_line(asdict(finding)))
            elif found <= SHOWN:
                place = f"{finding.site}/{finding.device}/{finding.epoch}/{finding.seq or 'frontier'}"
                typer.echo(printable(f"{place}: {finding.what}"))
    if as_json:
        typer.echo(json_line({**asdict(done), "findings": found}))
    else:
        typer.echo(f"{done.events} events in {done.epochs} epochs, {done.waiting} waiting: {found} findings")
        if done.emptied:
            typer.echo(f"{done.emptied} of them without their content, which retention took behind checkpoints")
    if found:
        raise EventsAltered(
            f"{found} things are not as the devices signed them",
            next_step="clockface-office audit verify; compare the database with its last backup",
        )
