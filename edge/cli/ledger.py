"""`clockface ledger`: check it."""

import typer

from edge.cli.asking import AsJson, asking, printable
from edge.errors import LedgerCorrupt

app = typer.Typer(help="The ledger: verify it.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="ledger")


@app.callback()
def group() -> None:
    """The ledger."""


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
