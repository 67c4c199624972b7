"""`clockface-office alarms`: what somebody must look at (docs/office.md says what each means)."""

from typing import Annotated

import typer
from sqlalchemy import select, update

from sync.office import audit
from sync.office.cli.desk import AsJson, desk, show, stamp
from sync.office.database import schema
from sync.office.operators import Role

app = typer.Typer(help="Alarms: list, clear.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="alarms")


@app.command("list")
def list_alarms(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were cleared.")] = False,
    as_json: AsJson = False,
) -> None:
    """List open alarms, the newest last."""
    alarms = schema.alarms
    statement = select(alarms).order_by(alarms.c.id)
    if not everything:
        statement = statement.where(alarms.c.cleared_us.is_(None))
    with desk(context) as here, here.reading("alarm.listed") as connection:
        rows = [
            {
                "id": row.id,
                "kind": row.kind,
                "subject": row.subject,
                "detail": row.detail,
                "raised": stamp(row.raised_us),
                "last": stamp(row.last_us),
                "cleared": stamp(row.cleared_us),
                "told": stamp(row.notified_us),
            }
            for row in connection.execute(statement)
        ]
    columns = ("id", "kind", "subject", "detail", "raised", "last", "cleared", "told")
    show(rows, as_json=as_json, columns=columns, empty="no open alarm")


@app.command()
def clear(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**62, help="As `alarms list` shows it.")],
) -> None:
    """Clear an alarm that was dealt with; what goes on alarms again (administrator)."""
    alarms = schema.alarms
    with desk(context) as here, here.acting(Role.ADMINISTRATOR) as connection:
        row = connection.execute(
            update(alarms)
            .where(alarms.c.id == number, alarms.c.cleared_us.is_(None))
            .values(cleared_us=here.now_us)
            .returning(alarms.c.kind, alarms.c.subject)
        ).first()
        if row is None:
            raise typer.BadParameter("no open alarm has this number; clockface-office alarms list shows them")
        audit.append(
            connection,
            at_us=here.now_us,
            actor=here.account,
            action="alarm.cleared",
            subject=row.subject,
            detail=row.kind,
        )
    typer.echo("cleared")
