"""`clockface-office device`: make a kiosk known, look at it, revoke it; retire and replace are beside it.

Trust boundary: an administrator types them; what a request must show, `device_bundle` says.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, select

from sync.office import revocation
from sync.office.authority import files
from sync.office.authority.authority import KEY_FILE
from sync.office.authority.revoked import Reason
from sync.office.cli.authority import open_authority
from sync.office.cli.ca import FOLDER, PassphraseOption, tell_what_to_copy
from sync.office.cli.context import invocation
from sync.office.cli.device_bundle import answer, asked_in, compare, office_keys
from sync.office.cli.device_desk import (
    Name,
    address_of,
    administration,
    looking,
    note,
    tell_site_key,
    unknown,
)
from sync.office.cli.device_end import replace, retire
from sync.office.database import schema
from sync.office.registration import note_certificate
from sync.office.registration import register as register_device
from sync.wire.envelope import signing_key_id, spoken

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(root: typer.Typer) -> None:
    """Put the group under the root."""
    group = typer.Typer(no_args_is_help=True, help="Kiosks: add, replace, list, show, retire, revoke.")
    group.command("add")(add)
    group.command("replace")(replace)
    group.command("list")(list_devices)
    group.command("show")(show)
    group.command("retire")(retire)
    group.command("revoke")(revoke)
    root.add_typer(group, name="device")


def add(
    context: typer.Context,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="From the kiosk.")],
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="Where the answer is written.")],
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", help="As the kiosk shows it; else it is asked for.")
    ] = "",
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="From an authority of your own.")
    ] = None,
    authority: Annotated[
        Path, typer.Option("--authority", metavar="FOLDER", help="Else our own authority issues one.")
    ] = Path("/var/lib/clockface-ca"),
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", metavar="FILE", help="Of the authority; mode 0400.")
    ] = None,
    operator_key: Annotated[
        Path | None, typer.Option("--operator-key", metavar="FILE", help="Else paths.operator_key.")
    ] = None,
) -> None:
    """Make a kiosk known: check its request, issue its certificate, sign its bundle."""
    here = invocation(context)
    asked = asked_in(request)
    compare(asked, fingerprint)
    now = datetime.now(UTC)
    with administration(here) as (database, account):
        office = office_keys(here, operator_key, database)
        made = answer(
            here,
            asked,
            office=office,
            certificate=certificate,
            authority=authority,
            passphrase_file=passphrase_file,
            now=now,
        )
        with database.write() as connection:
            device_id = register_device(connection, asked, by=account, now=now)
            note_certificate(connection, device_id, made.certificate, by=account, now=now)
            note(connection, account, "device.added", f"{asked.site}/{asked.device}", now)
    files.replace(out, made.bundle + b"\n")
    typer.echo(f"{asked.device} at {asked.site} is known. Its bundle is in {out}.")
    typer.echo(f"The office's fingerprint: {spoken(signing_key_id(office.operator.public_key()))}")
    typer.echo(f"Next, on the kiosk: clockface provision apply {out.name}")


def list_devices(context: typer.Context, as_json: AsJson = False) -> None:
    """Every kiosk: whether it is online, when it was last heard of, what it still holds."""
    with looking(invocation(context)) as database, database.read() as connection:
        found = _devices(connection)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("device", "state", "online", "last seen", "pending", "software", box=None)
    for each in found:
        online = "yes" if each["online"] else "no"
        name = f"{each['site']}/{each['device']}"
        pending = "" if each["pending"] is None else str(each["pending"])
        table.add_row(
            name, each["state"], online, each["last_seen"] or "never", pending, each["software"] or ""
        )
    Console().print(table)


def show(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """One kiosk with its epochs and how far each is committed."""
    address = address_of(name)
    epochs = schema.epochs
    with looking(invocation(context)) as database, database.read() as connection:
        known = {(each["site"], each["device"]): each for each in _devices(connection)}
        found = known.get((address.site, address.device))
        if found is None:
            raise unknown(name)
        rows = connection.execute(
            select(epochs.c.epoch, epochs.c.reason, epochs.c.frontier_seq, epochs.c.refused_seq)
            .where(epochs.c.device_id == found["id"])
            .order_by(epochs.c.id)
        )
        found["epochs"] = [dict(row._mapping) for row in rows]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        if key != "epochs" and value is not None:
            typer.echo(f"{key}: {value}")
    for epoch in found["epochs"]:
        typer.echo(f"epoch {epoch['epoch']} ({epoch['reason'] or 'not begun'}): up to {epoch['frontier_seq']}")


def revoke(
    context: typer.Context,
    name: Name,
    reason: Annotated[Reason, typer.Option("--reason", help="Why.")],
    last_trusted: Annotated[
        str,
        typer.Option(
            "--last-trusted",
            metavar="EPOCH/SEQ",
            help='Nothing after it is believed; "frontier": the newest event that is here.',
        ),
    ],
    authority: Annotated[
        Path, typer.Option("--authority", metavar="FOLDER", help="Our own authority, where it is here.")
    ] = FOLDER,
    passphrase_file: PassphraseOption = None,
) -> None:
    """A kiosk is lost or stolen: nothing that it signed after the named event counts, no broker lets it in."""
    here, address, now = invocation(context), address_of(name), datetime.now(UTC)
    with administration(here) as (database, account):
        with database.read() as connection:
            trusted = revocation.trusted_event(connection, address, last_trusted)
        ours = (authority / KEY_FILE).exists()
        opened = open_authority(here, authority, passphrase_file) if ours else None
        try:
            with database.write() as connection:
                revocation.end_device(
                    connection, address, state="revoked", by=account, now=now, reason=reason, trusted=trusted
                )
            if opened is not None:
                revocation.revoke_certificates(opened, address, reason=reason, trusted=trusted, now=now)
        finally:
            if opened is not None:
                opened.close()
    typer.echo(f"{name} is revoked; the last event that is believed is {trusted.epoch}/{trusted.seq}.")
    tell_site_key(address)
    if opened is None:
        typer.echo(
            "Where the authority is: clockface-office ca revoke "
            f"{name} --reason {reason} --last-trusted {trusted.epoch}/{trusted.seq}"
        )
    else:
        tell_what_to_copy(authority)


def _devices(connection: Connection) -> list[dict[str, Any]]:
    devices, health = schema.devices, schema.device_health
    rows = connection.execute(
        select(devices, health)
        .select_from(devices.outerjoin(health, health.c.device_id == devices.c.id))
        .order_by(devices.c.site, devices.c.device)
    )
    return [
        {
            "id": row.id,
            "site": row.site,
            "device": row.device,
            "state": row.state,
            "online": bool(row.online),
            "last_seen": _time(row.last_seen_us),
            "last_event": _time(row.last_event_us),
            "pending": row.pending,
            "software": row.software,
            "certificate_until": _time(row.certificate_not_after_us),
        }
        for row in rows
    ]


def _time(moment_us: int | None) -> str | None:
    if moment_us is None:
        return None
    return datetime.fromtimestamp(moment_us / 1e6, UTC).isoformat(timespec="seconds")
