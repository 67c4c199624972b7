"""The real command in this process, on a database of either engine."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sync.office import operators
from sync.office.cli.main import PROGRAM
from sync.office.database import Database, DatabaseSettings, SQLiteSettings
from sync.office.operators import Role

# What somebody may have put into any text: a formula, SQL, a terminal's controls, writing backwards, markup.
HOSTILE = "=cmd|'/C calc'!A0'; DROP TABLE events;--\x1b[2J\x9b31m\u202e[bold red]:smile:[/]"


def environment(settings: DatabaseSettings) -> dict[str, str]:
    """The variables that configure the command for a database."""
    found = {"CLOCKFACE_OFFICE_BROKER__ADDRESSES": '["mqtt.example.com"]', "NO_COLOR": "1", "COLUMNS": "200"}
    if isinstance(settings, SQLiteSettings):
        return found | {"CLOCKFACE_OFFICE_DATABASE__PATH": str(settings.path)}
    found |= {
        "CLOCKFACE_OFFICE_DATABASE__ENGINE": "postgresql",
        "OFFICE_DB_HOST": settings.host,
        "OFFICE_DB_NAME": settings.name,
        "OFFICE_DB_USER": settings.user,
        "OFFICE_DB_PORT": str(settings.port),
        "OFFICE_DB_CONN_MAX_AGE": "0",
    }
    if settings.password:
        found["OFFICE_DB_PASSWORD"] = settings.password
    if settings.ca_file is not None:
        found["CLOCKFACE_OFFICE_DATABASE__SSLROOTCERT"] = str(settings.ca_file)
    return found


@dataclass
class Office:
    """People at the office, who type commands."""

    settings: DatabaseSettings
    monkeypatch: pytest.MonkeyPatch
    more: dict[str, str] = field(default_factory=dict)

    def become(self, account: str) -> None:
        """The account at the keyboard from now on."""
        self.monkeypatch.setattr("sync.office.cli.desk.account_of", lambda: account)

    def run(self, *arguments: str) -> Result:
        """Type a command."""
        return CliRunner().invoke(PROGRAM.app(), arguments, env=environment(self.settings) | self.more)

    def said(self, *arguments: str) -> str:
        """What a command that must succeed prints; nothing that steers a terminal is ever in it."""
        done = self.run(*arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        assert all(c.isprintable() or c == "\n" for c in done.stdout), done.stdout
        return done.stdout

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What it prints as JSON lines."""
        return [json.loads(line) for line in self.said(*arguments, "--json").splitlines()]


def with_operators(database: Database) -> None:
    """One account of each role: vera reads, carl is a clerk, clara another, ana administers."""
    with database.write() as connection:
        for account, role in (("ana", Role.ADMINISTRATOR), ("carl", Role.CLERK), ("clara", Role.CLERK)):
            operators.grant(connection, account, role, by="test", at_us=0)
        operators.grant(connection, "vera", Role.VIEWER, by="test", at_us=0)


def holidays_file(folder: Path, *lines: str) -> Path:
    """A file of holidays."""
    path = folder / "holidays.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
