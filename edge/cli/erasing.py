"""Erases a person: the one way, whichever command asked, and what staff can tell them of it afterwards.

Trust boundary: the daemon erases and asks for a session; this asks the one who types, and says what remains.
"""

import sys

import typer

from edge.api.protocol.people import Removed
from edge.cli.asking import as_line, asking, find, printable


def erase(context: typer.Context, person: str, *, yes: bool, as_json: bool) -> None:
    """Erase a person's name, number, consents and templates, after a question unless `yes`."""
    with asking(context) as client:
        found = find(client, person)
        if not yes:
            if not sys.stdin.isatty():
                raise typer.BadParameter("erasing asks for confirmation, and there is no terminal: add --yes")
            typer.confirm(f"Erase {printable(found.profile.name)} for good?", abort=True)
        done = client.remove_person(found.person_id)
        office = client.status().office.name
    if as_json:
        typer.echo(as_line(done))
        return
    typer.echo(f"Removed, {templates(done.templates)} erased.")
    typer.echo(f"Attendance records stay, without a name, under {done.person_id}.")
    say_what_remains(done)
    if office is not None:
        typer.echo("The site's other kiosks follow through the office, and each sends it a signed receipt:")
        typer.echo(f"  clockface-office privacy receipts {done.person_id}")


def say_what_remains(done: Removed) -> None:
    """Until when the device's backups hold what was erased, and what else does."""
    if done.backups_until is None:
        typer.echo("This device knows of no backup that it made.")
    else:
        typer.echo(f"The last backup that may hold them is removed by {done.backups_until}.")
    if done.retired_ledgers:
        typer.echo(
            f"{done.retired_ledgers} ledgers that a restore put aside may hold them: destroy "
            "ledger.db.replaced.* in the state folder.",
            err=True,
        )


def templates(count: int) -> str:
    """A number of templates in words."""
    return f"{count} template{'' if count == 1 else 's'}"
