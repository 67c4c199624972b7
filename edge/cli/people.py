"""`clockface people`: who is known, and the few things staff change about a person."""

import json
from typing import Annotated, Any

import typer
from rich.text import Text

from edge.api.protocol.people import ConsentGiven, PersonProfile, PersonView
from edge.cli.asking import (
    AsJson,
    PersonArgument,
    as_line,
    asking,
    console,
    find,
    moment,
    printable,
    table,
    told,
)
from edge.cli.context import invocation
from edge.cli.erasing import erase, say_what_remains, templates

app = typer.Typer(help="People: list, show, add, consent, disable, enable, remove.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="people")


def person_object(person: PersonView) -> dict[str, Any]:
    """A person as JSON has it: the keys of docs/enrolment.md."""
    return {
        "person_id": person.person_id,
        "number": person.profile.number,
        "name": person.profile.name,
        "greeting": person.profile.greeting or None,
        "language": person.profile.language or None,
        "enabled": person.enabled,
        "enrolled_at": person.enrolled_at.isoformat(),
        "consented": person.consented,
        "consent": None if person.consent is None else person.consent.model_dump(mode="json"),
        "consent_outdated": person.consent_outdated,
        "templates": dict(person.templates),
    }


@app.command("list")
def list_people(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    consent_outdated: Annotated[
        bool, typer.Option("--consent-outdated", help="Only whose consent is to an earlier text.")
    ] = False,
) -> None:
    """List everybody, in the order in which they were added."""
    rows = table("number", "name", "state", "templates", "person id")
    with asking(context) as client:
        for person in client.everyone():
            if consent_outdated and not person.consent_outdated:
                continue
            if as_json:
                typer.echo(as_line(person_object(person)))
            else:
                cells = (person.profile.number, person.profile.name, _state(person))
                count = str(sum(person.templates.values()))
                rows.add_row(*(Text(printable(cell)) for cell in (*cells, count, person.person_id)))
    if not as_json:
        if rows.row_count == 0 and consent_outdated:
            typer.echo("Every consent is to the text in force.")
            return
        if rows.row_count == 0:
            typer.echo("Nobody is enrolled. Next: clockface enroll --help", err=True)
            return
        console().print(rows)


def _state(person: PersonView) -> str:
    if not person.enabled:
        return "disabled"
    if person.consent_outdated:
        return "consent to an earlier text: ask again"
    return "enabled" if person.consented else "no consent: badge or PIN"


@app.command()
def show(context: typer.Context, person: PersonArgument, as_json: AsJson = False) -> None:
    """Show one person."""
    with asking(context) as client:
        _print(find(client, person), as_json=as_json)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="As in the staff list.")],
    number: Annotated[str, typer.Option(help="The employee number.")],
    greeting: Annotated[str, typer.Option(help="How the person wants to be greeted; empty: not by name.")] = "",
    language: Annotated[str, typer.Option(help="BCP 47 tag, such as es; empty: the device's.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a person without a face: badge and PIN are equal ways in."""
    profile = told(PersonProfile, name=name, number=number, greeting=greeting, language=language)
    with asking(context) as client:
        _print(client.add_person(profile), as_json=as_json)


@app.command()
def consent(
    context: typer.Context,
    person: PersonArgument,
    how: Annotated[str, typer.Option(help="paper, screen or imported.")],
    text_version: Annotated[str, typer.Option(help="Which text was agreed to.")],
    language: Annotated[str, typer.Option(help="Language of the text, BCP 47 tag.")],
    when: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="2026-03-02 or a time; now if not given.")
    ] = None,
    proof: Annotated[
        str | None, typer.Option(help="imported: where the evidence lies, such as a document's number.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record that a person agreed to biometric processing; who took it is your account."""
    given_at = moment(when, invocation(context).config)
    given = told(
        ConsentGiven, how=how, text_version=text_version, language=language, given_at=given_at, proof=proof
    )
    with asking(context) as client:
        _print(client.record_consent(find(client, person).person_id, given), as_json=as_json)


@app.command()
def withdraw(context: typer.Context, person: PersonArgument, as_json: AsJson = False) -> None:
    """Record that a person withdrew consent: templates are erased at once, badge and PIN remain."""
    with asking(context) as client:
        done = client.withdraw_consent(find(client, person).person_id)
    if as_json:
        typer.echo(as_line(done))
        return
    typer.echo(f"Consent withdrawn, {templates(done.templates)} erased.")
    say_what_remains(done)


@app.command()
def disable(context: typer.Context, person: PersonArgument, as_json: AsJson = False) -> None:
    """Stop recognising and recording a person; nothing is erased."""
    with asking(context) as client:
        _print(client.set_enabled(find(client, person).person_id, enabled=False), as_json=as_json)


@app.command()
def enable(context: typer.Context, person: PersonArgument, as_json: AsJson = False) -> None:
    """Recognise and record a disabled person again."""
    with asking(context) as client:
        _print(client.set_enabled(find(client, person).person_id, enabled=True), as_json=as_json)


@app.command()
def remove(
    context: typer.Context,
    person: PersonArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person: name, number, consents and templates. Attendance records keep a random id alone."""
    erase(context, person, yes=yes, as_json=as_json)


def _print(person: PersonView, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(person_object(person), ensure_ascii=False, indent=2))
        return
    given = person.consent
    rows = {
        "number": person.profile.number,
        "name": person.profile.name,
        "greeting": person.profile.greeting or "not by name",
        "language": person.profile.language or "the device's",
        "state": _state(person),
        "enrolled": person.enrolled_at.isoformat(timespec="seconds"),
        "consent": "none"
        if given is None
        else f"text {given.text_version} ({given.language}), {given.how}, "
        f"{given.given_at.date()}, taken by {given.taken_by}" + (f", {given.proof}" if given.proof else ""),
        "templates": ", ".join(f"{count} of chain {chain[:12]}" for chain, count in person.templates.items())
        or "none",
        "person id": person.person_id,
    }
    shown = table()
    for name, value in rows.items():
        shown.add_row(Text(name, "bold"), Text(printable(value)))
    console().print(shown)
