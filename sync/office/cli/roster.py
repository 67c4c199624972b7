"""`clockface-office roster`: who belongs to which site's kiosks, and how far each kiosk has followed.

Names and numbers are printed to whoever may see them and stand in no log and no audit. Trust boundary: what is
typed and the file that is imported are held to the wire's own bounds.
"""

import sys
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlalchemy import Connection, select

from clockface.bounded import read_bounded
from sync.office import audit, receipts
from sync.office.cli.context import invocation
from sync.office.cli.desk import AsJson, Desk, Site, desk, show, stamp
from sync.office.database import schema
from sync.office.errors import ImportRefused, RosterRefused
from sync.office.operator_key import read_operator_key
from sync.office.operators import Role, require
from sync.office.orders import find_device
from sync.office.people_file import MAX_FILE_BYTES, Line, plan_import, read_people
from sync.office.resume import claims
from sync.office.resume import resume as go_on
from sync.office.roster import Roster
from sync.office.signer import Signer
from sync.wire.roster import PersonDetails

app = typer.Typer(
    help="People and their kiosks: add, change, delete, list, import, push, status, clashes, resume.",
    no_args_is_help=True,
)
Who = Annotated[str, typer.Argument(metavar="PERSON", help="The employee number, or the random id.")]
Sites = Annotated[list[str], typer.Option("--site", help="May be repeated.")]
_DETAILS = {"name": "name", "number": "employee_number", "greeting": "greeting", "language": "language"}


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="roster")


@app.command()
def add(
    context: typer.Context,
    number: Annotated[str, typer.Option("--number", help="The employee number.")],
    name: Annotated[str, typer.Option("--name", help="As staff know them.")],
    sites: Sites,
    department: Annotated[str, typer.Option("--department")] = "",
    greeting: Annotated[str, typer.Option("--greeting", help="How they chose to be greeted.")] = "",
    language: Annotated[str, typer.Option("--language", help="Of the screen, such as en.")] = "",
) -> None:
    """Let a person belong to sites; their face is enrolled at a kiosk, after their consent (clerk)."""
    values = _checked({"name": name, "number": number, "greeting": greeting, "language": language})
    with desk(context) as here, here.acting(Role.CLERK) as connection:
        roster, person = _roster(here, connection), token_hex(16)
        _free(roster, values["employee_number"], person)
        roster.put(person, {**values, "department": department or None}, sites=sites)
        _note(here, connection, "roster.added", person, detail=",".join(sorted(sites)))
    typer.echo(person)


@app.command()
def change(
    context: typer.Context,
    person: Who,
    number: Annotated[str | None, typer.Option("--number")] = None,
    name: Annotated[str | None, typer.Option("--name")] = None,
    sites: Annotated[list[str] | None, typer.Option("--site", help="One more site; may be repeated.")] = None,
    department: Annotated[str | None, typer.Option("--department")] = None,
    greeting: Annotated[str | None, typer.Option("--greeting")] = None,
    language: Annotated[str | None, typer.Option("--language")] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether they are recorded.")
    ] = None,
    end_consent: Annotated[
        bool, typer.Option("--end-consent", help="Erase their templates on every kiosk.")
    ] = False,
) -> None:
    """Change what is known of a person, or let them belong to another site too (clerk)."""
    given = {"name": name, "number": number, "greeting": greeting, "language": language}
    values: dict[str, Any] = _checked({key: value for key, value in given.items() if value is not None})
    values |= {} if department is None else {"department": department or None}
    values |= {} if enabled is None else {"active": enabled}
    with desk(context) as here, here.acting(Role.CLERK) as connection:
        roster, found = _roster(here, connection), _find(connection, person)
        if "employee_number" in values:
            _free(roster, values["employee_number"], found)
        ended = end_consent and roster.remove_templates(found)
        roster.put(found, values, sites=sites or ())
        what = sorted({*values, *(["site"] if sites else []), *(["consent"] if ended else [])})
        _note(here, connection, "roster.changed", found, detail=",".join(what))
    typer.echo("changed")


