"""`clockface site`: the key under which templates travel between kiosks, and which no office has.

Works on files, beside a running daemon, which takes a new key when it starts. Trust boundary: whoever runs it
owns the device. A key leaves it only sealed: to the next kiosk, whose fingerprint a person compares, or under
a passphrase on paper.
"""

import json
import os
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from clockface.bounded import read_bounded
from clockface.errors import ConfigError, SecretInvalid, SecretMissing
from edge.cli.context import Invocation, invocation
from edge.cli.own_keys import keyring_of
from edge.clock import SystemClock
from edge.provisioning import as_owner, replace_file
from edge.store.keys import Keyring
from edge.store.sitedevices import SiteDevices
from edge.store.sitekey import (
    SiteKey,
    SiteKeyPlace,
    SiteKeys,
    in_groups,
    load_site_keys,
    new_site_key,
    same_fingerprint,
    store_site_keys,
)
from edge.store.siterecovery import MIN_PASSPHRASE, read_recovery, write_recovery
from edge.store.sitewrap import Receiver, read_receiver, unwrap, wrap
from sync.wire.fields import format_time

MAX_FILE_BYTES = 192 * 1024
WRAPPED = "site-key-{}.json"  # of a rotation, in a folder
RESTART = "systemctl restart clockface-edge"
WARNING = (
    "The site key stands on this kiosk and on those that you give it to. If all of them are lost, the\n"
    "recovery text and its passphrase together bring it back; without both, templates open nowhere any more,\n"
    "and everybody has to be enrolled again. Clocking in goes on meanwhile."
)

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="Read the passphrase's first line from FILE."),
]
Fingerprint = Annotated[str, typer.Option("--fingerprint", help="As compared; else it is asked for.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether to go on.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(root: typer.Typer) -> None:
    """Put the group under the root."""
    group = typer.Typer(no_args_is_help=True, help="Let templates travel between a site's kiosks.")
    for command in (init, show, wrap_for, accept, recover, rotate):
        group.command(command.__name__.removesuffix("_for"))(command)
    root.add_typer(group, name="site")


def init(context: typer.Context, passphrase_file: PassphraseFile = None, yes: Yes = False) -> None:
    """Make the site key, once for the whole site, and print its recovery text, once."""
    make_site_key(invocation(context), passphrase_file=passphrase_file, yes=yes)


def make_site_key(here: Invocation, *, passphrase_file: Path | None, yes: bool) -> None:
    """Make the site key and print its recovery text.

    Raises:
        SecretInvalid: This device has one already, or the passphrase is too short.
    """
    place = _place(here)
    with as_owner(place.state):
        if load_site_keys(place) is not None:
            raise SecretInvalid(
                "this device has a site key already", where=str(place.file), next_step="clockface site show"
            )
        _make(here, place, SiteKeys(()), passphrase_file=passphrase_file, yes=yes)


def rotate(
    context: typer.Context,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="NAME", help="A kiosk that is gone; it gets the new key no more."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where the key is put for the other kiosks, a file each."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
) -> None:
    """Make a new site key when a kiosk was lost, retired or moved: templates go out anew under it."""
    here = invocation(context)
    place = _place(here)
    with as_owner(place.state):
        before, devices = _held(place), SiteDevices(place.state)
        if out is not None and not out.is_dir():
            raise ConfigError("there is no such folder", where=str(out), next_step=f"mkdir {out}")
        key = _make(here, place, before, passphrase_file=passphrase_file, yes=yes)
        gone = [name for name in without or [] if not devices.drop(name)]
        others = devices.given(here.config.device.site)
        own = keyring_of(here)
    for name in gone:
        typer.echo(
            f"{name} did not get the site key from this kiosk; from which it did: --without {name} there."
        )
    if out is not None:
        for each in others:
            _hand_out(here, key, each, own=own, out=out / WRAPPED.format(each.device))
            typer.echo(
                f"For {each.device}: {out / WRAPPED.format(each.device)}; there: clockface site accept {out}"
            )
    elif others:
        names = ", ".join(each.device for each in others)
        typer.echo(f"The kiosks that got the key from this one: {names}. For each: clockface site wrap")
    typer.echo(
        "Every other kiosk of the site needs it too: clockface site wrap, there clockface site accept.\n"
        "What the lost kiosk holds stays readable to whoever has it: revoke its certificate at the office."
    )


def show(context: typer.Context, as_json: Json = False) -> None:
    """Print the fingerprints of the site key and of this device; no key."""
    here = invocation(context)
    with as_owner(here.config.paths.state):
        keys, own = load_site_keys(_place(here)), keyring_of(here)
    held = () if keys is None else keys.keys
    if as_json:
        facts = {
            "site": here.config.device.site,
            "device": here.config.device.name,
            "fingerprint": own.signing.key_id,
            "site_keys": [key.key_id for key in held],
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"This device's fingerprint: {in_groups(own.signing.key_id)}")
    if not held:
        typer.echo("No site key: templates stay on this kiosk.")
        typer.echo("Next: clockface site init on the site's first kiosk, clockface site accept on the others")
    for index, key in enumerate(held):
        typer.echo(f"Site key, {'seals and opens' if index == 0 else 'opens only'}: {key.fingerprint}")


def wrap_for(
    context: typer.Context,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="The other kiosk's provisioning request.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the wrapped key is written.")],
    fingerprint: Fingerprint = "",
) -> None:
    """Seal the site key to the site's next kiosk, after its fingerprint was compared."""
    here = invocation(context)
    receiver = read_receiver(_read(request), site=here.config.device.site)
    with as_owner(here.config.paths.state):
        keys, own = _held(_place(here)), keyring_of(here)
    typed = fingerprint or typer.prompt(
        f"Type the fingerprint that `clockface site show` prints on {receiver.device} (32 hex digits)"
    )
    if not same_fingerprint(typed, receiver.fingerprint):
        raise SecretInvalid(
            "the site key is not given: the request is of a device with another fingerprint",
            where=str(request),
            next_step=f"make the request anew on {receiver.device}: clockface provision request",
        )
    _hand_out(here, keys.sealing, receiver, own=own, out=out)
    with as_owner(here.config.paths.state):
        SiteDevices(here.config.paths.state).note_given(receiver)
    typer.echo(f"The site key for {receiver.device} is in {out}; only that device can open it.")
    typer.echo(f"Site key: {keys.sealing.fingerprint}")
    typer.echo(
        f"Next, on {receiver.device}: clockface site accept {out.name}, and compare the site key's fingerprint"
    )


