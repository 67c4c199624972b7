"""`clockface-office audit`: who did or read what, and whether the chain of entries holds."""

import re
from collections.abc import Iterator
from typing import Annotated

import typer
from sqlalchemy import Connection

from sync.office import audit, device_audit
from sync.office.cli.desk import AsJson, Row, desk, show, show_one, stamp
from sync.office.errors import AuditBroken
from sync.office.operators import Role
from sync.wire.topics import Address

app = typer.Typer(help="The audit: who did or read what.", no_args_is_help=True)
PAGE = 500
_SLUG = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="audit")


@app.command("list")
def list_entries(
    context: typer.Context,
    after: Annotated[int, typer.Option("--after", min=0, help="Entries with a higher number only.")] = 0,
    last: Annotated[int, typer.Option("--last", min=0, help="Only so many of the newest; 0 for all.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List entries, oldest first (administrator)."""
    with desk(context) as here, here.reading("audit.read", role=Role.ADMINISTRATOR) as connection:
        if last:
            after = max(after, audit.count(connection) - last)
        columns = ("seq", "at", "actor", "action", "subject", "detail")
        show(_rows(connection, after), as_json=as_json, columns=columns, empty="no such entry")


def _rows(connection: Connection, after: int) -> Iterator[Row]:
    while page := list(audit.entries(connection, after=after, limit=PAGE)):
        for entry in page:
            yield {
                "seq": entry.seq,
                "at": stamp(entry.at_us),
                "actor": entry.actor,
                "action": entry.action,
                "subject": entry.subject,
                "detail": entry.detail,
                "hash": entry.hash.hex(),
            }
        after = page[-1].seq


@app.command()
def verify(
    context: typer.Context,
    head: Annotated[
        str | None, typer.Option("--head", metavar="SEQ:HASH", help="A head that was noted earlier.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every entry, and that a head noted elsewhere is still part of the chain; exit code 123 if not."""
    with desk(context) as here, here.reading("audit.verified") as connection:
        found = audit.verify(connection)
        kept = head is None or _keeps(connection, head)
    whole = found.broken_at is None and kept
    show_one({"entries": found.entries, "head": found.head, "whole": whole}, as_json=as_json)
    if not whole:
        place = "the head that was noted" if found.broken_at is None else f"entry {found.broken_at}"
        raise AuditBroken(
            "the audit was altered", where=place, next_step="compare the database with its last backup"
        )


def _keeps(connection: Connection, head: str) -> bool:
    seq, colon, digest = head.partition(":")
    if not colon or not seq.isdecimal() or not seq.isascii() or len(seq) > 18 or int(seq) < 1:
        raise typer.BadParameter("a head is written as `audit head` prints it: 41:9f86...")
    found = list(audit.entries(connection, after=int(seq) - 1, limit=1))
    return bool(found) and found[0].seq == int(seq) and found[0].hash.hex() == digest


@app.command("device")
def show_device(
    context: typer.Context,
    device: Annotated[str, typer.Argument(metavar="SITE/DEVICE", help="Whose trail.")],
    last: Annotated[int, typer.Option("--last", min=0, help="Only so many of the newest; 0 for all.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List what a kiosk's own audit trail told, and check that it holds together; exit code 123 if not."""
    address = _address(device)
    with (
        desk(context) as here,
        here.reading(
            "audit.device_read", subject=f"{address.site}/{address.device}", role=Role.ADMINISTRATOR
        ) as connection,
    ):
        found = device_audit.device_of(connection, address)
        if found is None:
            raise typer.BadParameter("no such device; clockface-office devices", param_hint="SITE/DEVICE")
        told = list(device_audit.trail(connection, found, address))
    columns = ("seq", "at", "by", "action", "subject", "detail", "finding")
    show(
        map(_told, told[-last:] if last else told),
        as_json=as_json,
        columns=columns,
        empty="it has told nothing",
    )
    wrong = [each for each in told if each.finding]
    if wrong:
        first = next((each.entry.seq for each in wrong if each.entry is not None), None)
        raise AuditBroken(
            f"the kiosk's trail does not hold together: {len(wrong)} findings",
            where=device if first is None else f"{device}, entry {first}",
            next_step="docs/office.md says what each finding means; clockface audit verify at the kiosk",
        )


def _told(told: device_audit.Told) -> Row:
    if told.entry is None:
        return dict.fromkeys(("seq", "at", "by", "action", "subject", "detail", "hash")) | {
            "finding": told.finding
        }
    return told.entry.model_dump() | {"finding": told.finding}


def _address(text: str) -> Address:
    site, slash, device = text.partition("/")
    if not slash or not re.fullmatch(_SLUG, site) or not re.fullmatch(_SLUG, device):
        raise typer.BadParameter("a device is written SITE/DEVICE, such as mill/gate")
    return Address(site, device)


@app.command("head")
def show_head(context: typer.Context) -> None:
    """Print the newest entry's number and hash, to be kept where this machine's administrators cannot write."""
    with desk(context) as here, here.reading("audit.head_read") as connection:
        newest = list(audit.entries(connection, after=audit.count(connection) - 1, limit=1))
    for entry in newest:
        typer.echo(f"{entry.seq}:{entry.hash.hex()}")
