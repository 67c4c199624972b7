"""`clockface login`: a session for what cannot be undone, confirmed by the device's name."""

from typing import Annotated

import typer

from edge.api.protocol.staff import SessionAsked, SessionView
from edge.cli.asking import asking, told


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("login")(login)


def login(
    context: typer.Context,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="The device's name; else it is asked for.")
    ] = "",
) -> None:
    """Begin a session in which this account may erase people, rotate keys and copy the ledger."""
    with asking(context) as client:
        typed = device or typer.prompt("Type the name of this device to go on")
        say(client.login(told(SessionAsked, device=typed.strip())))


def say(view: SessionView) -> None:
    """One line: who, and for how long."""
    if view.needs_none:
        session = "above all roles; no session needed"
    else:
        session = f"session for {view.session_s / 60:.0f} min more" if view.session_s else "no session"
    typer.echo(f"{view.account}: {view.role}, {session}")
