"""`clockface backup`: make encrypted backups while the kiosk works, check them, and restore one.

A backup is encrypted to a recovery key: its public half stays on the device, its private half (under a
passphrase) does not. Trust boundary: create may run unattended; restore needs the private half, the stopped
daemon, and the device's name typed in where there is a ledger.
"""

import getpass
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from clockface.bounded import read_bounded
from clockface.errors import SecretInvalid
from clockface.secretfiles import replace_secret, write_secret
from edge import __version__
from edge.cli.asking import asking
from edge.cli.backup_files import old_backups, remove_backups
from edge.cli.context import Invocation, invocation
from edge.clock import SystemClock
from edge.daemon.backups import FILE as LAST_BACKUP
from edge.errors import BackupRefused, StoreError
from edge.provisioning import as_owner
from edge.store.backup import Manifest, check, describe, new_recovery_key, open_recovery_key, seal, unseal
from edge.store.database import owning
from edge.store.erasures import FILE, Erasures
from edge.store.keyplace import CREDENTIALS, STORAGE_FILES, find_place
from edge.store.ledgerfile import create_file
from edge.store.restoring import DRAFT_FOLDER, add_keys, keys_of, restore
from edge.store.siterecovery import MIN_PASSPHRASE
from edge.store.store import ledger_path

RECIPIENT_FILE: Final = "backup_recipient"  # in the state folder: the public half
MAX_KEY_BYTES: Final = 8192

app = typer.Typer(help="Encrypted backups of the ledger: make, check, restore.", no_args_is_help=True)

