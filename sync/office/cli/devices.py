"""`clockface-office devices`: how each kiosk is; what is old is marked."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from sync.office.cli.desk import AsJson, desk, show
from sync.office.fleet import DeviceView, devices

HEADINGS = (
    "device",
    "state",
    "last_seen",
    "events",
    "frontier",
    "software",
    "certificate",
    "roster",
    "attention",
)


def register(root: typer.Typer) -> None:
    """Put this command under the root of the command."""
    root.command("devices", help="How each kiosk is: last seen, events on the way, certificate, alarms.")(
        list_devices
    )


def list_devices(
    context: typer.Context,
    site: Annotated[str | None, typer.Option("--site", help="Of this site only.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are retired or revoked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how each device is."""
    with desk(context) as here, here.reading("device.listed", subject=(site or "")[:64]) as connection:
        found = devices(
            connection,
            now_us=here.now_us,
            silent_after_s=here.config.receiver.silent_after_s,
            site=site,
            everything=everything,
        )
    rows = [asdict(view) for view in found] if as_json else [readable(view) for view in found]
    show(
        rows,
        as_json=as_json,
        columns=HEADINGS,
        empty="no device is registered; next: clockface-office device add REQUEST",
    )


def readable(view: DeviceView) -> dict[str, Any]:
    """A device as the table has it."""
    return {
        "device": f"{view.site}/{view.device}" + (f" ({view.label})" if view.label else ""),
        "state": view.presence.value if view.state == "active" else view.state,
        "last_seen": ago(view.last_seen_s),
        "events": _events(view),
        "frontier": view.frontier or "nothing yet",
        "software": view.software,
        "certificate": _certificate(view.certificate_days),
        "roster": "current" if not view.roster_behind else f"{view.roster_behind} behind",
        "attention": _attention(view),
    }


def ago(seconds: int | None) -> str:
    """An age in its largest whole unit."""
    if seconds is None:
        return "never"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def _events(view: DeviceView) -> str:
    if view.pending is None:
        return "not told yet"
    oldest = "" if view.oldest_pending_s is None else f", oldest {ago(view.oldest_pending_s)}"
    told = f"{view.pending} on the way{oldest}" if view.pending else "all delivered"
    return f"{told} (as told {ago(view.telemetry_age_s)})" if view.stale else told


def _certificate(days: int | None) -> str:
    if days is None:
        return "not known"
    return f"EXPIRED {-days} d ago" if days < 0 else f"{days} d"


def _attention(view: DeviceView) -> list[str]:
    marks = [*view.alarms]
    if view.gaps:
        marks.append(f"{view.gaps} gaps")
    if view.stale and view.telemetry_age_s is not None:
        marks.append("telemetry is old")
    if fault := view.detail.get("fault"):
        marks.append(f"fault {fault}")
    if view.detail.get("clock") == "unsynchronised":
        marks.append("clock unsynchronised")
    if view.detail.get("service") == "out_of_service":
        marks.append("out of service")
    return marks
