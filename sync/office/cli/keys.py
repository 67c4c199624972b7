"""`clockface-office keys`: another online or operator key, in steps: stage, switch, drop; status says how far.

Trust boundary: an administrator, who may write the key's folder. Private keys are in files only, never in an
argument, the output or the database.
"""

import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from sync.office import keyfiles, rotation, telling
from sync.office.cli.context import invocation
from sync.office.cli.desk import AsJson, Desk, desk, show
from sync.office.config.tree import OfficeConfig
from sync.office.errors import RotationRefused
from sync.office.keys import make_key, read_signing_key
from sync.office.known_keys import Purpose
from sync.office.operator_key import read_operator_key
from sync.office.operators import Role, require
from sync.wire.envelope import signing_key_id, spoken

app = typer.Typer(
    help="The office's own keys, online and operator: status, stage, approve, switch, drop.",
    no_args_is_help=True,
)
Which = Annotated[str, typer.Argument(metavar="online|operator", help="Which of the office's keys.")]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="SITE/DEVICE", help="A kiosk to leave behind; may be repeated."),
]
PASSPHRASE_LETTERS = 12


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="keys")


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """List the office's keys, and how many active kiosks believe each (viewer)."""
    with desk(context) as here, here.reading("key.listed") as connection:
        kiosks = rotation.kiosks(connection)
        rows: list[dict[str, Any]] = []
        for purpose in rotation.PURPOSES:
            for key_id, state in rotation.states(connection, purpose).items():
                lacking = [each.subject for each in kiosks if key_id not in (each.believes or ())]
                rows.append(
                    {
                        "key": purpose,
                        "state": state.value,
                        "fingerprint": spoken(key_id),
                        "believed_by": f"{len(kiosks) - len(lacking)} of {len(kiosks)}",
                        "not_by": lacking,
                    }
                )
    columns = ("key", "state", "fingerprint", "believed_by", "not_by")
    show(rows, as_json=as_json, columns=columns, empty="no key is known: start the receiver and the signer")


@app.command()
def stage(
    context: typer.Context,
    which: Which,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a pass phrase for the next operator's key.")
    ] = False,
) -> None:
    """Make the next key; the signer tells every kiosk to believe it beside the present one (administrator)."""
    purpose = _purpose(which)
    with desk(context) as here:
        _demand_administrator(here)
        path = _path(here.config, purpose)
        present = _read(context, here, purpose, path)
        with here.acting(Role.ADMINISTRATOR) as connection:
            rotation.begin(connection, purpose, present.public_key(), by=here.account, now=here.now)
        made = _make_next(path, ask=passphrase and purpose == "operator")
        key = _read_next(path)
        operator = present if purpose == "operator" else _operator_key(context, here)
        with here.acting(Role.ADMINISTRATOR) as connection:
            rotation.stage(
                connection,
                purpose,
                key.public_key(),
                present=present.public_key(),
                by=here.account,
                now=here.now,
            )
            _approve(here, connection, purpose, [present, key], operator=operator)
    typer.echo(
        f"The next {purpose} key is in {keyfiles.next_of(path)}" + ("." if made else " already; it was kept.")
    )
    typer.echo(f"Its fingerprint: {spoken(signing_key_id(key.public_key()))}")
    _tell_next(operator is not None, f"once all believe it: clockface-office keys switch {purpose}")


@app.command()
def approve(
    context: typer.Context,
    which: Which,
    yes: Annotated[bool, typer.Option("--yes", help="The fingerprints were compared.")] = False,
) -> None:
    """Sign, where the operator's key is, which online keys kiosks are to believe (administrator)."""
    if _purpose(which) != "online":
        raise typer.BadParameter("stage, switch and drop sign for the operator's key themselves")
    with desk(context) as here:
        _demand_administrator(here)
        with here.database.read() as connection:
            keys = rotation.believed(connection, "online")
            found = rotation.states(connection, "online")
        for key in keys:
            key_id = signing_key_id(key)
            typer.echo(f"{found[key_id].value}: {spoken(key_id)}")
        if not yes:
            typer.confirm(
                "Are these the online keys, as the receiver's machine shows them?", abort=True, err=True
            )
        operator = read_operator_key(
            here.config, invocation(context).environment, interactive=sys.stdin.isatty()
        )
        with here.acting(Role.ADMINISTRATOR) as connection:
            telling.approve(connection, "online", keys, key=operator, by=here.account, now=here.now)
    typer.echo("signed; the signer tells the kiosks within a minute")