def _hand_out(here: Invocation, key: SiteKey, receiver: Receiver, *, own: Keyring, out: Path) -> None:
    """Write the key, sealed to one kiosk."""
    clock = SystemClock(zone=ZoneInfo(here.config.device.timezone))
    wrapped = wrap(
        key,
        receiver,
        giver=here.config.device.name,
        signing=own.signing.private,
        at=format_time(clock.now().wall),
    )
    replace_file(out, wrapped + b"\n", mode=0o644)


def accept(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="What `clockface site wrap` wrote for this kiosk, or the folder of a rotation."
        ),
    ],
    fingerprint: Fingerprint = "",
) -> None:
    """Take the site key that another kiosk sealed to this one, after its fingerprint was compared."""
    take_site_key(invocation(context), file, fingerprint)


def holds_site_key(here: Invocation) -> bool:
    """Whether this device has the site key."""
    with as_owner(here.config.paths.state):
        return load_site_keys(_place(here)) is not None


def take_site_key(here: Invocation, file: Path, fingerprint: str) -> None:
    """Open a wrapped site key and keep it, if it is the one of that fingerprint.

    Raises:
        SecretError: It is for another device, altered, or another key.
    """
    place = _place(here)
    with as_owner(place.state):
        own, before = keyring_of(here), load_site_keys(place)
        if own.sealing is None:
            raise SecretMissing(
                "the device has no sealing key",
                where=str(place.file.parent),
                next_step="clockface provision request",
            )
        if file.is_dir():
            file = file / WRAPPED.format(here.config.device.name)
        key, wrapped = unwrap(
            _read(file), site=here.config.device.site, device=here.config.device.name, sealing=own.sealing
        )
        devices = SiteDevices(place.state)
        known = before is not None and devices.giver(wrapped.giver) == wrapped.giver_fingerprint
        typed = fingerprint or (key.key_id if known else _site_fingerprint(wrapped.giver))
        if not same_fingerprint(typed, key.key_id):
            raise SecretInvalid(
                "the site key is not taken: the file holds another one than its fingerprint says",
                where=str(file),
                next_step=f"clockface site wrap, again, on {wrapped.giver}",
            )
        _keep(place, key, before, made_here=False)
        devices.note_giver(wrapped.giver, wrapped.giver_fingerprint)


