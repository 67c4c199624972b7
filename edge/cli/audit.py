"""`clockface audit`: who did what at this kiosk, and whether the chain of entries holds."""

from typing import Annotated

import typer
from rich.text import Text

from edge.api.protocol.fields import MAX_PAGE
from edge.api.protocol.ledger import AuditQuery
from edge.cli.asking import AsJson, as_line, asking, console, printable, table
from edge.errors import LedgerCorrupt

app = typer.Typer(help="The audit trail: list it, verify its chain.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="audit")


@app.command("list")
def list_entries(
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


@app.command()
def verify(
    context: typer.Context,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", metavar="SEQ:HASH", help="A head that was noted earlier, here or at the office."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every entry, and that a head noted elsewhere is still part of the chain; exit code 42 if not."""
    with asking(context) as client:
        found = client.verify_audit()
        if head is not None:
            seq, digest = _parts(head)
            page = client.audit(AuditQuery(after=seq - 1, limit=1))
            if [(entry.seq, entry.hash) for entry in page.entries] != [(seq, digest)]:
                raise LedgerCorrupt(
                    "the audit trail is not the one whose head was noted",
                    where=f"audit {seq}",
                    next_step="compare it with the office's: clockface-office audit device SITE/DEVICE",
                )
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    told = (
        f"the office was told up to entry {found.handed_in}"
        if found.handed_in
        else "the office was told nothing"
    )
    typer.echo(f"{found.entries} entries hold; head {found.head}; {told}")


def _parts(head: str) -> tuple[int, str]:
    seq, colon, digest = head.partition(":")
    if not colon or not seq.isdecimal() or not seq.isascii() or len(seq) > 18 or int(seq) < 1:
        raise typer.BadParameter("a head is written as `clockface audit verify` prints it: 41:9f86...")
    return int(seq), digest