@app.command()
def switch(context: typer.Context, which: Which, without: Without = None) -> None:
    """Work with the next key from now on; kiosks believe the previous one until `drop` (administrator)."""
    purpose, left = _purpose(which), frozenset(without or ())
    with desk(context) as here:
        _demand_administrator(here)
        path = _path(here.config, purpose)
        with here.database.read() as connection:
            following = rotation.switchable(connection, purpose, without=left)
        cut_off = not keyfiles.next_of(path).exists()  # a switch that was cut off after its files
        old = _read(context, here, purpose, keyfiles.previous_of(path) if cut_off else path)
        key = _read(context, here, purpose, path) if cut_off else _read_next(path)
        if signing_key_id(key.public_key()) != following:
            raise RotationRefused(
                "the key in the file is not the one that was staged",
                where=str(path),
                next_step=f"ls -l {path}*; put the staged key there, then run this again",
            )
        if not cut_off:
            keyfiles.switch_files(path)
        with here.acting(Role.ADMINISTRATOR) as connection:
            rotation.switch(connection, purpose, by=here.account, now=here.now)
            if purpose == "operator":
                _approve(here, connection, purpose, [key, old], operator=key)
    unit = "clockface-office" if purpose == "online" else "clockface-office-signer"
    typer.echo(f"The {purpose} key is {spoken(following)} now.")
    typer.echo(f"{unit} ends by itself and systemd starts it with the new key; elsewhere start it anew.")
    typer.echo(f"Next, when it works: clockface-office keys drop {purpose}")


@app.command()
def drop(context: typer.Context, which: Which, without: Without = None) -> None:
    """End the overlap: kiosks are told to forget the previous key, and its file goes (administrator)."""
    purpose = _purpose(which)
    with desk(context) as here:
        _demand_administrator(here)
        path = _path(here.config, purpose)
        key = _read(context, here, purpose, path)
        operator = key if purpose == "operator" else _operator_key(context, here)
        with here.acting(Role.ADMINISTRATOR) as connection:
            gone = rotation.drop(
                connection, purpose, by=here.account, now=here.now, without=frozenset(without or ())
            )
            _approve(here, connection, purpose, [key], operator=operator)
        keyfiles.drop_file(path)
    typer.echo(f"The previous {purpose} key {spoken(gone)} is retired.")
    _tell_next(operator is not None, "they refuse it once they have been told: clockface-office keys status")
    for each in without or ():
        typer.echo(f"Left behind: {each}. It needs a new bundle: clockface-office device add (docs/keys.md)")


def _approve(
    here: Desk,
    connection: Connection,
    purpose: Purpose,
    keys: Sequence[Ed25519PrivateKey],
    *,
    operator: Ed25519PrivateKey | None,
) -> None:
    if operator is not None:
        seen = [each.public_key() for each in keys]
        telling.approve(connection, purpose, seen, key=operator, by=here.account, now=here.now)


def _tell_next(signed: bool, then: str) -> None:
    if signed:
        typer.echo(f"The signer tells the kiosks within a minute. Next, {then}")
    else:
        typer.echo("Next, where the operator's key is: clockface-office keys approve online")
        typer.echo(f"Then, {then}")


def _make_next(path: Path, *, ask: bool) -> bool:
    following = keyfiles.next_of(path)
    phrase = _ask_twice() if ask and not following.exists() else ""
    return make_key(following, Ed25519PrivateKey.generate(), passphrase=phrase)


def _read_next(path: Path) -> Ed25519PrivateKey:
    ask = getpass.getpass
    return read_signing_key(keyfiles.next_of(path), ask=lambda: ask("Pass phrase of the next key: "))


def _operator_key(context: typer.Context, here: Desk) -> Ed25519PrivateKey | None:
    """The operator's key, where this account may read it: the receiver's must not."""
    path = here.config.paths.operator_key
    if path is None or not os.access(path, os.R_OK):
        return None
    return read_operator_key(here.config, invocation(context).environment, interactive=sys.stdin.isatty())


def _read(context: typer.Context, here: Desk, purpose: Purpose, path: Path) -> Ed25519PrivateKey:
    if purpose == "online":
        return read_signing_key(path)
    if path == here.config.paths.operator_key:
        return read_operator_key(here.config, invocation(context).environment, interactive=sys.stdin.isatty())
    return read_signing_key(path, ask=lambda: getpass.getpass(f"Pass phrase of {path.name}: "))


def _purpose(text: str) -> Purpose:
    for each in rotation.PURPOSES:
        if text == each:
            return each
    raise typer.BadParameter("online or operator")


def _path(config: OfficeConfig, purpose: Purpose) -> Path:
    path = config.paths.online_key if purpose == "online" else config.paths.operator_key
    if path is None:
        raise RotationRefused(
            "no operator's key is named here", where="paths.operator_key", next_step="run this where it is"
        )
    return path


def _demand_administrator(here: Desk) -> None:
    with here.database.read() as connection:
        require(connection, here.account, Role.ADMINISTRATOR)


def _ask_twice() -> str:
    phrase = getpass.getpass("Pass phrase of the next operator's key: ")
    if len(phrase) < PASSPHRASE_LETTERS or getpass.getpass("Once more: ") != phrase:
        raise typer.BadParameter(f"the two differ, or have fewer than {PASSPHRASE_LETTERS} characters")
    return phrase
