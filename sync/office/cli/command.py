"""`clockface-office command`: order a kiosk to do something, and see its signed answer.

A clerk may identify a kiosk and show a message on it, an administrator may all else. Trust boundary: the
operator's key signs here; the receiver only publishes, the kiosk verifies and answers.
"""

import re
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from clockface.cli.private_file import private_draft
from sync.office import audit
from sync.office.cli.context import invocation
from sync.office.cli.desk import AsJson, Desk, desk, show, show_one, stamp
from sync.office.errors import CommandUnanswered
from sync.office.keys import read_receiver_keys
from sync.office.operator_key import read_operator_key
from sync.office.operators import Role, require
from sync.office.orders import (
    Issued,
    answer_to,
    commands,
    find_command,
    find_device,
    issue,
    judge,
    role_for,
)
from sync.office.support import note_opened, open_bundle
from sync.wire.commands import (
    MAX_COMMAND_LIFE,
    Configure,
    Identify,
    InService,
    Order,
    OutOfService,
    Restart,
    SendSupportBundle,
    ShowMessage,
)
from sync.wire.fields import format_time

app = typer.Typer(
    help="Orders to kiosks: restart, out-of-service, in-service, identify, message, configure, support-bundle.",
    no_args_is_help=True,
)
DeviceName = Annotated[str, typer.Argument(metavar="DEVICE", help="SITE/DEVICE, or a name that only one has.")]
AtSite = Annotated[str | None, typer.Option("--site", help="The kiosk's site.")]
Expires = Annotated[
    str, typer.Option("--expires", metavar="TIME", help="After this it is refused: 10m, 4h, 7d.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Until the answer is here; the exit code says what it is.")]
Timeout = Annotated[int, typer.Option("--timeout", min=1, max=86_400, help="Of --wait, seconds.")]
POLL_S = 0.5
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="command")


