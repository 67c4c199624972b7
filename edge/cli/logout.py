"""`clockface logout`: ends the session that `clockface login` began."""

import typer

from edge.cli.asking import asking
from edge.cli.login import say


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("logout")(logout)


def logout(context: typer.Context) -> None:
    """End this account's session."""
    with asking(context) as client:
        say(client.logout())
