"""The `clockface` command: finds the group that is asked for, turns errors into messages and exit codes.

Each file of `edge.cli` named in `GROUPS` holds one command or group of that name and a `register(root)`; it is
imported only when it is asked for, so that `clockface status` does not wait for models and cameras. A command
takes `context: typer.Context` and asks `edge.cli.context.invocation(context)` for the configuration.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup
from typer.main import get_group

from clockface.config import LoggingConfig
from clockface.logs import set_up
from edge import __version__
from edge.cli.context import Invocation
from edge.errors import ClockfaceError

# In the order of the help, which imports them all.
GROUPS = (
    "init",
    "config",
    "run",
    "status",
    "watch",
    "enroll",
    "people",
    "attendance",
    "ledger",
    "evaluate",
    "bench",
    "doctor",
    "models",
)


def load_group(name: str) -> Any:
    """Import one command or group of commands; returns it as typer's own (vendored) click knows it."""
    root = typer.Typer()
    root.callback()(_root)  # so that a lone command keeps its name
    importlib.import_module(f"edge.cli.{name}").register(root)
    return get_group(root).commands[name]


class LazyGroups(TyperGroup):
    """Imports a group when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of the help."""
        return [*super().list_commands(ctx), *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        return load_group(cmd_name) if cmd_name in GROUPS else super().get_command(ctx, cmd_name)


app = typer.Typer(
    name="clockface",
    cls=LazyGroups,
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
