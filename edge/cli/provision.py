"""`clockface provision request` and `apply`: how a device and an office come to know each other.

Both work while the daemon is down, `request` also while it runs. Trust boundary: whoever runs them owns the
device; what comes from the office is believed after its fingerprint was compared, and only once.
"""

import json
import os
import pwd
import re
import sys
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from edge.cli.context import Invocation, invocation
from edge.cli.own_keys import keyring_of
from edge.clock import SystemClock
from edge.errors import BundleRefused, LedgerLocked, ProvisioningError
from edge.provisioning import (
    MAX_BUNDLE_BYTES,
    Asked,
    Believed,
    Folders,
    as_office,
    as_owner,
    ask,
    install_files,
    judge,
    office_key,
    replace_file,
)
from edge.setup.act import Strange, refuse_without_anybody, strange, witness
from edge.store.keys import Keyring, make_sealing_key
from edge.store.store import Store, ledger_path, open_store
from edge.types.identity import DeviceId
from sync.wire.envelope import spoken
from sync.wire.provisioning import Bundle
from sync.wire.topics import Address

TLS_FOLDER = Path("/etc/clockface/tls")
Tls = Annotated[Path, typer.Option("--tls", metavar="FOLDER", help="Folder of the TLS key and certificate.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(root: typer.Typer) -> None:
    """Put the group under the root."""
    from edge.cli.provision_guide import provision, replace  # they use what stands here
    from edge.cli.provision_retire import move, retire
    from edge.cli.provision_trial import trial

    group = typer.Typer(invoke_without_command=True)
    group.callback()(provision)
    group.command("request")(request)
    group.command("apply")(apply)
    group.command("test")(trial)
    group.command("retire")(retire)
    group.command("replace")(replace)
    group.command("move")(move)
    root.add_typer(group, name="provision")


def request(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the request is written.")],
    tls: Tls = TLS_FOLDER,
    as_json: Json = False,
) -> None:
    """Write the device's request, for the office to answer with a bundle."""
    here = invocation(context)
    asked, made = make_request(here, out=out, tls=tls)
    _report_request(here, asked, out=out, made=made, as_json=as_json)


def make_request(here: Invocation, *, out: Path, tls: Path) -> tuple[Asked, bool]:
    """Make the device's request and write it; returns it, and whether the sealing key was made.

    Raises:
        ProvisioningError, SecretError: What is missing or cannot be written.
    """
    folders = Folders(here.config.paths.state, tls)
    with as_owner(folders.state):
        keyring_of(here)  # a device without its first keys is not there yet: clockface init
        made = make_sealing_key(folders.state)
        keyring = keyring_of(here)
    clock = SystemClock(zone=ZoneInfo(here.config.device.timezone))
    asked = ask(keyring=keyring, address=_address(here), folders=folders, at=clock.now().wall)
    replace_file(out, asked.envelope + b"\n", mode=0o644)
    return asked, made


def _report_request(here: Invocation, asked: Asked, *, out: Path, made: bool, as_json: bool) -> None:
    if as_json:
        facts = {
            "site": here.config.device.site,
            "device": here.config.device.name,
            "request": str(out),
            "fingerprint": asked.fingerprint,
            "sealing_key_made": made,
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"The request of {here.config.device.name} at {here.config.device.site} is in {out}.")
    typer.echo(f"This device's fingerprint: {spoken(asked.fingerprint)}")
    typer.echo("The office compares it before it answers. No private key is in the file.")
    if made:
        typer.echo("A running daemon learns of the new sealing key when it starts: restart it after apply.")
    typer.echo("Next, at the office: clockface-office device add; then here: clockface provision apply BUNDLE")


def apply(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The office's answer; - is standard input.")],
    office_fingerprint: Annotated[
        str,
        typer.Option("--office-fingerprint", help="The operator key's fingerprint, as the office tells it."),
    ] = "",
    tls: Tls = TLS_FOLDER,
    as_json: Json = False,
) -> None:
    """Take the office's bundle: certificate, authorities, and whom to believe from now on."""
    here = invocation(context)
    found = take_bundle(here, bundle_bytes(bundle), fingerprint=office_fingerprint, tls=tls)
    _report_bundle(found, tls=tls, as_json=as_json)


def take_bundle(here: Invocation, raw: bytes, *, fingerprint: str, tls: Path) -> Bundle:
    """Judge a bundle, install it and believe its office from now on.

    Raises:
        BundleRefused: What does not hold, or a physical act is missing.
        ProvisioningError, SecretError, LedgerLocked: Our own half.
    """
    folders = Folders(here.config.paths.state, tls)
    with as_owner(folders.state):
        keyring = keyring_of(here)
        clock, store = open_stopped(here, keyring)
    try:
        known = store.office.current()
        anew = Strange.NOTHING if known is None else strange(raw, office=known, tls=tls)
        if anew is not Strange.NOTHING:
            refuse_without_anybody(here.config.trust)  # before anything is asked
        trusted = None if anew is Strange.OFFICE else known
        believed = Believed(trusted, None if trusted else _confirmed(office_key(raw), fingerprint))
        at = clock.now().wall
        found = judge(raw, believed=believed, keyring=keyring, address=_address(here), folders=folders, at=at)
        act = None if anew is Strange.NOTHING else witness(here.config.trust)  # last: it is used up
        install_files(found, tls)
        with as_owner(folders.state), store.database.write():
            if act is not None:
                store.audit.append("trust.reset", actor=account(), subject=found.id, detail=act.value)
            store.office.install(as_office(found, at=at, by=account()))
    finally:
        with as_owner(folders.state):
            store.close()
    return found


def _report_bundle(bundle: Bundle, *, tls: Path, as_json: bool) -> None:
    if as_json:
        facts = {
            "office": bundle.office,
            "bundle": bundle.id,
            "brokers": list(bundle.brokers),
            "certificate": str(tls / "device.crt"),
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"This device now believes the office {bundle.office!r}, and no other.")
    typer.echo(f"Installed {tls / 'device.crt'} and {tls / 'ca.crt'}.")
    typer.echo(f"In /etc/clockface/sync.toml: [broker] addresses = {json.dumps(list(bundle.brokers))}")
    typer.echo("Next: systemctl start clockface-edge; systemctl restart clockface-sync")


def account() -> str:
    """Who runs the command, as the kernel says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid:{os.getuid()}"


def _confirmed(signer: str, given: str) -> str:
    """The fingerprint that the installer vouches for, by option or by typing it."""
    if not given:
        given = typer.prompt("Type the office's fingerprint, as the office itself tells it (32 hex digits)")
    typed = re.sub(r"[\s:-]", "", given).lower()
    if typed != signer:
        raise BundleRefused(
            "the bundle is refused: it is signed with another key than the fingerprint says",
            next_step="ask the office for its fingerprint by telephone: clockface-office --help",
        )
    return typed


def bundle_bytes(path: Path) -> bytes:
    """What a bundle's file, or standard input where it is -, holds.

    Raises:
        ProvisioningError: It cannot be read; BundleRefused: it is too large.
    """
    if str(path) == "-":
        raw = sys.stdin.buffer.read(MAX_BUNDLE_BYTES + 1)
        if len(raw) > MAX_BUNDLE_BYTES:
            raise BundleRefused(f"the bundle is refused: it is larger than {MAX_BUNDLE_BYTES} bytes")
        return raw.strip()
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise ProvisioningError(
            f"the bundle cannot be read: {error.strerror}", where=str(path), next_step=f"ls -l {path}"
        ) from None
    if len(raw) > MAX_BUNDLE_BYTES:
        raise BundleRefused(f"the bundle is refused: it is larger than {MAX_BUNDLE_BYTES} bytes")
    return raw.strip()


def _address(here: Invocation) -> Address:
    return Address(here.config.device.site, here.config.device.name)


def open_stopped(here: Invocation, keyring: Keyring) -> tuple[SystemClock, Store]:
    """The ledger of a daemon that is stopped, with the clock no earlier than its last event.

    Raises:
        LedgerLocked: It runs; with what to type.
        StoreError, SecretError: The ledger does not open.
    """
    clock = SystemClock(zone=ZoneInfo(here.config.device.timezone))
    path = ledger_path(here.config.paths.state)
    try:
        store = open_store(
            path,
            keyring=keyring,
            clock=clock,
            device=DeviceId(here.config.device.name),
            site=here.config.device.site,
        )
    except LedgerLocked:
        raise LedgerLocked(
            "the daemon runs, and it alone writes the ledger",
            where=str(path),
            next_step="systemctl stop clockface-edge, repeat this command, systemctl start clockface-edge",
        ) from None
    floor = store.clock.floor()
    if floor is not None:
        clock.raise_floor(floor)
    return clock, store
