"""`clockface ledger`: check it, and read who did what."""

from typing import Annotated

import typer
from rich.text import Text

from edge.api.protocol import MAX_PAGE, AuditQuery
from edge.cli.asking import AsJson, as_line, asking, console, printable, table
from edge.errors import LedgerCorrupt

app = typer.Typer(help="The ledger: verify it, read its audit trail.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="ledger")


@app.command()
def verify(context: typer.Context, as_json: AsJson = False) -> None:
    """Check every hash, signature and encrypted row while the kiosk goes on; exit code 42 if one fails."""
    with asking(context) as client:
        found = client.verify_ledger()
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        for problem in found.problems:
            typer.echo(printable(problem))
        typer.echo(
            f"{found.events} events in {found.epochs} epochs, {found.audit_entries} audit entries, "
            f"{found.people} people, {found.templates} templates checked in {found.took_s:.1f} s"
        )
    if found.problems:
        raise LedgerCorrupt(
            f"the ledger does not hold: {len(found.problems)} problems",
            next_step="keep a copy of it, then restore the last backup",
        )


@app.command()
def audit(
    context: typer.Context,
    after: Annotated[int, typer.Option(min=0, help="Only entries behind this number.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print who did what, oldest first."""
    rows = table("no", "time", "who", "what", "to whom", "detail")
    with asking(context) as client:
        following: int | None = after
        while following is not None:
            page = client.audit(AuditQuery(after=following, limit=MAX_PAGE))
            for entry in page.entries:
                if as_json:
                    typer.echo(as_line(entry))
                    continue
                at = entry.at.isoformat(sep=" ", timespec="seconds")
                cells = (str(entry.seq), at, entry.actor, entry.action, entry.subject, entry.detail)
                rows.add_row(*(Text(printable(cell)) for cell in cells))
            following = page.next_after
    if not as_json:
        console().print(rows)
