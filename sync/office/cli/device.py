"""`clockface-office device`: make a kiosk known, look at it, revoke it; retire and replace are beside it.

Trust boundary: a request is a file that anybody may have touched; the administrator compares its fingerprint
with what the kiosk itself shows before anything is signed.
"""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, select

from clockface.bounded import read_bounded
from sync.office import audit, operators, revocation, rotation
from sync.office.authority import files
from sync.office.authority.authority import KEY_FILE
from sync.office.authority.certificates import DEVICE_DAYS, pem
from sync.office.authority.identity import DeviceIdentity
from sync.office.authority.revoked import Reason
from sync.office.cli.authority import open_authority
from sync.office.cli.ca import FOLDER, PassphraseOption, tell_what_to_copy
from sync.office.cli.context import Invocation, invocation
from sync.office.database import Database, open_database, schema
from sync.office.errors import DeviceRefused, OfficeError
from sync.office.keys import read_receiver_keys, read_signing_key
from sync.office.registration import (
    OfficeIdentityKeys,
    check_certificate,
    from_text,
    make_bundle,
    note_certificate,
    read_request,
    spoken,
)
from sync.office.registration import register as register_device
from sync.office.rows import microseconds
from sync.office.storage import database_settings
from sync.wire.canonical import WireError
from sync.wire.envelope import signing_key_id
from sync.wire.provisioning import DeviceRequest
from sync.wire.topics import Address, Channel, read_topic

MAX_REQUEST_BYTES = 192 * 1024
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="SITE/DEVICE")]


def register(root: typer.Typer) -> None:
    """Put the group under the root."""
    group = typer.Typer(no_args_is_help=True, help="Kiosks: add, replace, list, show, retire, revoke.")
    from sync.office.cli.device_end import replace, retire  # they use what stands here

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
    asked = read_request(read_file(request))
    compare(asked, fingerprint)
    now = datetime.now(UTC)
    with administration(here) as (database, account):
        office = office_keys(here, operator_key, database)
        chain = (
            files.read(certificate, next_step="give the certificate's file").decode("ascii")
            if certificate is not None
            else issue(here, asked, folder=authority, passphrase_file=passphrase_file, now=now)
        )
        found = check_certificate(chain, asked)
        bundle = make_bundle(asked, office=office, certificate=chain, now=now)
        with database.write() as connection:
            device_id = register_device(connection, asked, by=account, now=now)
            note_certificate(connection, device_id, found, by=account, now=now)
            note(connection, account, "device.added", f"{asked.site}/{asked.device}", now)
    files.replace(out, bundle + b"\n")
    typer.echo(f"{asked.device} at {asked.site} is known. Its bundle is in {out}.")
    typer.echo(f"The office's fingerprint: {spoken(signing_key_id(office.operator.public_key()))}")
    typer.echo(f"Next, on the kiosk: clockface provision apply {out.name}")


def compare(asked: DeviceRequest, given: str) -> None:
    """Hold a request to the fingerprint that the kiosk itself shows.

    Raises:
        DeviceRefused: They differ.
    """
    own = signing_key_id(Ed25519PublicKey.from_public_bytes(from_text(asked.signing_key)))
    typer.echo(f"Kiosk {asked.device} at {asked.site}, software {asked.software}.")
    typer.echo(f"Fingerprint: {spoken(own)}")
    if not given:
        given = typer.prompt("Type the fingerprint that the kiosk itself shows (32 hex digits)")
    if "".join(given.split()).lower() != own:
        raise DeviceRefused(
            "the fingerprints differ: this request is not that kiosk's",
            where=f"{asked.site}/{asked.device}",
            next_step="let whoever stands before the kiosk read its screen again: clockface provision request",
        )


def issue(
    here: Invocation, asked: DeviceRequest, *, folder: Path, passphrase_file: Path | None, now: datetime
) -> str:
    """Have our own authority certify a kiosk's request; returns the certificate, PEM."""
    opened = open_authority(here, folder, passphrase_file)
    try:
        made = opened.issue(
            asked.certificate_request.encode(),
            DeviceIdentity(asked.site, asked.device),
            now=now,
            valid_for=timedelta(days=DEVICE_DAYS),
        )
        return pem(made).decode("ascii")
    finally:
        opened.close()


