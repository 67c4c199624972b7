"""`clockface badge`: badges, PINs, one-time codes and cards: the ways in that need no face.

Trust boundary: a badge's text, a PIN and a code's secret are shown or written once, to files that only their
owner reads; names on a printed sheet come from the staff list.
"""

import secrets
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from clockface.cli.private_file import private_draft
from edge.api.protocol.badges import BadgeAsked, BadgeIssued, BadgeQuery, CardSet, PinSet, WaySet, WaysView
from edge.api.protocol.people import PersonProfile, PersonView
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

app = typer.Typer(help="Badges, PINs, codes and cards: equal ways in without a face.", no_args_is_help=True)

Png = Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write the QR code as a picture.")]
Pdf = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write a card to print, 85.6 x 54 mm.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
MIN_PIN_DIGITS = 6  # of one that is made here


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="badge")


@app.command()
def issue(
    context: typer.Context,
    person: PersonArgument,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Ends then (2026-03-02T18:00); else when revoked.")
    ] = None,
    today: Annotated[bool, typer.Option("--today", help="A day badge: ends at the end of this day.")] = False,
    png: Png = None,
    pdf: Pdf = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Give a person a badge, and write its QR code. Without --png and --pdf it is drawn in the terminal."""
    if until is not None and today:
        raise typer.BadParameter("give --until or --today, not both")
    ends_at = _end_of_day(context) if today else moment(until, invocation(context).config)
    with asking(context) as client:
        found = find(client, person)
        issued = client.issue_badge(told(BadgeAsked, person_id=found.person_id, ends_at=ends_at))
        _hand_out([(found, issued)], png=png, pdf=pdf, force=force, as_json=as_json)


@app.command()
def visitor(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="The visitor's name.")],
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Ends then; else at the end of this day.")
    ] = None,
    png: Png = None,
    pdf: Pdf = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Give a visitor a day badge: it needs no PIN and ends by itself. Later: clockface people remove."""
    ends_at = _end_of_day(context) if until is None else moment(until, invocation(context).config)
    with asking(context) as client:
        profile = told(PersonProfile, name=name, number=f"visitor-{secrets.token_hex(4)}")
        added = client.add_person(profile)
        client.set_way(added.person_id, WaySet(way="badge"))
        issued = client.issue_badge(told(BadgeAsked, person_id=added.person_id, ends_at=ends_at))
        _hand_out([(added, issued)], png=png, pdf=pdf, force=force, as_json=as_json)


@app.command("print")
def print_badges(
    context: typer.Context,
    badge: Annotated[
        list[str] | None, typer.Argument(metavar="[BADGE]...", help="Badge ids; none: all.")
    ] = None,
    png: Png = None,
    pdf: Pdf = None,
    force: Force = False,
) -> None:
    """Write badges again: a sheet of cards (--pdf), or the QR code of one (--png)."""
    if (png is None) == (pdf is None):
        raise typer.BadParameter("give --png FILE or --pdf FILE")
    with asking(context) as client:
        wanted = badge or [each.badge_id for each in client.badges().badges if not each.revoked]
        if not wanted or (png is not None and len(wanted) != 1):
            raise typer.BadParameter("name one badge for --png" if wanted else "no badge was given out")
        pairs = []
        for badge_id in wanted:
            issued = client.badge_text(badge_id)
            pairs.append((client.person(issued.badge.person_id), issued))
        _hand_out(pairs, png=png, pdf=pdf, force=force, as_json=False)


