"""`clockface privacy`: what the law asks of whoever keeps people's data: forget, erase, hand out, account.

The daemon does what touches the ledger; this command removes backups, writes files and prints. Trust boundary:
a dossier goes into a file of mode 0600 or to the asker's own terminal.
"""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from edge.api.protocol import RetentionAsked
from edge.cli.asking import AsJson, as_line, asking, console, table
from edge.cli.backup_files import old_backups, remove_backups
from edge.cli.context import invocation

app = typer.Typer(help="Privacy: retention, erase, export, report.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="privacy")


@app.command()
def retention(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is over ([retention]): templates, confirmed events, audit entries, backups."""
    config = invocation(context).config
    backups = old_backups(config, now=datetime.now(UTC))
    with asking(context) as client:
        client.status()  # a daemon that is not there shall not be found out after the backups went
        gone = 0 if dry_run else remove_backups(backups)
        done = client.retention(RetentionAsked(dry_run=dry_run, backups=gone))
    if as_json:
        typer.echo(as_line({**done.model_dump(mode="json"), "backups": len(backups)}))
        return
    rows = {
        "templates": f"{done.templates}, leaving {done.people} people with badge or PIN",
        "events": str(done.events),
        "audit entries": str(done.audit_entries),
        "reports": str(done.reports),
        "alarms": str(done.alarms),
        "backups": str(len(backups)),
    }
    shown = table()
    for name, value in rows.items():
        shown.add_row(Text(name, "bold"), Text(value))
    console().print(shown)
    typer.echo("Nothing was removed: a dry run." if dry_run else "Removed. The audit trail has the counts.")
    if not done.complete:
        typer.echo("The daemon was told to end meanwhile: the rest goes with the next run.", err=True)
