"""`clockface-office privacy retention | policy | hold`: what is over goes, how long it stays, what must not go.

Trust boundary: roles and the audit, as for every command here. Attendance goes only with the operator's key,
which signs the checkpoint behind which it goes; where this account cannot read it, the signer does that part.
"""

import os
import sys
from typing import Annotated, Any

import typer

from sync.office import audit, holds, keeping, retention, sites
from sync.office.cli.context import invocation
from sync.office.cli.desk import AsJson, Desk, desk, show, show_one, stamp
from sync.office.cli.people import person_of
from sync.office.database import Database
from sync.office.operator_key import read_operator_key
from sync.office.operators import Role
from sync.office.removed import removed_through
from sync.office.retention import Outcome, Retention

hold = typer.Typer(help="Legal holds: attendance that stays whatever its age.", no_args_is_help=True)
MAX_BATCHES = 100_000  # of 1,000 events: more than any office has


def register(app: typer.Typer) -> None:
    """Put these commands under the group of `privacy`."""
    app.command("retention")(apply)
    app.command("policy")(policy)
    app.add_typer(hold, name="hold")


def apply(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is over by configuration and policy; the signer does so every minute (administrator)."""
    with desk(context) as here:
        rules, now_us = here.config.retention, here.now_us
        if dry_run:
            with here.reading("retention.counted") as connection:
                gone = keeping.counted(connection, rules, now_us=now_us)
                attendance = retention.due(connection, rules, now=here.now)
        else:
            with here.acting(Role.ADMINISTRATOR) as connection:
                gone = keeping.prune(connection, rules, now_us=now_us)
                detail = ",".join(f"{name}={count}" for name, count in gone.items())
                audit.append(
                    connection,
                    at_us=now_us,
                    actor=here.account,
                    action="retention.applied",
                    subject="",
                    detail=detail,
                )
            attendance = _attendance(context, here, here.database)
    told = {
        "attendance": attendance.events,
        "correction_requests": attendance.requests,
        "closed_sheets": attendance.sheets,
        **gone,
    }
    show_one({**told, "kept": sorted(attendance.kept), "dry_run": dry_run}, as_json=as_json)


def _attendance(context: typer.Context, here: Desk, database: Database) -> Outcome:
    """Let attendance go, if this account may sign that it went."""
    rules, path = here.config.retention, here.config.paths.operator_key
    with database.read() as connection:
        waiting = retention.due(connection, rules, now=here.now)
    if not waiting.events and not waiting.requests and not waiting.sheets:
        return waiting
    if path is None or not os.access(path, os.R_OK):
        typer.echo(
            f"{waiting.events} attendance events and {waiting.sheets} sheets are over; the signer takes them: "
            "it has the operator's key",
            err=True,
        )
        return Outcome(kept=waiting.kept)
    key = read_operator_key(here.config, invocation(context).environment, interactive=sys.stdin.isatty())
    return Retention(database, rules, key=key, by=here.account).go(now=here.now, batches=MAX_BATCHES)


def policy(
    context: typer.Context,
    site: Annotated[str | None, typer.Option("--site", help="The site to decide for.")] = None,
    attendance_days: Annotated[
        int | None, typer.Option("--attendance-days", min=0, max=36_500, help="At least 31; 0: for ever.")
    ] = None,
    as_configured: Annotated[
        bool, typer.Option("--as-configured", help="Leave it to retention.attendance_days again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """List how long each site's attendance stays (viewer), or decide it for one (administrator)."""
    if attendance_days is None and not as_configured:
        _list_policies(context, as_json=as_json)
        return
    if attendance_days is not None and as_configured:
        raise typer.BadParameter("--attendance-days or --as-configured, not both")
    with desk(context) as here:
        with here.database.read() as connection:
            chosen = sites.chosen(connection, site)
        shown = "as configured" if attendance_days is None else f"{attendance_days} days"
        if not yes:
            typer.confirm(
                f"{chosen}: {shown}. What is older goes for good, within a minute. Go on?", abort=True, err=True
            )
        with here.acting(Role.ADMINISTRATOR) as connection:
            holds.set_policy(connection, chosen, attendance_days, by=here.account, now_us=here.now_us)
    _list_policies(context, as_json=as_json)


def _list_policies(context: typer.Context, *, as_json: bool) -> None:
    with desk(context) as here, here.reading("retention.policies_listed") as connection:
        rows = []
        for each in holds.policies(connection, here.config.retention):
            gone = removed_through(connection, each.site)
            rows.append(
                {
                    "site": each.site,
                    "attendance_days": each.days or "for ever",
                    "decided_by": each.set_by or "configuration",
                    "removed_through": None if gone is None else gone.isoformat(),
                }
            )
    columns = ("site", "attendance_days", "decided_by", "removed_through")
    show(rows, as_json=as_json, columns=columns, empty="there is no site")


@hold.command()
def place(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", help="Why; at most 500 characters.")],
    person: Annotated[
        str | None, typer.Argument(metavar="PERSON", help="Employee number, or random id.")
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="A whole site instead of a person.")] = None,
) -> None:
    """Keep the attendance of a person, or of a site, until the hold ends (administrator)."""
    with desk(context) as here, here.acting(Role.ADMINISTRATOR) as connection:
        number = holds.place(
            connection,
            person=None if person is None else person_of(connection, person),
            site=None if site is None else sites.chosen(connection, site),
            reason=reason,
            by=here.account,
            now_us=here.now_us,
        )
    typer.echo(f"hold {number}: what has not gone yet stays")


@hold.command("end")
def end_hold(
    context: typer.Context, number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=2**62)]
) -> None:
    """End a hold: what is over goes with the next round (administrator)."""
    with desk(context) as here, here.acting(Role.ADMINISTRATOR) as connection:
        holds.end(connection, number, by=here.account, now_us=here.now_us)
    typer.echo(f"hold {number} has ended")


@hold.command("list")
def list_holds(
    context: typer.Context,
    ended: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is held, since when and why (viewer)."""
    with desk(context) as here, here.reading("hold.listed") as connection:
        rows: list[dict[str, Any]] = [
            {
                "hold": each.id,
                "of": each.person or f"site {each.site}",
                "reason": each.reason,
                "since": stamp(each.placed_us),
                "by": each.placed_by,
                "ended": stamp(each.ended_us),
                "ended_by": each.ended_by,
            }
            for each in holds.listed(connection, ended=ended)
        ]
    columns = ("hold", "of", "reason", "since", "by", "ended")
    show(rows, as_json=as_json, columns=columns, empty="nothing is held")
