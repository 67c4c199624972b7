"""A command with groups: finds the group that is asked for, turns errors into messages and exit codes.

Each group is a module with a `register(root)` that adds one command or group of the same name; it is imported
only when it is asked for, so that a small question does not wait for large libraries.
"""

import importlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from clockface import __version__
from clockface.cli.context import Invocation
from clockface.config import LoggingConfig
from clockface.configuration import ConfigReader
from clockface.errors import ClockfaceError
from clockface.logs import set_up


@dataclass(frozen=True, slots=True)
class Program:
    """One of Clockface's commands.

    Args:
        name: What one types.
        about: A line for the help.
        groups: Command or group -> module, in the order of the help, which imports them all.
        reader: Which tree it is configured by.
    """

    name: str
    about: str
    groups: Mapping[str, str]
    reader: ConfigReader[Any]

    def load_group(self, name: str) -> Any:
        """Import one command or group of commands; returns it as typer's own (vendored) click knows it."""
        root = typer.Typer()
        root.callback()(lambda: None)  # so that a lone command keeps its name
        importlib.import_module(self.groups[name]).register(root)
        return get_group(root).commands[name]

    def app(self) -> typer.Typer:
        """The command, ready to be called."""
        app = typer.Typer(
            name=self.name,
            cls=self._lazy(),
            help=self.about,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
        )

        @app.command()
        def version() -> None:
            """Print the version."""
            typer.echo(f"{self.name} {__version__}")

        @app.callback(help=self.about)
        def root(
            context: typer.Context,
            config_file: Annotated[
                Path | None, typer.Option("--config", metavar="FILE", help=self._which_file())
            ] = None,
        ) -> None:
            context.obj = Invocation(reader=self.reader, config_path=config_file, environment=dict(os.environ))

        return app

    def run(self) -> None:
        """Run the command; a deliberate error becomes one red line and its exit code."""
        set_up(LoggingConfig(level="warning"))  # until `run` reads the configuration: nothing goes unfiltered
        try:
            self.app()()
        except ClockfaceError as error:
            from rich.console import Console  # only where something is to be said: a daemon has no use for it

            Console(stderr=True, highlight=False).print(
                f"error: {error}", style="bold red", markup=False, soft_wrap=True
            )
            sys.exit(error.exit_code)

    def _which_file(self) -> str:
        return f"The configuration file; else {self.reader.path_variable}, else {self.reader.default_path}."

    def _lazy(self) -> type[TyperGroup]:
        program = self

        class LazyGroups(TyperGroup):
            """Imports a group when it is asked for."""

            def list_commands(self, ctx: Any) -> list[str]:
                """All names, in the order of the help."""
                return [*super().list_commands(ctx), *program.groups]

            def get_command(self, ctx: Any, cmd_name: str) -> Any:
                """The command of that name, or None."""
                if cmd_name in program.groups:
                    return program.load_group(cmd_name)
                return super().get_command(ctx, cmd_name)

        return LazyGroups
