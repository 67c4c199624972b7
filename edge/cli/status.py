"""`clockface status`: how the daemon is, in one look."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from edge.api.protocol.status import Status
from edge.cli.asking import AsJson, asking, console, printable, table
from edge.cli.context import invocation
from edge.doctor.host import command_output
from edge.doctor.units import units
from edge.errors import EdgeUnreachable

if TYPE_CHECKING:
    from edge.setup.receipt import Receipt

GOOD, BAD = "green", "bold red"
LINK_OLD_S = 90.0  # the courier says how it is every half minute
RECEIPT_FILE = "retired.json"  # as edge.setup.receipt names it


def register(root: typer.Typer) -> None:
    """Put the command under the root."""
    root.command()(status)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show camera, models, people, ledger, clock and timings of the running daemon."""
    try:
        with asking(context) as client:
            found = client.status()
    except EdgeUnreachable:
        retired = _retired(invocation(context).config.paths.state)
        if retired is None:
            if not as_json:
                _print(_services())
            raise
        typer.echo(json.dumps({"retired": json.loads(retired.model_dump_json())}) if as_json else retired.line)
        return
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    _print((*_services(), *_rows(found)))


def _print(told: Iterable[tuple[str, str, str]]) -> None:
    rows, any_row = table(), False
    for name, value, style in told:
        any_row = True
        rows.add_row(Text(name, "bold"), Text(printable(value), style))
    if any_row:
        console().print(rows)


def _services() -> Iterator[tuple[str, str, str]]:
    """What systemd says of our units, where it runs."""
    for unit in units(Path("/"), command_output):
        yield f"service {unit.name}", unit.told, GOOD if unit.well else BAD


def _retired(state: Path) -> "Receipt | None":
    """The receipt of a device that was retired here; its module is heavy, and most kiosks never need it."""
    try:
        if not (state / RECEIPT_FILE).exists():
            return None
    except PermissionError:  # an account of staff that may ask the daemon, and not look into its folder
        return None
    from edge.setup.receipt import retired_device

    return retired_device(state)


def _rows(found: Status) -> Iterator[tuple[str, str, str]]:
    retired = "; retired: it records nobody any more (clockface provision retire shows how far)"
    yield (
        "device",
        f"{found.device} of site {found.site}{retired if found.retired else ''}",
        BAD if found.retired else "",
    )
    yield (
        "daemon",
        f"version {found.version}, up {_span(found.uptime_s)}, {found.resident_mb:.0f} MB, process {found.pid}",
        "",
    )
    camera = found.camera
    well = camera.state == "streaming"
    told = f"{camera.source}: {camera.state}, {camera.fps:.1f} frames/s, reopened {camera.reopened} times"
    yield "camera", told + (f"; {camera.problem}" if camera.problem else ""), GOOD if well else BAD
    for signal in found.signals:
        yield signal.name, signal.problem or "works", BAD if signal.problem else GOOD
    if found.fault is not None:
        yield "faces", f"out of service: {found.fault}; run clockface doctor", BAD
    for gallery in found.galleries:
        measured = (
            "" if gallery.threshold_supported else "; larger than was measured: run clockface evaluate identify"
        )
        yield (
            "faces",
            (
                f"{gallery.people} people, {gallery.templates} templates, chain {gallery.model_hash[:12]}, "
                f"threshold {gallery.threshold:.3f}{measured}"
            ),
            BAD if measured else GOOD,
        )
    off = found.liveness_policy == "off"
    yield "liveness", "off: a photograph can clock in" if off else found.liveness_policy, BAD if off else GOOD
    yield from _ledger(found)
    yield from _office(found)
    clock = found.clock
    yield (
        "clock",
        f"{clock.wall.isoformat(sep=' ', timespec='seconds')}, {clock.trust}",
        GOOD if clock.trust == "synchronised" else BAD,
    )
    yield "models", ", ".join(f"{model.name} {model.sha256[:12]}" for model in found.models) or "none", ""
    for stage in found.stages:
        yield f"  {stage.stage}", f"median {stage.median_ms:.2f} ms, p95 {stage.p95_ms:.2f} ms", "dim"


def _ledger(found: Status) -> Iterator[tuple[str, str, str]]:
    ledger = found.ledger
    since = "" if ledger.oldest_pending_at is None else f", the oldest of {ledger.oldest_pending_at.date()}"
    yield (
        "ledger",
        (
            f"{ledger.events} events, {ledger.people} people, epoch {ledger.epoch}, at {ledger.seq}; "
            f"{ledger.pending} not confirmed by the office{since}"
        ),
        "",
    )
    for alarm in ledger.alarms:
        yield "alarm", f"{alarm.kind}: {alarm.detail}, since {alarm.raised_at.date()}", BAD


def _office(found: Status) -> Iterator[tuple[str, str, str]]:
    office = found.office
    if office.out_of_service is not None:
        why = f": {office.out_of_service}" if office.out_of_service else ""
        yield "service", f"out of service by the office{why}", BAD
    if office.name is None:
        yield "office", "none yet: clockface provision request", ""
    else:
        yield (
            "office",
            f"{office.name}; roster {office.roster_version}, {office.parcels_pending} parcels on the way",
            "",
        )
        yield from _link(found)
    waiting = f"; {office.templates_waiting} templates wait for a key" if office.templates_waiting else ""
    held = "none: templates stay on this kiosk" if office.site_key is None else f"{office.site_key[:12]}"
    yield "site key", held + waiting, BAD if waiting else ""


def _link(found: Status) -> Iterator[tuple[str, str, str]]:
    """The way to the office: what the courier says of the broker, the office's last word, how much waits."""
    link, waits = found.office.link, found.ledger.pending + found.office.parcels_pending
    last = found.office.acknowledged_at
    told = "nothing acknowledged since the daemon's start" if last is None else f"last acknowledged {_at(last)}"
    told += f"; {waits} wait"
    if link is None:
        yield "broker", f"the courier has said nothing: clockface logs --unit sync; {told}", BAD
    elif link.told_s > LINK_OLD_S:
        yield "broker", f"the courier has said nothing for {_span(link.told_s)}; {told}", BAD
    elif link.connected:
        yield "broker", f"connected to address {link.broker or 1} since {_at(link.since)}; {told}", GOOD
    else:
        why = link.reason.replace("_", " ")
        yield "broker", f"not connected since {_at(link.since)}: {why}; {told}", BAD


def _at(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def _span(seconds: float) -> str:
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {int(seconds % 60)} s"
