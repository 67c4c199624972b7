"""`clockface-office database`: make or migrate the office's database, and check it.

These work before anybody has a role: whoever may write the database stands above roles anyway.
"""

import typer
from sqlalchemy import text

from sync.office import audit, sites
from sync.office.cli.context import invocation
from sync.office.cli.desk import AsJson, now, show_one
from sync.office.database import Database, migration, open_database
from sync.office.database.errors import DatabaseCorrupt
from sync.office.operators import account_of
from sync.office.storage import database_settings
from sync.office.timesheet import to_us

app = typer.Typer(help="The office's database: make, migrate, check.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="database")


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the database to this software's schema (SQLite: make it), and adopt the configured sites."""
    config = invocation(context).config
    database = open_database(database_settings(config.database))
    try:
        before, after = database.upgrade()
        with database.write() as connection:
            now_us, account = to_us(now()), account_of()
            if before != after:
                audit.append(
                    connection, at_us=now_us, actor=account, action="database.upgraded", detail=f"to {after}"
                )
            changed = sites.adopt(connection, config.office.sites, now_us=now_us, actor=account)
        where = database.settings.where
    finally:
        database.close()
    typer.echo(f"{where}: schema {after}" + ("" if before == after else f", was {before or 'empty'}"))
    if changed:
        typer.echo(f"sites: {', '.join(changed)}")


@app.command()
def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Check that the database is reachable, of this software's schema and whole; exit code 182 if damaged."""
    database = open_database(database_settings(invocation(context).config.database))
    try:
        database.demand_current()
        damage = _damage(database)
        with database.read() as connection:
            audited = audit.verify(connection)
        where = database.settings.where
    finally:
        database.close()
    if audited.broken_at is not None:
        damage.append(f"the audit does not hold from entry {audited.broken_at}")
    facts = {
        "where": where,
        "engine": database.dialect,
        "schema": migration.newest(),
        "audit_entries": audited.entries,
        "whole": not damage,
    }
    show_one(facts, as_json=as_json)
    if damage:
        raise DatabaseCorrupt(
            f"the database is damaged: {'; '.join(damage)}",
            where=where,
            next_step="stop the receiver, copy the database away, restore the last backup",
        )


def _damage(database: Database) -> list[str]:
    """What the engine itself finds; PostgreSQL checks its pages as it reads them, if they have checksums."""
    if database.dialect != "sqlite":
        return []
    with database.read() as connection:
        found = [row[0] for row in connection.execute(text("PRAGMA integrity_check(5)"))]
        references = connection.execute(text("PRAGMA foreign_key_check")).first()
    damage = [] if found == ["ok"] else [f"{len(found)} faults in its pages"]
    return damage + ([] if references is None else ["a reference leads to nothing"])
