"""`clockface support-bundle`: a file with what an engineer needs, and nothing of people or keys.

Staff read it before they send it: it is plain JSON. Works while the daemon is down, for that is when it is
wanted. Trust boundary: it leaves the device. Every part is made of what may be shown already (status, doctor's
findings, settings with credentials masked and accounts counted, journal lines by allow-list).
"""

import json
import platform
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from clockface.cli.private_file import private_file
from clockface.masking import masked
from edge import __version__
from edge.api.client import EdgeClient
from edge.board import read
from edge.cli.context import Invocation, invocation
from edge.cli.doctor import examine
from edge.daemon.support import shareable
from edge.doctor.courier import courier_file
from edge.doctor.host import command_output
from edge.doctor.journal import UNITS, last_lines

KIND: Final = "clockface.support-bundle.v1"
TIMEOUT_S: Final = 10.0
MAX_FILE_BYTES: Final = 256 * 1024
_SHOWN: Final = "ActiveState,SubState,NRestarts,ExecMainStatus,MemoryCurrent,ActiveEnterTimestamp"


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("support-bundle")(support_bundle)


def support_bundle(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it, mode 0600.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write what an engineer needs: no names, numbers, templates or keys. Read it before you send it."""
    here = invocation(context)
    held = collect(here)
    with private_file(out, replace=force) as file:
        json.dump(held, file, indent=1, ensure_ascii=True, default=str)
    typer.echo(f"{out}: {len(held['doctor'])} findings, {len(held['journal'].get('lines', ()))} journal lines")


def collect(here: Invocation) -> dict[str, Any]:
    """All parts; one that fails says so and nothing more."""
    parts: dict[str, Callable[[], Any]] = {
        "machine": _machine,
        "packages": _packages,
        "settings": lambda: _settings(here),
        "courier_settings": lambda: _toml(courier_file(here.loaded.path, here.environment, root=Path("/"))),
        "status": lambda: _status(here),
        "doctor": lambda: _findings(here),
        "units": _units,
        "journal": lambda: last_lines(command_output),
    }
    held: dict[str, Any] = {
        "kind": KIND,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
    }
    for name, give in parts.items():
        try:
            held[name] = give()
        except Exception as error:  # noqa: BLE001 - a broken part is what the engineer wants to know of
            held[name] = {"failed": type(error).__name__}
    return held


def _machine() -> dict[str, Any]:
    memory = (read(Path("/proc/meminfo")) or "").splitlines()[:3]
    return {
        "model": (read(Path("/proc/device-tree/model")) or "").strip("\0")[:100],
        "system": _os_name(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "memory": memory,
        "uptime": (read(Path("/proc/uptime")) or "")[:40],
    }


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")[:100]
    except OSError:
        return ""


def _packages() -> list[str]:
    return sorted(f"{found.name}=={found.version}" for found in metadata.distributions())


def _settings(here: Invocation) -> dict[str, Any]:
    return {"values": shareable(here.config), "from": dict(here.loaded.provenance)}


def _toml(path: Path) -> Any:
    with path.open("rb") as file:
        return masked(tomllib.loads(file.read(MAX_FILE_BYTES).decode("utf-8")))


def _status(here: Invocation) -> Any:
    with EdgeClient(here.config.paths.run, timeout_s=TIMEOUT_S) as client:
        return client.status().model_dump(mode="json")


def _findings(here: Invocation) -> list[dict[str, str]]:
    return [
        {"name": each.name, "status": each.finding.health.value, "found": each.finding.found}
        for each in examine(here)
    ]


def _units() -> dict[str, Any]:
    shown = {unit: command_output(["systemctl", "show", unit, f"--property={_SHOWN}"]) for unit in UNITS}
    return {unit: None if text is None else text.splitlines() for unit, text in shown.items()}