def _site_fingerprint(giver: str) -> str:
    asked: str = typer.prompt(f"Type the site key's fingerprint, as `clockface site show` prints it on {giver}")
    return asked


def recover(
    context: typer.Context,
    text_file: Annotated[
        Path | None,
        typer.Option(
            "--text-file", metavar="FILE", help="Read the recovery text from FILE; else it is asked for."
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Bring the site key back from the recovery text and its passphrase."""
    here = invocation(context)
    place = _place(here)
    if text_file is None:
        text = typer.prompt("The recovery text, its eight lines as one")
    else:
        text = _read(text_file).decode("utf-8", "replace")
    passphrase = _passphrase(passphrase_file, confirm=False)
    key = read_recovery(text, site=here.config.device.site, passphrase=passphrase)
    with as_owner(place.state):
        _keep(place, key, load_site_keys(place), made_here=False)


def _make(
    here: Invocation, place: SiteKeyPlace, before: SiteKeys, *, passphrase_file: Path | None, yes: bool
) -> SiteKey:
    """Make a key, its recovery text first: what was not printed is not used."""
    typer.echo(WARNING)
    if not yes:
        typer.confirm("Make a site key?", abort=True)
    keyring_of(here)  # a device without its first keys is not there yet: clockface init
    key = new_site_key()
    text = write_recovery(
        key, site=here.config.device.site, passphrase=_passphrase(passphrase_file, confirm=True)
    )
    typer.echo(
        f"\nRecovery text of site {here.config.device.site}, printed this once. Write it on paper, without the"
    )
    typer.echo(f"passphrase, and keep both apart:\n\n{text}\n")
    _keep(place, key, before if before.keys else None, made_here=True)
    return key


def _keep(place: SiteKeyPlace, key: SiteKey, before: SiteKeys | None, *, made_here: bool) -> None:
    keys = SiteKeys((key,)) if before is None else before.behind(key)
    file = store_site_keys(place, keys, made_here=made_here)
    typer.echo(f"Site key: {key.fingerprint}, in {file} (mode 0400)")
    typer.echo(f"Next: {RESTART}")


def _passphrase(file: Path | None, *, confirm: bool) -> str:
    if file is not None:
        lines = _read(file).decode("utf-8", "replace").splitlines()
        return lines[0] if lines else ""
    asked: str = typer.prompt(
        f"Passphrase of the recovery text, {MIN_PASSPHRASE} characters or more",
        hide_input=True,
        confirmation_prompt=confirm,
    )
    return asked


def _held(place: SiteKeyPlace) -> SiteKeys:
    keys = load_site_keys(place)
    if keys is None:
        raise SecretMissing(
            "this device has no site key", where=str(place.file), next_step="clockface site init"
        )
    return keys


def _place(here: Invocation) -> SiteKeyPlace:
    return SiteKeyPlace.of(here.config.paths.state, here.environment)


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, max_bytes=MAX_FILE_BYTES).strip()
    except OSError as error:
        raise ConfigError(
            f"a file cannot be read: {error.strerror or os.strerror(error.errno or 0)}",
            where=str(path),
            next_step=f"ls -l {path}",
        ) from None
