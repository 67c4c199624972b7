"""`config`, in each command: what is configured, where each value comes from, and what is wrong with it.

Works without a daemon. Nothing secret is a setting, but people put passwords into addresses and pipelines, so
what looks like one is masked before it is printed.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clockface.cli.context import any_invocation
from clockface.configuration import leaves
from clockface.errors import ConfigError
from clockface.masking import masked

app = typer.Typer(help="Show and check the configuration.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="config")


@app.command()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Print every setting, its value and where the value comes from."""
    loaded = any_invocation(context).loaded
    dumped = loaded.config.model_dump(mode="json")
    rows = [(key, masked(_at(dumped, key)), loaded.provenance[key]) for key, _ in leaves(loaded.config)]
    if as_json:
        typer.echo(
            json.dumps({key: {"value": value, "origin": origin} for key, value, origin in rows}, indent=2)
        )
        return
    table = Table("setting", "value", "from", box=None, header_style="bold", pad_edge=False)
    for key, value, origin in rows:
        shown = "unset" if value is None else value if isinstance(value, str) else json.dumps(value)
        style = "dim" if origin == "default" else ""
        table.add_row(Text(key, style), Text(shown, style), Text(origin, style))
    Console(highlight=False).print(table)


@app.command()
def check(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="The file to check instead of the configured one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the configuration and list all that is wrong; exit code 10 if anything is."""
    here = any_invocation(context)
    path = here.reader.config_path(option=file or here.config_path, environment=here.environment)
    loaded, problems = here.reader.examine(path, here.environment)
    if as_json:
        names = ("where", "line", "key", "wrong", "allowed")
        listed = [{name: getattr(problem, name) for name in names} for problem in problems]
        typer.echo(json.dumps({"ok": loaded is not None, "problems": listed}, indent=2))
    else:
        for problem in problems:
            typer.echo(str(problem))
    if loaded is None:
        if as_json:
            raise typer.Exit(ConfigError.exit_code)
        raise ConfigError(
            f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the configuration",
            next_step="correct the lines above; all settings are in docs/configuration.md",
        )
    if not as_json:
        given = sum(origin != "default" for origin in loaded.provenance.values())
        where = "no file" if loaded.path is None else str(loaded.path)
        typer.echo(f"The configuration holds: {where}, {given} of {len(here.reader.settings)} settings given.")


def _at(tree: dict[str, Any], key: str) -> Any:
    value: Any = tree
    for part in key.split("."):
        value = value[part]
    return value