@app.command()
def delete(
    context: typer.Context,
    person: Who,
    site: Annotated[str | None, typer.Option("--site", help="Of this site only; else of all.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person on every kiosk of their sites, and here with the last one (clerk)."""
    erase_person(context, person, site=site, yes=yes)


def erase_person(context: typer.Context, person: str, *, site: str | None, yes: bool) -> None:
    """Order the erasure: the one way, whichever command asked."""
    with desk(context) as here:
        if not yes:
            typer.confirm("Erase this person, with templates, for good?", abort=True)
        with here.acting(Role.CLERK) as connection:
            found = _find(connection, person)
            removal = _roster(here, connection).remove(found, sites=None if site is None else [site])
            if not removal.sites and not removal.forgotten:
                raise RosterRefused("this person belongs to no such site", where=f"person {found}")
            detail = ",".join(removal.sites) + (",forgotten" if removal.forgotten else "")
            _note(here, connection, "roster.deleted", found, detail=detail)
    typer.echo(f"ordered at: {', '.join(removal.sites) or 'no kiosk knew them'}")
    typer.echo(f"next: clockface-office privacy receipts {found}: which kiosks have confirmed it")


@app.command("list")
def list_people(context: typer.Context, site: Site = None, as_json: AsJson = False) -> None:
    """List people, by site and number (viewer)."""
    people, memberships = schema.people, schema.memberships
    query = (
        select(people, memberships.c.site)
        .outerjoin(memberships, (memberships.c.person == people.c.person) & memberships.c.until_us.is_(None))
        .where(people.c.removed_us.is_(None))
        .order_by(memberships.c.site, people.c.employee_number, people.c.person)
    )
    query = query if site is None else query.where(memberships.c.site == site)
    with desk(context) as here, here.reading("roster.listed", subject=site or "") as connection:
        rows = [
            {
                "site": row.site,
                "number": row.employee_number,
                "name": row.name,
                "department": row.department,
                "enabled": row.active,
                "consent": row.consent_version is not None,
                "person": row.person,
            }
            for row in connection.execute(query)
        ]
    columns = ("site", "number", "name", "department", "enabled", "consent", "person")
    show(rows, as_json=as_json, columns=columns, empty="nobody is on the roster")


@app.command()
def clashes(context: typer.Context, as_json: AsJson = False) -> None:
    """List people whom a kiosk gave a number that another one has; both are kept apart (viewer)."""
    table, people, devices = schema.number_clashes, schema.people, schema.devices
    holder = people.alias()
    query = (
        select(
            table,
            people.c.name,
            holder.c.name.label("holder_name"),
            devices.c.site,
            devices.c.device,
        )
        .join(people, people.c.person == table.c.person)
        .join(holder, holder.c.person == table.c.holder)
        .join(devices, devices.c.id == table.c.device_id)
        .order_by(table.c.found_us)
    )
    with desk(context) as here, here.reading("roster.clashes_listed") as connection:
        rows = [
            {
                "number": row.employee_number,
                "person": row.person,
                "name": row.name,
                "kiosk": f"{row.site}/{row.device}",
                "holder": row.holder,
                "holder_name": row.holder_name,
                "found": stamp(row.found_us),
            }
            for row in connection.execute(query)
        ]
    columns = ("number", "person", "name", "kiosk", "holder", "holder_name", "found")
    show(rows, as_json=as_json, columns=columns, empty="no number is claimed twice")
    if rows and not as_json:
        typer.echo("two people: clockface-office roster change PERSON --number ANOTHER")
        typer.echo("one person twice: clockface-office roster delete PERSON (the one to enrol anew)")


@app.command("import")
def import_people(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV in UTF-8: number,name[,department,greeting,language].")
    ],
    site: Annotated[str, typer.Option("--site", help="To which they belong.")],
    check: Annotated[bool, typer.Option("--check", help="Only say what would be done.")] = False,
) -> None:
    """Add and change people from a file: all of it, or nothing and every mistake with its line (clerk)."""
    people = _people_of(file)
    with desk(context) as here, here.acting(Role.CLERK) as connection:
        planned = plan_import(connection, people, site=site)
        if not check:
            roster = _roster(here, connection)
            for person, values in planned.rows:
                roster.put(person, values, sites=[site])
            counts = f"added={planned.added},changed={planned.changed}"
            _note(here, connection, "roster.imported", site, detail=counts)
    said = "would be " if check else ""
    typer.echo(f"{said}added: {planned.added}, {said}changed: {planned.changed}, as they are: {planned.same}")


@app.command()
def push(
    context: typer.Context,
    site: Annotated[str | None, typer.Option("--site")] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="SITE/DEVICE")] = None,
) -> None:
    """Sign what kiosks lack, now, with the operator's key; the signer does so every second (clerk)."""
    asked = invocation(context)
    with desk(context) as here:
        with here.database.read() as connection:
            require(connection, here.account, Role.CLERK)
            chosen = None if device is None else find_device(connection, device, site=site).address
        key = read_operator_key(here.config, asked.environment, interactive=sys.stdin.isatty())
        signed = Signer(here.database, key=key, by=here.account).push(
            now=here.now,
            site=site if chosen is None else chosen.site,
            device=None if chosen is None else chosen.device,
        )
    for each in signed:
        typer.echo(f"{each.subject}: {each.documents} documents, version {each.base} to {each.version}")
    if not signed:
        typer.echo("nothing to sign: every kiosk has it, or it is on its way (clockface-office roster status)")


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """For each kiosk: version applied and of its site, documents unanswered, erasures unconfirmed (viewer)."""
    with desk(context) as here, here.reading("roster.status_read") as connection:
        rows = receipts.status(connection, now_us=here.now_us)
    printed = [{**row, "applied_at": stamp(row.pop("applied_us"))} for row in rows]
    columns = (
        "device",
        "applied",
        "version",
        "applied_at",
        "unanswered",
        "receipts_missing",
        "oldest_receipt_hours",
    )
    show(printed, as_json=as_json, columns=columns, empty="there is no active kiosk")


