"""The `clockface` command: gathers the command groups and turns errors into messages and exit codes."""

import sys

import typer
from rich.console import Console

from edge import __version__
from edge.errors import ClockfaceError

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
def _root() -> None:
    """Keep subcommands even while there is only one."""


def main() -> None:
    """Run the command; a deliberate error becomes one red line and its exit code."""
    try:
        app()
    except ClockfaceError as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", style="bold red", markup=False)
        sys.exit(error.exit_code)
