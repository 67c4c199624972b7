"""What the commands about one kiosk share: its name, who may ask, the audit, a word on the site key."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import Connection

from sync.office import audit, operators
from sync.office.cli.context import Invocation
from sync.office.database import Database, open_database
from sync.office.errors import DeviceRefused
from sync.office.rows import microseconds
from sync.office.storage import database_settings
from sync.wire.canonical import WireError
from sync.wire.topics import Address, Channel, read_topic

Name = Annotated[str, typer.Argument(metavar="SITE/DEVICE")]


def tell_site_key(address: Address) -> None:
    """A kiosk that had the site's key is gone: the rest of the site should have another one."""
    typer.echo(
        f"If {address.site} has a site key, {address.device} had it. On a kiosk of {address.site} that stays: "
        f"clockface site rotate --without {address.device} (until then, alarm site_key_due)"
    )


def note(connection: Connection, account: str, action: str, subject: str, now: datetime) -> None:
    """Add an entry to the audit."""
    audit.append(connection, at_us=microseconds(now), actor=account, action=action, subject=subject)


def address_of(text: str) -> Address:
    """The address that SITE/DEVICE names.

    Raises:
        DeviceRefused: It is not of that form.
    """
    try:
        address, _ = read_topic(f"clockface/v1/{text}/{Channel.EVENTS.value}")
    except WireError:
        raise unknown(text[:80]) from None
    return address


def unknown(name: str) -> DeviceRefused:
    """The error for a kiosk that is not here."""
    return DeviceRefused("there is no such device", where=name, next_step="clockface-office device list")


@contextmanager
def looking(here: Invocation) -> Iterator[Database]:
    """The database, for an account that may at least look.

    Raises:
        RoleMissing: It may not.
    """
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
    with looking(here) as database:
        with database.read() as connection:
            operators.require(connection, account, operators.Role.ADMINISTRATOR)
        yield database, account