@app.command()
def resume(
    context: typer.Context,
    site: Annotated[str, typer.Option("--site", help="Whose kiosks are ahead of its roster.")],
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="SITE/DEVICE", help="Do not believe this kiosk.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """After a restore from backup: go on where the kiosks are, and give out everybody anew (administrator)."""
    with desk(context) as here:
        with here.reading("roster.claims_read", subject=site) as connection:
            for claim in claims(connection, site):
                typer.echo(f"{claim.subject} says that it has version {claim.version}")
        if not yes:
            typer.confirm("Do you believe these kiosks? Leave others out with --without", abort=True)
        with here.acting(Role.ADMINISTRATOR) as connection:
            left_out = without or []
            version = go_on(connection, site, without=left_out, by=here.account, at_us=here.now_us)
            _note(here, connection, "roster.resumed", site, detail=f"version={version}")
    typer.echo(f"{site} goes on at version {version}; the signer gives out everybody anew")
    typer.echo("next: delete again whom you deleted since the backup: clockface-office roster delete PERSON")


def _people_of(file: Path) -> list[Line]:
    try:
        raw = read_bounded(file, max_bytes=MAX_FILE_BYTES)
    except OSError as error:
        raise ImportRefused(
            f"the file cannot be read: {error.strerror}", where=str(file), next_step=f"ls -l {file}"
        ) from None
    return read_people(raw, where=str(file))


def _roster(here: Desk, connection: Connection) -> Roster:
    return Roster(connection, by=here.account, at_us=here.now_us)


def _note(here: Desk, connection: Connection, action: str, subject: str, *, detail: str = "") -> None:
    audit.append(
        connection, at_us=here.now_us, actor=here.account, action=action, subject=subject, detail=detail
    )


def _checked(given: dict[str, str]) -> dict[str, Any]:
    """Details as columns, held to what a kiosk takes."""
    try:
        PersonDetails(**{"name": "x", "number": "x", **given})  # type: ignore[arg-type]
    except ValidationError as error:
        names = sorted({str(each["loc"][0]) for each in error.errors()})
        raise typer.BadParameter(
            f"too long, empty, or with characters that no kiosk takes: {', '.join(names)}"
        ) from None
    return {_DETAILS[key]: value for key, value in given.items()}


def _find(connection: Connection, who: str) -> str:
    people = schema.people
    row = connection.execute(
        select(people.c.person).where(
            (people.c.employee_number == who) | (people.c.person == who), people.c.removed_us.is_(None)
        )
    ).first()
    if row is None:
        raise RosterRefused("nobody has this number or id", next_step="clockface-office roster list")
    return str(row.person)


def _free(roster: Roster, number: str, person: str) -> None:
    holder = roster.holder_of(number, besides=person)
    if holder is not None:
        raise RosterRefused(
            "this number is another person's",
            where=f"person {holder}",
            next_step="clockface-office roster list",
        )