@app.command("list")
def list_badges(
    context: typer.Context,
    person: Annotated[str | None, typer.Option(metavar="PERSON", help="Of this person only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the badges that this kiosk gave out, never what they say."""
    rows = table("badge", "number", "issued", "ends", "state")
    with asking(context) as client:
        who = None if person is None else find(client, person).person_id
        for each in client.badges(BadgeQuery(person_id=who)).badges:
            if as_json:
                typer.echo(as_line(each))
                continue
            number = client.person(each.person_id).profile.number
            ends = "when revoked" if each.ends_at is None else each.ends_at.isoformat(timespec="minutes")
            state = "revoked" if each.revoked else "counts"
            cells = (each.badge_id, number, each.issued_at.isoformat(timespec="minutes"), ends, state)
            rows.add_row(*(Text(printable(cell)) for cell in cells))
    if not as_json:
        console().print(rows)


@app.command()
def revoke(
    context: typer.Context,
    badge: Annotated[str, typer.Argument(metavar="BADGE", help="The badge's id, see clockface badge list.")],
    as_json: AsJson = False,
) -> None:
    """Let a badge count no more, for good."""
    with asking(context) as client:
        done = client.revoke_badge(badge)
    typer.echo(as_line(done) if as_json else "Revoked. It counts no more at this kiosk.")


@app.command()
def pin(
    context: typer.Context,
    person: PersonArgument,
    ask: Annotated[bool, typer.Option("--ask", help="Let the person type it, unseen.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the PIN away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a person a PIN: a random one that is printed once, or one that they type."""
    with asking(context) as client:
        found = find(client, person)
        if remove:
            _print_ways(client.set_pin(found.person_id, PinSet(pin=None)), as_json=as_json)
            return
        chosen = typer.prompt("PIN", hide_input=True, confirmation_prompt=True) if ask else _random_pin()
        ways = client.set_pin(found.person_id, told(PinSet, pin=chosen))
    if as_json:
        typer.echo(as_line({**ways.model_dump(mode="json"), **({} if ask else {"pin": chosen})}))
    else:
        typer.echo("The PIN is set." if ask else f"The PIN is {chosen}. It is shown this once.")


@app.command()
def code(
    context: typer.Context,
    person: PersonArgument,
    png: Png = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Give a person one-time codes: their authenticator app scans the QR code once. An earlier one ends."""
    with asking(context) as client:
        secret = client.new_code(find(client, person).person_id)
    if as_json:
        typer.echo(as_line(secret))
        return
    _draw(secret.uri, png=png, force=force)


@app.command()
def way(
    context: typer.Context,
    person: PersonArgument,
    chosen: Annotated[
        str | None,
        typer.Argument(metavar="[WAY]", help="badge_pin, badge_code, badge, number_pin, off or site."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a person comes in without a face, or give them a way of their own (site: the site's again)."""
    with asking(context) as client:
        found = find(client, person)
        if chosen is None:
            ways = client.ways_of(found.person_id)
        else:
            ways = client.set_way(found.person_id, told(WaySet, way=None if chosen == "site" else chosen))
    _print_ways(ways, as_json=as_json)


@app.command()
def card(
    context: typer.Context,
    person: PersonArgument,
    number: Annotated[
        str | None, typer.Argument(metavar="[CARD]", help="As its reader types it; asked for if not given.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take all their cards away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a person a card of a reader that types; without CARD, hold it to a reader at this terminal."""
    with asking(context) as client:
        found = find(client, person)
        typed = None if remove else number or typer.prompt("Hold the card to the reader", hide_input=True)
        ways = client.set_card(found.person_id, told(CardSet, card=typed))
    _print_ways(ways, as_json=as_json)


def _end_of_day(context: typer.Context) -> datetime:
    """The end of the attendance day, by the site's clock."""
    config = invocation(context).config
    zone, starts = ZoneInfo(config.device.timezone), config.attendance.day_starts
    now = datetime.now(zone)
    day = now.date() if now.time() < starts else now.date() + timedelta(days=1)
    return datetime.combine(day, time(starts.hour, starts.minute), zone)


def _random_pin() -> str:
    """Six random digits that nobody tries first."""
    from edge.badge.pin import too_easy

    while True:
        made = "".join(secrets.choice("0123456789") for _ in range(MIN_PIN_DIGITS))
        if not too_easy(made, number=""):
            return made


def _hand_out(
    pairs: list[tuple[PersonView, BadgeIssued]],
    *,
    png: Path | None,
    pdf: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    from edge.cli.badge_sheet import Card, write_pdf

    if pdf is not None:
        cards = [Card(p.profile.name, p.profile.number, i.token, i.badge.ends_at) for p, i in pairs]
        with private_draft(pdf, replace=force) as draft:
            write_pdf(cards, draft)
    for _, issued in pairs:
        if as_json:
            typer.echo(as_line(issued))
        elif pdf is None:
            _draw(issued.token, png=png, force=force)
    if not as_json:
        typer.echo("badge " + ", ".join(issued.badge.badge_id for _, issued in pairs))


def _draw(text: str, *, png: Path | None, force: bool) -> None:
    import segno

    made = segno.make(text, error="m", micro=False, boost_error=False)
    if png is None:
        made.terminal(compact=True)
        return
    with private_draft(png, replace=force) as draft:
        made.save(str(draft), kind="png", scale=12, border=4)


def _print_ways(ways: WaysView, *, as_json: bool) -> None:
    if as_json:
        typer.echo(as_line(ways))
        return
    own = "" if ways.own_way else " (the site's)"
    has = [name for name, there in (("PIN", ways.pin_set), ("one-time code", ways.code_set)) if there]
    typer.echo(
        f"way: {ways.way}{own}; has: {', '.join(has) or 'no PIN, no code'}; badges that count: {ways.badges}"
    )
