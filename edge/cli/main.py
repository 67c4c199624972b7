"""The `clockface` command: gathers the command groups and turns errors into messages and exit codes.

Each file of `edge.cli` holds one group and a `register(root)`; add yours to `GROUPS`, in the order of the help.
A command takes `context: typer.Context` and asks `edge.cli.context.invocation(context)` for the configuration.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge import __version__
from edge.cli import (
    attendance,
    bench,
    config,
    doctor,
    enroll,
    evaluate,
    init,
    ledger,
    models,
    people,
    run,
    status,
    watch,
)
from edge.cli.context import Invocation
from edge.config import LoggingConfig
from edge.errors import ClockfaceError
from edge.logs import set_up

GROUPS = (
    init,
    config,
    run,
    status,
    watch,
    enroll,
    people,
    attendance,
    ledger,
    evaluate,
    bench,
    doctor,
    models,
)

app = typer.Typer(
    name="clockface",
    help="A wall-mounted attendance kiosk: faces recognised on the device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"clockface {__version__}")


@app.callback()
def _root(
    context: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The configuration file; else CLOCKFACE_CONFIG, else /etc/clockface/clockface.toml.",
        ),
    ] = None,
) -> None:
    """A wall-mounted attendance kiosk: faces recognised on the device."""
    context.obj = Invocation(config_path=config_file, environment=dict(os.environ))


for _group in GROUPS:
    _group.register(app)


def main() -> None:
    """Run the command; a deliberate error becomes one red line and its exit code."""
    set_up(LoggingConfig(level="warning"))  # until `run` reads the configuration: nothing is logged unfiltered
    try:
        app()
    except ClockfaceError as error:
        Console(stderr=True, highlight=False).print(
            f"error: {error}", style="bold red", markup=False, soft_wrap=True
        )
        sys.exit(error.exit_code)