BackupFile = Annotated[Path, typer.Argument(metavar="BACKUP", help="A file of `clockface backup create`.")]
KeyFile = Annotated[Path, typer.Option("--key", metavar="FILE", help="The private recovery key.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="Read the passphrase's first line from FILE."),
]


def register(root: typer.Typer) -> None:
    """Put the group under the root."""
    root.add_typer(app, name="backup")


@app.command()
def key(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the private half is written.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make the recovery key: its public half stays here, its private half goes to a safe place."""
    state = invocation(context).config.paths.state
    public_file = state / RECIPIENT_FILE
    if os.path.lexists(public_file):
        raise SecretInvalid(
            "this device has a recovery key already",
            where=str(public_file),
            next_step=f"rm {public_file}, if its private half is lost; older backups stay bound to it",
        )
    passphrase = _passphrase(passphrase_file, confirm=True)
    if len(passphrase) < MIN_PASSPHRASE:
        raise SecretInvalid(f"the passphrase is shorter than {MIN_PASSPHRASE} characters")
    private, public = new_recovery_key(passphrase)
    if not write_secret(out, private.decode("ascii")):
        raise StoreError("a file of that name exists", where=str(out), next_step="name another file")
    with as_owner(state):
        write_secret(public_file, public + "\n")
    typer.echo(f"Recovery key {public}")
    typer.echo(f"Its private half is in {out}, under the passphrase. Take it away from this device, with no")
    typer.echo("copy left here, and keep the passphrase elsewhere: without both no backup can be opened.")


@app.command()
def create(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Where; without it: backup.folder.")
    ] = None,
    if_configured: Annotated[
        bool, typer.Option("--if-configured", help="For the timer: no folder or key set up is no failure.")
    ] = False,
) -> None:
    """Make a backup while the kiosk goes on. In backup.folder, those that are over are removed after it."""
    here = invocation(context)
    to = to or here.config.backup.folder
    state = here.config.paths.state
    if if_configured and not (to is not None and os.path.lexists(state / RECIPIENT_FILE)):
        typer.echo("No backup: backup.folder is not set, or there is no recovery key (clockface backup key).")
        return
    if to is None:
        raise typer.BadParameter("say where: --to FOLDER, or set backup.folder")
    with as_owner(state):
        recipient = _small(state / RECIPIENT_FILE, next_step="clockface backup key --out FILE").decode()
        place = find_place(state=state, environment=here.environment)
        lists = place.read(STORAGE_FILES[0]), place.read(STORAGE_FILES[1])
        erasures = Erasures(state / FILE).count()  # before the copy: at worst one act is repeated in vain
    at = datetime.now(UTC)
    name = f"clockface-{here.config.device.site}-{here.config.device.name}-{at:%Y%m%dT%H%M%SZ}.age"
    copy = to / f".{name}.copy"
    try:
        create_file(copy)
        with asking(context) as client, copy.open("wb") as file:
            client.copy_ledger(file.write)
            clock_trusted = client.status().clock.trust != "unsynchronised"
        made_at = at.isoformat(timespec="seconds")
        manifest = describe(copy, made_at=made_at, software=__version__, erasures=erasures, keys=lists)
        seal(copy, manifest, recipient=recipient, target=to / name)
    finally:
        copy.unlink(missing_ok=True)
    with as_owner(state):
        replace_secret(state / LAST_BACKUP, made_at + "\n")
    typer.echo(f"Made {to / name}")
    _tell(manifest)
    old = old_backups(here.config, now=at)
    if old and not clock_trusted:
        typer.echo(
            f"{len(old)} old backups stay: the clock cannot be trusted. Next: clockface doctor", err=True
        )
    elif gone := remove_backups(old):
        typer.echo(f"Removed {gone} backups of more than {here.config.retention.backups_days} days ago.")


@app.command()
def verify(
    context: typer.Context, backup: BackupFile, key_file: KeyFile, passphrase_file: PassphraseFile = None
) -> None:
    """Decrypt a backup beside this device's ledger, and open everything that it holds."""
    here = invocation(context)
    identity = open_recovery_key(_small(key_file), _passphrase(passphrase_file, confirm=False))
    with as_owner(here.config.paths.state), _workshop(here.config.paths.state) as folder:
        manifest = unseal(backup, identity=identity, target=folder / "ledger.db")
        opened = check(folder / "ledger.db", manifest)
    _tell(manifest)
    typer.echo(f"It holds: {opened} encrypted rows open with the keys that it carries.")


@app.command("restore")
def restore_backup(
    context: typer.Context,
    backup: BackupFile,
    key_file: KeyFile,
    passphrase_file: PassphraseFile = None,
    confirm: Annotated[str, typer.Option("--confirm", help="The device's name; else it is asked for.")] = "",
) -> None:
    """Put a backup's ledger into the place of this device's, under a new epoch. The daemon must be stopped."""
    here = invocation(context)
    state = here.config.paths.state
    _refuse_sealed()
    identity = open_recovery_key(_small(key_file), _passphrase(passphrase_file, confirm=False))
    with as_owner(state):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with owning(ledger_path(state)), _workshop(state) as folder:
            draft = folder / "ledger.db"
            manifest = unseal(backup, identity=identity, target=draft)
            check(draft, manifest)
            _tell(manifest)
            _refuse_other(here, manifest)
            if os.path.lexists(ledger_path(state)):
                _confirm(here.config.device.name, confirm)
            add_keys(state, manifest)
            done = restore(
                draft,
                manifest,
                state=state,
                clock=SystemClock(zone=ZoneInfo(here.config.device.timezone)),
                keyring=keys_of(state),
                actor=getpass.getuser(),
            )
    typer.echo(f"Restored under epoch {done.epoch} ({done.reason}); {done.repeated} later acts were repeated.")
    if done.aside is not None:
        typer.echo(f"The ledger that was here is {done.aside}: destroy it once nobody needs it.")
    typer.echo("Next: systemctl start clockface-edge; clockface ledger verify; the office sends the rest again")
    if done.reason == "replaced":
        typer.echo("This device signs with another key than the backup's: have the office know it,")
        typer.echo("clockface provision request")


def _confirm(device: str, typed: str) -> None:
    typer.echo("What was recorded since the backup and has not reached the office is lost from this ledger.")
    if (
        typed or typer.prompt(f"There is a ledger here. Type the device's name ({device}) to replace it")
    ) != device:
        raise BackupRefused("the device's name was not typed; nothing was changed")


def _refuse_other(here: Invocation, manifest: Manifest) -> None:
    if (manifest.site, manifest.device) != (here.config.device.site, here.config.device.name):
        raise BackupRefused(
            f"the backup is of device {manifest.device} of site {manifest.site}",
            where="device.name, device.site",
            next_step="configure this device as that one, if it takes its place",
        )


def _refuse_sealed() -> None:
    if any(os.path.lexists(Path("/") / CREDENTIALS / name) for name in STORAGE_FILES):
        raise SecretInvalid(
            "the storage keys are sealed credentials, which a restore does not change",
            where=str(Path("/") / CREDENTIALS),
            next_step="see docs/backup.md, Sealed keys",
        )


@contextmanager
def _workshop(state: Path) -> Iterator[Path]:
    """A folder of our own in the state folder: what is decrypted there has the state's protection."""
    folder = state / f"{DRAFT_FOLDER}-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(manifest: Manifest) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in manifest.counts.items())
    typer.echo(f"Device {manifest.device} of site {manifest.site}, {manifest.made_at}: {counts};")
    typer.echo(f"up to epoch {manifest.epoch}, event {manifest.seq}; {manifest.bytes // 1024} KiB of ledger.")


def _passphrase(file: Path | None, *, confirm: bool) -> str:
    if file is not None:
        return (_small(file).decode("utf-8", "replace").splitlines() or [""])[0]
    asked: str = typer.prompt(
        f"Passphrase of the recovery key, {MIN_PASSPHRASE} characters or more",
        hide_input=True,
        confirmation_prompt=confirm,
    )
    return asked


def _small(path: Path, *, next_step: str | None = None) -> bytes:
    try:
        return read_bounded(path, max_bytes=MAX_KEY_BYTES)
    except OSError as error:
        raise BackupRefused(
            f"a file cannot be read: {error.strerror}", where=str(path), next_step=next_step or f"ls -l {path}"
        ) from None
