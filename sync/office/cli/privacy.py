"""`clockface-office privacy`: a person is erased everywhere, or told what is held on them; retention beside it.

Trust boundary: roles and the audit, as for every command here; a dossier goes into files of mode 0600.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from clockface.cli.plain_page import plain_page
from clockface.cli.private_file import private_file
from sync.office.cli import retention
from sync.office.cli.desk import AsJson, desk, show
from sync.office.cli.people import person_of
from sync.office.cli.roster import Who, erase_person
from sync.office.dossier import gather, receipts_of
from sync.office.operators import Role

app = typer.Typer(help="Privacy: retention, policy, hold, erase, receipts, export.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    retention.register(app)
    root.add_typer(app, name="privacy")


@app.command()
def erase(
    context: typer.Context,
    person: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person on every kiosk of every site, and here: as roster delete without --site (clerk)."""
    erase_person(context, person, site=None, yes=yes)


@app.command()
def receipts(context: typer.Context, person: Who, as_json: AsJson = False) -> None:
    """List which kiosks have confirmed an erasure, and when their last backup with the person dies (viewer)."""
    with desk(context) as here, here.reading("roster.receipts_read") as connection:
        rows = receipts_of(connection, person_of(connection, person))
    columns = ("device", "confirmed", "templates", "backups_until")
    show(rows, as_json=as_json, columns=columns, empty="no kiosk has confirmed an erasure of this person")


@app.command()
def export(
    context: typer.Context,
    person: Who,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the two files are written.")],
    force: Annotated[bool, typer.Option("--force", help="Replace files of these names.")] = False,
) -> None:
    """Give a person all that the office holds on them: as JSON and as a page to read, mode 0600 (clerk)."""
    with desk(context) as here:
        with here.database.read() as connection:
            found = person_of(connection, person)
        with here.reading("person.exported", subject=found, role=Role.CLERK) as connection:
            told = gather(connection, found, made_at=here.now.isoformat(timespec="seconds"))
    name = f"office-person-{found}"
    with private_file(to / f"{name}.json", replace=force) as file:
        json.dump(told, file, ensure_ascii=False, indent=2)
        file.write("\n")
    with private_file(to / f"{name}.html", replace=force) as file:
        file.write(
            plain_page(
                "What the office holds on you",
                about=f"Written on {told['made_at']}. Kiosks hold more: ask there too.",
                sections=[
                    (key.replace("_", " ").capitalize(), rows if isinstance(rows, list) else [rows])
                    for key, rows in told.items()
                    if key not in ("format", "made_at")
                ],
                closing="You may have mistakes corrected, have your data erased where no law keeps it, and "
                "complain to the data protection authority. Ask your employer.",
            )
        )
    typer.echo(f"written: {to / name}.json and .html; hand them over safely, then destroy them here")
