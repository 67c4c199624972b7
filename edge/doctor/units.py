"""Our units as systemd knows them, in words for people who do not know systemctl.

Trust boundary: fixed words go to systemctl; what it prints is only text, and bounded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAMES: Final = ("edge", "sync", "screen", "kiosk", "capture")
BOOTED: Final = "run/systemd/system"  # sd_booted(3)
_SHOWN: Final = "Id,LoadState,ActiveState,UnitFileState,NRestarts,ExecMainStatus"
_WORDS: Final = {
    "active": "runs",
    "activating": "starts",
    "reloading": "runs",
    "deactivating": "stops",
    "inactive": "is stopped",
    "failed": "has failed",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One service.

    Args:
        name: "edge" of clockface-edge.service.
        told: How it is.
        well: Whether that is as it should be.
    """

    name: str
    told: str
    well: bool


def units(root: Path, run: Callable[[Sequence[str]], str | None]) -> tuple[Unit, ...]:
    """The services that are installed; empty where systemd does not run.

    Args:
        root: Where the kernel's files are.
        run: Gives what a command of fixed words prints, or None.
    """
    if not (root / BOOTED).is_dir():
        return ()
    asked = ["systemctl", "show", *(f"clockface-{name}.service" for name in NAMES), f"--property={_SHOWN}"]
    found = []
    for block in (run(asked) or "").split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        unit = _unit(values)
        if unit is not None:
            found.append(unit)
    return tuple(found)


def _unit(values: dict[str, str]) -> Unit | None:
    """One block of systemctl's answer; None for what is not installed, or neither runs nor is to."""
    name = values.get("Id", "").removeprefix("clockface-").removesuffix(".service")
    state, enabled = values.get("ActiveState", ""), values.get("UnitFileState") == "enabled"
    if name not in NAMES or values.get("LoadState") != "loaded" or (state == "inactive" and not enabled):
        return None
    well = state in {"active", "reloading"}
    told = _WORDS.get(state, "is in a state that is not known")
    code, restarts = values.get("ExecMainStatus", "0"), values.get("NRestarts", "0")
    if not well and code not in {"", "0"}:
        told += f" (exit code {code})"
    if restarts not in {"", "0"}:
        told += f", started anew {restarts} times"
    return Unit(name, told if well else f"{told}: clockface logs --unit {name}", well)
