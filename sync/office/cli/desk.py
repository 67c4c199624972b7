"""What the commands of people at the office share: the open database, the account at the keyboard, printing.

Every read of attendance or devices is audited before it is answered, every act in its own transaction. Trust
boundary: the account is the kernel's word (`operators.account_of`); what is printed may come from anybody and
goes through `printable`, or out as ASCII JSON, so that no text steers a terminal or a table.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer
from rich.text import Text
from sqlalchemy import Connection

from clockface.cli.terminal import console, printable, table
from sync.office import audit
from sync.office.cli.context import invocation
from sync.office.config.tree import OfficeConfig
from sync.office.database import Database, open_database
from sync.office.operators import Role, account_of, require
from sync.office.storage import database_settings
from sync.office.timesheet import to_us, utc_text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Site = Annotated[str | None, typer.Option("--site", help="The site; needed where there are several.")]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Desk:
    """One command of one account.

    Args:
        clock: The time, aware.
    """

    database: Database
    config: OfficeConfig
    account: str
    clock: Callable[[], datetime]

    @property
    def now(self) -> datetime:
        """The time, aware."""
        return self.clock()

    @property
    def now_us(self) -> int:
        """Microseconds since 1970, UTC."""
        return to_us(self.clock())

    @contextmanager
    def reading(
        self, action: str, *, subject: str = "", detail: str = "", role: Role = Role.VIEWER
    ) -> Iterator[Connection]:
        """A transaction that only reads; that this account reads stands in the audit before it begins.

        Raises:
            RoleMissing: The account's role does not allow it.
        """
        with self.database.write() as connection:
            require(connection, self.account, role)
            audit.append(
                connection,
                at_us=self.now_us,
                actor=self.account,
                action=action,
                subject=subject,
                detail=detail,
            )
        with self.database.read() as connection:
            yield connection

    @contextmanager
    def acting(self, role: Role) -> Iterator[Connection]:
        """A transaction that writes; whatever is called in it adds its own entry to the audit.

        Raises:
            RoleMissing: The account's role does not allow it.
        """
        with self.database.write() as connection:
            require(connection, self.account, role)
            yield connection


@contextmanager
def desk(context: typer.Context) -> Iterator[Desk]:
    """Open the configured database for the account at the keyboard.

    Raises:
        DatabaseError: One of its children.
    """
    config = invocation(context).config
    database = open_database(database_settings(config.database))
    try:
        database.demand_current()
        yield Desk(database, config, account_of(), now)
    finally:
        database.close()


def now() -> datetime:
    """The system's time."""
    return datetime.now(UTC)


def stamp(moment_us: int | None) -> str | None:
    """A stored time as ISO text in UTC, to the second."""
    return None if moment_us is None else utc_text(moment_us)


def day_of(text: str) -> date:
    """A day as typed.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day is written 2026-03-02") from None


def show(rows: Iterable[Row], *, as_json: bool, columns: Sequence[str], empty: str) -> None:
    """Print rows: the columns as a table, or everything as JSON lines; `empty` where there is none."""
    if as_json:
        for row in rows:
            typer.echo(json_line(row))
        return
    made = table(*(name.replace("_", " ") for name in columns))
    for row in rows:
        made.add_row(*(Text(cell(row[name])) for name in columns))
    if made.row_count:
        console().print(made)
    else:
        typer.echo(empty)


def show_one(row: Row, *, as_json: bool) -> None:
    """Print one thing: a line a field, or a JSON object."""
    if as_json:
        typer.echo(json_line(row))
        return
    made = table()
    made.add_column()
    made.add_column(overflow="fold")
    for name, value in row.items():
        made.add_row(Text(name.replace("_", " "), style="bold"), Text(cell(value)))
    console().print(made)


def json_line(row: Row) -> str:
    """A row as one line of ASCII JSON."""
    return json.dumps(dict(row), ensure_ascii=True)


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(cell(each) for each in value)
    return printable(str(value))
