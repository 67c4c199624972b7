"""`clockface-office init`: the office's keys and its database, made once; safe to repeat.

Trust boundary: whoever runs it becomes the first administrator. The operator's key belongs on the machine of
the operator; where none is named none is made.
"""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sync.office import operators
from sync.office.cli.context import invocation
from sync.office.database import open_database
from sync.office.keys import make_key, read_signing_key
from sync.office.rows import microseconds
from sync.office.storage import database_settings
from sync.wire.envelope import signing_key_id, spoken


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("init")(init)


def init(
    context: typer.Context,
    operator_key: Annotated[
        Path | None,
        typer.Option(
            "--operator-key", metavar="FILE", help="Make the operator's key here; else paths.operator_key."
        ),
    ] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a pass phrase for the operator's key.")
    ] = False,
) -> None:
    """Make the online key, the sealing key, the operator's key and the database; what exists is kept."""
    config = invocation(context).config
    _make("online key", config.paths.online_key, Ed25519PrivateKey.generate())
    _make("sealing key", config.paths.sealing_key, X25519PrivateKey.generate())
    _prepare_database(context)
    chosen = operator_key or config.paths.operator_key
    if chosen is None:
        typer.echo("No operator's key was made here: name one with --operator-key FILE where it belongs.")
        return
    phrase = _ask_twice() if passphrase and not chosen.exists() else ""
    _make("operator's key", chosen, Ed25519PrivateKey.generate(), passphrase=phrase)
    key = read_signing_key(chosen, ask=lambda: phrase or getpass.getpass("Pass phrase: "))
    typer.echo(f"The office's fingerprint: {spoken(signing_key_id(key.public_key()))}")
    typer.echo("Installers compare it when a kiosk takes its bundle.")


def _make(what: str, path: Path, key: Ed25519PrivateKey | X25519PrivateKey, *, passphrase: str = "") -> None:
    made = make_key(path, key, passphrase=passphrase)
    typer.echo(f"The {what} is in {path}" + ("." if made else " already; it was kept."))


def _ask_twice() -> str:
    phrase = getpass.getpass("Pass phrase of the operator's key: ")
    if len(phrase) < 12 or getpass.getpass("Once more: ") != phrase:
        raise typer.BadParameter("the two differ, or have fewer than 12 characters")
    return phrase


def _prepare_database(context: typer.Context) -> None:
    config = invocation(context).config
    database = open_database(database_settings(config.database))
    try:
        before, after = database.upgrade()
        account = operators.account_of()
        now_us = microseconds(datetime.now(UTC))
        with database.write() as connection:
            if not operators.listed(connection):
                operators.grant(connection, account, operators.Role.ADMINISTRATOR, by=account, at_us=now_us)
    finally:
        database.close()
    done = "was there already" if before == after else f"is at schema {after}"
    typer.echo(f"The database {done}: {database.settings.where}")
