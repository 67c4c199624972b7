"""`clockface-office gaps`: what is missing or accepted as lost, what waits, contradicts itself, was refused."""

import re
import sys
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, select

from sync.office import acceptance, accepted
from sync.office.cli.context import invocation
from sync.office.cli.desk import AsJson, desk, show, show_one, stamp
from sync.office.database import schema
from sync.office.losses import losses
from sync.office.operator_key import read_operator_key
from sync.office.operators import Role, require

app = typer.Typer(help="Missing events, forks, and what was refused.", invoke_without_command=True)
quarantine = typer.Typer(help="What was refused.", no_args_is_help=True)
app.add_typer(quarantine, name="quarantine")
SHOWN_BYTES = 1024


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="gaps")


@app.callback()
def overview(context: typer.Context, as_json: AsJson = False) -> None:
    """List gaps with what waits behind them, forks, what was refused, and what was accepted as lost."""
    if context.invoked_subcommand is not None:
        return
    with desk(context) as here, here.reading("gap.listed") as connection:
        rows = [
            *_gaps(connection), *_forks(connection), *_refused(connection), *_accepted(connection),
        ]  # fmt: skip
    columns = ("what", "where", "which", "count", "since")
    show(rows, as_json=as_json, columns=columns, empty="no gap, no fork, nothing refused")


def _gaps(connection: Connection) -> list[dict[str, Any]]:
    return [
        {
            "what": "gap",
            "where": each.subject,
            "which": f"{each.from_seq} to {each.to_seq} missing"
            + (" at its end" if each.at_end else f", {each.waiting} wait"),
            "count": each.to_seq - each.from_seq + 1,
            "since": stamp(each.since_us),
            "waiting": each.waiting,
        }
        for each in losses(connection)
    ]


def _accepted(connection: Connection) -> list[dict[str, Any]]:
    return [
        {
            "what": "accepted",
            "where": f"{row['site']}/{row['device']}/{row['epoch']}",
            "which": f"{row['from_seq']} to {row['to_seq']} lost, says {row['accepted_by']}: {row['reason']}",
            "count": row["to_seq"] - row["from_seq"] + 1,
            "since": stamp(row["accepted_us"]),
        }
        for row in accepted.listed(connection)
    ]


