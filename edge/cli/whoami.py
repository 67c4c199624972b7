"""`clockface whoami`: the account, its role and its session, as the daemon sees them."""

import typer

from edge.cli.asking import AsJson, asking
from edge.cli.login import say


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("whoami")(whoami)


def whoami(context: typer.Context, as_json: AsJson = False) -> None:
    """Say which role this account has, and whether it has a session."""
    with asking(context) as client:
        view = client.whoami()
    if as_json:
        typer.echo(view.model_dump_json(indent=2))
    else:
        say(view)
