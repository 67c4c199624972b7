"""`clockface-office device retire` and `replace`: the office's half of a kiosk's end, and of its successor.

Trust boundary: as `sync.office.cli.device`: an administrator types them, and compares a fingerprint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, select

from sync.office import revocation
from sync.office.authority import files
from sync.office.authority.authority import KEY_FILE, Authority
from sync.office.authority.revoked import Reason
from sync.office.cli.authority import open_authority
from sync.office.cli.ca import FOLDER, PassphraseOption, tell_what_to_copy
from sync.office.cli.context import Invocation, invocation
from sync.office.cli.device_bundle import answer, asked_in, compare, office_keys
from sync.office.cli.device_desk import Name, address_of, administration, tell_site_key
from sync.office.database import schema
from sync.office.errors import DeviceRefused
from sync.office.registration import note_certificate
from sync.office.replacement import Replaced, last_of, replace_device
from sync.office.revocation import Trusted
from sync.wire.envelope import signing_key_id, spoken
from sync.wire.topics import Address

AuthorityFolder = Annotated[
    Path, typer.Option("--authority", metavar="FOLDER", help="Our own authority, where it is here.")
]


def retire(
    context: typer.Context,
    name: Name,
    authority: AuthorityFolder = FOLDER,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Take a kiosk out of use in good order: what it still sends is taken, it gets nothing more."""
    here, address, now = invocation(context), address_of(name), datetime.now(UTC)
    with administration(here) as (database, account), _authority(here, authority, passphrase_file) as opened:
        with database.read() as connection:
            itself = _said_so(connection, address)
            last = _frontier(connection, address)
        with database.write() as connection:
            if not itself:
                revocation.end_device(connection, address, state="retired", by=account, now=now)
        if opened is not None and itself:  # else it may have to deliver yet
            revocation.revoke_certificates(opened, address, reason="retired", trusted=last, now=now)
    typer.echo(f"{name} is retired" + (": it has said so itself." if itself else "."))
    if last is not None:
        typer.echo(f"The newest event of it that is here: {last.epoch}/{last.seq}.")
    if not itself:
        typer.echo(
            "It has not said so itself: it may hold events that are not here, and has its keys and people. On "
            "it: clockface provision retire"
        )
    by_hand = f"clockface-office ca revoke {name} --reason retired"
    if itself:
        _tell_certificates(opened, authority, by_hand)
    else:
        typer.echo(f"Its certificate stays, for what it may deliver yet. After that: {by_hand}")
    tell_site_key(address)


def replace(
    context: typer.Context,
    name: Name,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="From the new hardware.")],
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="Where the answer is written.")],
    reason: Annotated[Reason, typer.Option("--reason", help="What became of the old hardware.")] = "replaced",
    last_trusted: Annotated[
        str,
        typer.Option(
            "--last-trusted",
            metavar="EPOCH/SEQ",
            help='Of the old hardware; "frontier": the newest event that is here.',
        ),
    ] = revocation.FRONTIER,
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", help="As the new hardware shows it; else it is asked for.")
    ] = "",
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="From an authority of your own.")
    ] = None,
    authority: AuthorityFolder = FOLDER,
    passphrase_file: PassphraseOption = None,
    operator_key: Annotated[
        Path | None, typer.Option("--operator-key", metavar="FILE", help="Else paths.operator_key.")
    ] = None,
) -> None:
    """Let new hardware take the place of a broken or lost kiosk: its name, another key, a new history."""
    here, address, now = invocation(context), address_of(name), datetime.now(UTC)
    asked = asked_in(request)
    if asked.address != address:
        raise DeviceRefused(
            f"the request is of {asked.site}/{asked.device}, which is another name",
            where=name,
            next_step="on the new hardware, name it as the old one: clockface provision replace --name",
        )
    compare(asked, fingerprint)
    with administration(here) as (database, account):
        with database.read() as connection:
            trusted = last_of(connection, address, last_trusted)
        office = office_keys(here, operator_key, database)
        with _authority(here, authority, passphrase_file) as opened:
            if opened is not None:
                revocation.revoke_certificates(opened, address, reason=reason, trusted=trusted, now=now)
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
            done = replace_device(connection, asked, trusted=trusted, reason=reason, by=account, now=now)
            note_certificate(connection, done.device_id, made.certificate, by=account, now=now)
    files.replace(out, made.bundle + b"\n")
    _tell_replaced(name, done)
    typer.echo(f"Its bundle is in {out}.")
    typer.echo(f"The office's fingerprint: {spoken(signing_key_id(office.operator.public_key()))}")
    _tell_certificates(opened, authority, _by_hand(name, reason, trusted))
    tell_site_key(address)
    typer.echo(f"Next, on the new hardware: clockface provision --bundle {out.name}")


def _by_hand(name: str, reason: str, trusted: Trusted | None) -> str:
    until = "" if trusted is None else f" --last-trusted {trusted.epoch}/{trusted.seq}"
    return f"clockface-office ca revoke {name} --reason {reason}{until}, but not the certificate just made"


def _tell_replaced(name: str, done: Replaced) -> None:
    typer.echo(f"{name} is known anew, and the old hardware's key and certificate count no more.")
    if done.trusted is None:
        typer.echo("No event of the old hardware ever came.")
        return
    typer.echo(f"The last event of the old hardware that is trusted: {done.trusted.epoch}/{done.trusted.seq}.")
    if done.behind:
        typer.echo(
            f"{done.behind} events of it that came after that are here already; they stay. Look at them: "
            f"clockface-office events --device {name}"
        )


def _tell_certificates(opened: Authority | None, folder: Path, by_hand: str) -> None:
    if opened is None:
        typer.echo(f"Where the authority is: {by_hand}")
    else:
        tell_what_to_copy(folder)


@contextmanager
def _authority(here: Invocation, folder: Path, passphrase_file: Path | None) -> Iterator[Authority | None]:
    """Our own authority, where it is on this machine."""
    opened = open_authority(here, folder, passphrase_file) if (folder / KEY_FILE).exists() else None
    try:
        yield opened
    finally:
        if opened is not None:
            opened.close()


def _said_so(connection: Connection, address: Address) -> bool:
    """Whether the kiosk's own last event has retired it."""
    devices = schema.devices
    row = connection.execute(
        select(devices.c.state, devices.c.ended_by).where(
            devices.c.site == address.site, devices.c.device == address.device
        )
    ).first()
    return row is not None and row.state == "retired" and row.ended_by == f"{address.site}/{address.device}"


def _frontier(connection: Connection, address: Address) -> Trusted | None:
    try:
        return revocation.trusted_event(connection, address, revocation.FRONTIER)
    except DeviceRefused:
        return None