@app.command()
def accept(
    context: typer.Context,
    history: Annotated[str, typer.Argument(metavar="SITE/DEVICE/EPOCH", help="As `gaps` shows it.")],
    seqs: Annotated[str, typer.Argument(metavar="FROM-TO", help="Exactly what is missing, such as 41-44.")],
    reason: Annotated[str, typer.Option("--reason", help="Why nobody has them; at most 500 characters.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Accept that neither device nor office has events any more; what waits behind them counts (administrator).

    Refused while the kiosk may still bring them. It cannot be taken back.
    """
    span, asked = _seqs(seqs), invocation(context)
    with desk(context) as here:
        with here.database.read() as connection:
            require(connection, here.account, Role.ADMINISTRATOR)
        if not yes:
            typer.confirm(
                f"{span[1] - span[0] + 1} events of {history[:160]} are lost for good. Go on?",
                abort=True,
                err=True,
            )
        key = read_operator_key(here.config, asked.environment, interactive=sys.stdin.isatty())
        with here.acting(Role.ADMINISTRATOR) as connection:
            done = acceptance.accept(
                connection, history=history, seqs=span, reason=reason, key=key, by=here.account, now=here.now
            )
    typer.echo(f"accepted: {done.events} events are lost; {done.taken} that waited behind them count now")


def _seqs(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,9})-([1-9][0-9]{0,9})", text)
    if match is None or int(match[1]) > int(match[2]):
        raise typer.BadParameter("what is missing is written 41-44", param_hint="FROM-TO")
    return int(match[1]), int(match[2])


def _forks(connection: Connection) -> list[dict[str, Any]]:
    forks, epochs, devices = schema.forks, schema.epochs, schema.devices
    rows = connection.execute(
        select(
            forks.c.seq,
            forks.c.known_hash,
            forks.c.other_hash,
            forks.c.found_us,
            epochs.c.epoch,
            devices.c.site,
            devices.c.device,
        )
        .join(epochs, epochs.c.id == forks.c.epoch_id)
        .join(devices, devices.c.id == epochs.c.device_id)
        .where(forks.c.settled_us.is_(None))
        .order_by(forks.c.id)
    )
    return [
        {
            "what": "fork",
            "where": f"{row.site}/{row.device}/{row.epoch}/{row.seq}",
            "which": f"here {bytes(row.known_hash).hex()[:16]}, there {bytes(row.other_hash).hex()[:16]}",
            "count": 1,
            "since": stamp(row.found_us),
        }
        for row in rows
    ]


def _refused(connection: Connection) -> list[dict[str, Any]]:
    totals = schema.quarantine_totals
    return [
        {
            "what": "refused",
            "where": "quarantine",
            "which": row.reason + (f", {row.unkept} not kept" if row.unkept else ""),
            "count": row.refused,
            "since": None,
            "last": stamp(row.last_us),
        }
        for row in connection.execute(select(totals).order_by(totals.c.reason))
    ]


@quarantine.command("list")
def list_quarantine(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", min=1, max=10_000, help="So many of the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what was refused, the newest last."""
    table = schema.quarantine
    statement = (
        select(
            table.c.id,
            table.c.reason,
            table.c.detail,
            table.c.topic,
            table.c.true_bytes,
            table.c.count,
            table.c.last_us,
        )
        .order_by(table.c.last_us.desc(), table.c.id.desc())
        .limit(last)
    )
    with desk(context) as here, here.reading("quarantine.listed") as connection:
        rows = [
            {
                "id": row.id,
                "reason": row.reason,
                "detail": row.detail,
                "topic": row.topic,
                "bytes": row.true_bytes,
                "count": row.count,
                "last": stamp(row.last_us),
            }
            for row in reversed(connection.execute(statement).all())
        ]
    columns = ("id", "reason", "detail", "topic", "bytes", "count", "last")
    show(rows, as_json=as_json, columns=columns, empty="nothing was refused")


@quarantine.command("show")
def show_quarantine(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**62)],
    as_json: AsJson = False,
) -> None:
    """Show one refused message as hexadecimal and harmless letters; it is never interpreted (administrator)."""
    table = schema.quarantine
    with (
        desk(context) as here,
        here.reading("quarantine.read", subject=str(number), role=Role.ADMINISTRATOR) as connection,
    ):
        row = connection.execute(select(table).where(table.c.id == number)).first()
    if row is None:
        raise typer.BadParameter(
            "nothing refused has this number; clockface-office gaps quarantine list shows them"
        )
    kept = bytes(row.raw)
    facts = {
        "id": row.id,
        "reason": row.reason,
        "detail": row.detail,
        "topic": row.topic,
        "claimed": f"{row.claimed_site}/{row.claimed_device}" if row.claimed_site else None,
        "sha256": bytes(row.digest).hex(),
        "bytes": row.true_bytes,
        "kept": len(kept),
        "count": row.count,
        "first": stamp(row.first_us),
        "last": stamp(row.last_us),
    }
    show_one(facts | ({"raw_hex": kept.hex()} if as_json else {}), as_json=as_json)
    if not as_json:
        for line in dump(kept[:SHOWN_BYTES]):
            typer.echo(line)


def dump(raw: bytes) -> list[str]:
    """Bytes as offset, hexadecimal and ASCII; nothing else than letters, digits and punctuation leaves here."""
    lines = []
    for offset in range(0, len(raw), 16):
        part = raw[offset : offset + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{offset:06x}  {part.hex(' '):<47}  {letters}")
    return lines