def office_keys(here: Invocation, operator_key: Path | None, database: Database) -> OfficeIdentityKeys:
    """What a bundle says of this office, and the key that signs it.

    Raises:
        OfficeError: No operator's key is named.
    """
    config = here.config
    chosen = operator_key or config.paths.operator_key
    if chosen is None:
        raise OfficeError("no operator's key is named", next_step="give --operator-key FILE")
    keys = read_receiver_keys(online=config.paths.online_key, sealing=config.paths.sealing_key)
    authorities = files.read(config.paths.tls_files.authorities, next_step="put ca.crt there")
    online = keys.online.public_key()
    operator = read_signing_key(chosen, ask=lambda: getpass.getpass("Pass phrase: "))
    with database.read() as connection:
        more_online = rotation.beside(connection, "online", online)
        more_operator = rotation.beside(connection, "operator", operator.public_key())
    return OfficeIdentityKeys(
        name=config.office.name,
        online=online,
        operator=operator,
        sealing=keys.sealing.public_key(),
        brokers=tuple(str(endpoint) for endpoint in config.broker.endpoints),
        authorities=authorities.decode("ascii"),
        more_online=more_online,
        more_operator=more_operator,
    )


def list_devices(context: typer.Context, as_json: AsJson = False) -> None:
    """Every kiosk: whether it is online, when it was last heard of, what it still holds."""
    with _opened(invocation(context)) as database, database.read() as connection:
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
    site, device = _name(name)
    epochs = schema.epochs
    with _opened(invocation(context)) as database, database.read() as connection:
        known = {(each["site"], each["device"]): each for each in _devices(connection)}
        found = known.get((site, device))
        if found is None:
            raise _unknown(name)
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


def tell_site_key(address: Address) -> None:
    """A kiosk that had the site's key is gone: the rest of the site should have another one."""
    typer.echo(
        f"If {address.site} has a site key, {address.device} had it. On a kiosk of {address.site} that stays: "
        f"clockface site rotate --without {address.device} (until then, alarm site_key_due)"
    )


def note(connection: Connection, account: str, action: str, subject: str, now: datetime) -> None:
    """Add an entry to the audit."""
    audit.append(connection, at_us=microseconds(now), actor=account, action=action, subject=subject)


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


def address_of(text: str) -> Address:
    """The address that SITE/DEVICE names.

    Raises:
        DeviceRefused: It is not of that form.
    """
    site, device = _name(text)
    return Address(site, device)


def _name(text: str) -> tuple[str, str]:
    try:
        address, _ = read_topic(f"clockface/v1/{text}/{Channel.EVENTS.value}")
    except WireError:
        raise _unknown(text[:80]) from None
    return address.site, address.device


def _unknown(name: str) -> DeviceRefused:
    return DeviceRefused("there is no such device", where=name, next_step="clockface-office device list")


def read_file(path: Path) -> bytes:
    """A request's bytes, bounded.

    Raises:
        DeviceRefused: It cannot be read.
    """
    try:
        return read_bounded(path, max_bytes=MAX_REQUEST_BYTES)
    except OSError as error:
        raise DeviceRefused(
            f"the request cannot be read: {error.strerror}", where=str(path), next_step=f"ls -l {path}"
        ) from None


@contextmanager
def _opened(here: Invocation) -> Iterator[Database]:
    database = open_database(database_settings(here.config.database))
    try:
        with database.read() as connection:
            operators.require(connection, operators.account_of(), operators.Role.VIEWER)
        yield database
    finally:
        database.close()


@contextmanager
def administration(here: Invocation) -> Iterator[tuple[Database, str]]:
    """The database and the account, which must be an administrator's.

    Raises:
        RoleMissing: It is not.
    """
    account = operators.account_of()
    with _opened(here) as database:
        with database.read() as connection:
            operators.require(connection, account, operators.Role.ADMINISTRATOR)
        yield database, account
