"""`clockface-office correction`: a clerk asks for a correction, another account decides."""

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from sync.office import corrections, sites
from sync.office.attendance import CorrectionKind, Direction
from sync.office.cli.desk import AsJson, Site, desk, show, stamp
from sync.office.cli.people import person_of
from sync.office.corrections import Asked, Request
from sync.office.operators import Role
from sync.office.timesheet import rules_of

app = typer.Typer(help="Corrections of attendance: ask, list, decide.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**62, help="As `correction list` shows it.")]


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="correction")


@app.command()
def request(
    context: typer.Context,
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Employee number, or random id.")],
    kind: Annotated[CorrectionKind, typer.Argument(help="What shall be done.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; at most 500 characters.")],
    event: Annotated[
        int | None, typer.Option("--event", min=1, max=2**62, help="The event's number: report person --json.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Local time, such as '2026-03-02 17:00'.")
    ] = None,
    direction: Annotated[Direction | None, typer.Option("--direction")] = None,
    site: Site = None,
) -> None:
    """Ask for a correction (clerk)."""
    with desk(context) as here, here.acting(Role.CLERK) as connection:
        chosen = sites.chosen(connection, site)
        zone = rules_of(connection, chosen).zone
        asked = Asked(
            site=chosen,
            person=person_of(connection, who),
            kind=kind,
            event_id=event,
            at=None if at is None else moment_of(at, zone),
            direction=direction,
            reason=reason,
        )
        number = corrections.request(connection, asked, by=here.account, now=here.now)
    typer.echo(f"request {number}: another clerk or administrator decides it")


@app.command("list")
def list_requests(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were decided.")] = False,
    site: Annotated[str | None, typer.Option("--site", help="Of this site only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what waits for a decision."""
    with desk(context) as here, here.reading("correction.listed", role=Role.CLERK) as connection:
        found = corrections.listed(connection, site=site, state=None if everything else "pending")
        rows = [as_row(each) for each in found]
    columns = (
        "id",
        "state",
        "site",
        "day",
        "person",
        "kind",
        "event",
        "time",
        "direction",
        "reason",
        "by",
        "decided_by",
    )
    show(rows, as_json=as_json, columns=columns, empty="nothing waits for a decision")


@app.command()
def approve(
    context: typer.Context,
    number: Number,
    note: Annotated[str, typer.Option("--note", help="A remark.")] = "",
    alone: Annotated[
        bool, typer.Option("--alone", help="Decide your own: an administrator without any colleague; audited.")
    ] = False,
) -> None:
    """Approve somebody else's request (clerk)."""
    with desk(context) as here, here.acting(Role.CLERK) as connection:
        corrections.decide(
            connection, number, approve=True, note=note, by=here.account, now=here.now, alone=alone
        )
    typer.echo("approved: reports apply it from now on")


@app.command()
def refuse(
    context: typer.Context,
    number: Number,
    note: Annotated[str, typer.Option("--note", help="Why not.")],
    alone: Annotated[
        bool, typer.Option("--alone", help="Decide your own: an administrator without any colleague; audited.")
    ] = False,
) -> None:
    """Refuse somebody else's request (clerk)."""
    with desk(context) as here, here.acting(Role.CLERK) as connection:
        corrections.decide(
            connection, number, approve=False, note=note, by=here.account, now=here.now, alone=alone
        )
    typer.echo("refused")


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """A time as typed; without an offset it is the site's, and must have been exactly once.

    Raises:
        typer.BadParameter: It is none, or the clocks were changed then.
    """
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
        one, other = parsed.replace(tzinfo=zone), parsed.replace(tzinfo=zone, fold=1)
        if one.utcoffset() == other.utcoffset():
            return one.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("a time is written '2026-03-02 17:00'") from None
    raise typer.BadParameter("the clocks were changed then: add the offset, such as '2026-10-25 02:30+02:00'")


def as_row(each: Request) -> dict[str, Any]:
    """A request as it is printed."""
    return {
        "id": each.id,
        "state": each.state,
        "site": each.site,
        "day": each.day.isoformat(),
        "person": each.person,
        "kind": each.kind.value,
        "event": each.event_id,
        "time": stamp(each.time_us),
        "direction": each.direction,
        "reason": each.reason,
        "by": each.requested_by,
        "asked": stamp(each.requested_us),
        "decided_by": each.decided_by,
        "decided": stamp(each.decided_us),
        "note": each.note,
    }