@app.command()
def restart(
    context: typer.Context,
    device: DeviceName,
    site: AtSite = None,
    expires: Expires = "10m",
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Start the kiosk's daemon anew (administrator)."""
    _send(context, device, lambda _: Restart(), site=site, expires=expires, wait_s=timeout if wait else 0)


@app.command("out-of-service")
def out_of_service(
    context: typer.Context,
    device: DeviceName,
    reason: Annotated[str, typer.Option("--reason", help="Shown on the screen.")] = "",
    site: AtSite = None,
    expires: Expires = "1d",
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Stop recording at a kiosk until in-service (administrator)."""
    _send(
        context,
        device,
        lambda _: OutOfService(reason=reason),
        site=site,
        expires=expires,
        wait_s=timeout if wait else 0,
    )


@app.command("in-service")
def in_service(
    context: typer.Context,
    device: DeviceName,
    site: AtSite = None,
    expires: Expires = "1d",
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Record at a kiosk again (administrator)."""
    _send(context, device, lambda _: InService(), site=site, expires=expires, wait_s=timeout if wait else 0)


@app.command()
def identify(
    context: typer.Context,
    device: DeviceName,
    seconds: Annotated[int, typer.Option("--seconds", min=1, max=300)] = 30,
    site: AtSite = None,
    expires: Expires = "10m",
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Let a kiosk show which one it is: screen and light (clerk)."""
    _send(
        context,
        device,
        lambda _: Identify(seconds=seconds),
        site=site,
        expires=expires,
        wait_s=timeout if wait else 0,
    )


@app.command()
def message(
    context: typer.Context,
    device: DeviceName,
    text: Annotated[str, typer.Option("--text", help="At most 200 characters.")],
    person: Annotated[str | None, typer.Option("--person", help="Whose random id; else for everybody.")] = None,
    lasts: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long it is shown: 30m, 8h, 3d.")
    ] = "8h",
    site: AtSite = None,
    expires: Expires = "1d",
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Show a message on a kiosk's screen (clerk)."""
    shown = _span(lasts, "--for")

    def order(now: datetime) -> Order:
        return ShowMessage(text=text, person=person, until=format_time(now + shown))

    _send(context, device, order, site=site, expires=expires, wait_s=timeout if wait else 0)


@app.command()
def configure(
    context: typer.Context,
    device: DeviceName,
    settings: Annotated[list[str], typer.Option("--set", metavar="SETTING=VALUE", help="May be repeated.")],
    site: AtSite = None,
    expires: Expires = "1d",
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Change settings that the office may change; a restart brings them into force (administrator)."""
    pairs = [each.partition("=") for each in settings]
    if not all(separator for _, separator, _ in pairs) or len({name for name, _, _ in pairs}) != len(pairs):
        raise typer.BadParameter("each setting once, as section.name=value", param_hint="--set")
    given = {name: value for name, _, value in pairs}
    _send(
        context,
        device,
        lambda _: Configure(settings=given),
        site=site,
        expires=expires,
        wait_s=timeout if wait else 0,
    )


@app.command("support-bundle")
def support_bundle(
    context: typer.Context,
    device: DeviceName,
    site: AtSite = None,
    expires: Expires = "1d",
    wait: Wait = False,
    timeout: Timeout = 60,
) -> None:
    """Let a kiosk send what an engineer needs; `bundle` opens it (administrator)."""
    _send(
        context,
        device,
        lambda _: SendSupportBundle(),
        site=site,
        expires=expires,
        wait_s=timeout if wait else 0,
    )


@app.command("list")
def list_commands(
    context: typer.Context,
    unanswered: Annotated[bool, typer.Option("--open", help="Only those that may still be answered.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List commands, the newest first (viewer)."""
    with desk(context) as here, here.reading("command.listed") as connection:
        rows = commands(connection, limit=limit, open_only=unanswered, now_us=here.now_us)
    columns = ("id", "device", "order", "number", "state", "reason", "by", "created", "expires", "answered")
    show([_readable(row) for row in rows], as_json=as_json, columns=columns, empty="no command")


@app.command("show")
def show_command(
    context: typer.Context,
    command: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,
) -> None:
    """Show one command and its answer, whose signature is verified once more (viewer)."""
    with desk(context) as here, here.reading("command.shown", subject=command[:64]) as connection:
        row = _readable(find_command(connection, command, now_us=here.now_us))
        result = answer_to(connection, command)
    row |= {"detail": "" if result is None else result.detail, "bundle": result and result.parcel}
    show_one(row, as_json=as_json)


@app.command()
def bundle(
    context: typer.Context,
    bundle_id: Annotated[str, typer.Argument(metavar="ID", help="As `command show` says it.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where its JSON is written, mode 0600.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Open a support bundle with the office's sealing key (administrator)."""
    with desk(context) as here:
        paths = here.config.paths
        key = read_receiver_keys(online=paths.online_key, sealing=paths.sealing_key).sealing
        with here.acting(Role.ADMINISTRATOR) as connection, private_draft(out, replace=force) as draft:
            content = open_bundle(connection, bundle_id, key=key)
            draft.write_bytes(content)
            note_opened(connection, bundle_id, now_us=here.now_us)
            audit.append(
                connection,
                at_us=here.now_us,
                actor=here.account,
                action="bundle.opened",
                subject=bundle_id,
                detail=f"bytes={len(content)}",
            )
    typer.echo(f"{out}: {len(content)} bytes")


def _send(
    context: typer.Context,
    device: str,
    make: Callable[[datetime], Order],
    *,
    site: str | None,
    expires: str,
    wait_s: int,
) -> None:
    life, asked = _span(expires, "--expires"), invocation(context)
    if life > MAX_COMMAND_LIFE:
        raise typer.BadParameter("at most 31d", param_hint="--expires")
    with desk(context) as here:
        order = _made(make, here.now)
        with here.database.read() as connection:
            require(connection, here.account, role_for(order))  # before a pass phrase is asked for
            found = find_device(connection, device, site=site)
        key = read_operator_key(here.config, asked.environment, interactive=sys.stdin.isatty())
        with here.database.write() as connection:
            issued = issue(connection, found, order, key=key, by=here.account, now=here.now, life=life)
        typer.echo(f"{issued.subject}: command {issued.id}, number {issued.number}")
        if wait_s:
            _await(here, issued, wait_s=wait_s)


def _made(make: Callable[[datetime], Order], now: datetime) -> Order:
    try:
        return make(now)
    except ValidationError as error:
        names = sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]})
        raise typer.BadParameter(f"no kiosk would take this: {', '.join(names)}") from None


def _await(here: Desk, issued: Issued, *, wait_s: int) -> None:
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        with here.database.read() as connection:
            result = answer_to(connection, issued.id)
        if result is not None:
            judge(result, subject=issued.subject)
            typer.echo(" ".join(filter(None, ("done", result.reason, result.detail))))
            if result.parcel:
                typer.echo(f"next: clockface-office command bundle {result.parcel} --out FILE")
            return
        time.sleep(POLL_S)
    raise CommandUnanswered(
        f"no answer in {wait_s} seconds; the command stands until it expires",
        where=issued.subject,
        next_step=f"clockface-office command show {issued.id}",
    )


def _span(text: str, option: str) -> timedelta:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise typer.BadParameter("a time is written 10m, 4h or 7d", param_hint=option)
    span = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if span > timedelta(days=366):
        raise typer.BadParameter("at most 366d", param_hint=option)
    return span


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: stamp(row.pop(f"{name}_us")) for name in ("created", "expires", "answered")}
    return {**row, **times}
