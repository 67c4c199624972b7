"""`clockface privacy`: what the law asks of whoever keeps people's data: forget, erase, hand out, account.

The daemon does what touches the ledger; this command removes backups, writes files and prints. Trust boundary:
a dossier goes into a file of mode 0600 or to the asker's own terminal.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from clockface.cli.private_file import private_file
from edge.api.protocol.privacy import RetentionAsked
from edge.cli.asking import AsJson, PersonArgument, as_line, asking, console, find, table
from edge.cli.backup_files import old_backups, remove_backups
from edge.cli.context import invocation
from edge.cli.dossier import gather, page
from edge.cli.erasing import erase as erase_person
from edge.cli.processing import facts, markdown

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
    """Remove what is over by the section retention: templates, confirmed events, audit entries, backups."""
    config = invocation(context).config
    backups = old_backups(config, now=datetime.now(UTC))
    with asking(context) as client:
        # A daemon that is not there, or has no clock to trust, shall not be found out after the backups went.
        client.retention(RetentionAsked(dry_run=True, backups=0))
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


@app.command()
def erase(
    context: typer.Context,
    person: PersonArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person here and on the site's kiosks (as people remove). Attendance keeps a random id alone."""
    erase_person(context, person, yes=yes, as_json=as_json)


@app.command()
def export(
    context: typer.Context,
    person: PersonArgument,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the two files are written.")],
    vectors: Annotated[
        bool, typer.Option("--vectors", help="With the numbers of the templates: take good care of the file.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files of these names.")] = False,
) -> None:
    """Give a person all that is held on them here: as JSON and as a page to read, mode 0600."""
    config = invocation(context).config
    with asking(context) as client:
        found = find(client, person)
        told = gather(client, found.person_id, config=config, vectors=vectors)
    name = f"person-{found.person_id}"
    with private_file(to / f"{name}.json", replace=force) as file:
        json.dump(told, file, ensure_ascii=False, indent=2)
        file.write("\n")
    with private_file(to / f"{name}.html", replace=force) as file:
        file.write(page(told))
    typer.echo(f"Written: {to / name}.json and .html. Hand them over safely, then destroy them here.")


@app.command()
def report(context: typer.Context, as_json: AsJson = False) -> None:
    """Print the record of processing (GDPR Art. 30) with the facts for an impact assessment (Art. 35)."""
    with asking(context) as client:
        told = facts(invocation(context).config, client.status(), client.processing())
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2) if as_json else markdown(told), nl=as_json)
