"""`clockface logs`: what the services wrote, readable, for people who do not know journalctl.

Our own lines are JSON by allow-list and come out as words; what else a unit wrote comes as it is. Trust
boundary: a log line may hold anything, so control characters reach no terminal.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from edge.cli.asking import printable
from edge.errors import JournalUnavailable

UNITS: Final = ("edge", "sync", "screen", "kiosk", "capture", "update", "backup", "retention")
FIELDS: Final = "MESSAGE,_SYSTEMD_UNIT,UNIT,PRIORITY,__REALTIME_TIMESTAMP"
MAX_LINE: Final = 2000
_OURS: Final = frozenset({"timestamp", "level", "event", "logger"})
_LEVELS: Final = {"0": "critical", "1": "critical", "2": "critical", "3": "error", "4": "warning"}


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(logs)


def logs(
    since: Annotated[
        str, typer.Option(metavar="WHEN", help='"today", "-2h", "2026-03-02 08:00"; else the last lines.')
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    unit: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(UNITS)}. Several times.")] = None,
    problems: Annotated[bool, typer.Option("--problems", help="Warnings and errors only.")] = False,
    lines: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 100,
) -> None:
    """Show what the kiosk's services wrote."""
    asked = tuple(unit or UNITS)
    unknown = [name for name in asked if name not in UNITS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(UNITS)}", param_hint="--unit")
    shown = 0
    for line in _read(command(asked, since=since, follow=follow, lines=lines)):
        text = readable(line, problems=problems)
        if text is not None:
            shown += 1
            typer.echo(text)
    if not shown:
        typer.echo(_nothing(), err=True)


def command(names: tuple[str, ...], *, since: str, follow: bool, lines: int) -> list[str]:
    """What to ask of journalctl."""
    units = [f"--unit=clockface-{name}.service" for name in names]
    when = [f"--since={since}"] if since else []
    more = ["--follow"] if follow else []
    return ["journalctl", "--no-pager", "--quiet", "--output=json", f"--output-fields={FIELDS}",
            f"--lines={lines}", *when, *more, *units]  # fmt: skip


def readable(line: str, *, problems: bool = False) -> str | None:
    """One entry of the journal in words: time, service, level, event and fields; None if it is not wanted."""
    try:
        entry = json.loads(line)
        moment = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6)  # noqa: DTZ006 - the reader's own zone
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None
    unit = str(entry.get("UNIT") or entry.get("_SYSTEMD_UNIT") or "")
    name = unit.removeprefix("clockface-").removesuffix(".service")
    message = entry.get("MESSAGE")
    if not isinstance(message, str):
        message = "(not text)"
    level, told = _words(message, _LEVELS.get(str(entry.get("PRIORITY")), "info"))
    if problems and level not in {"warning", "error", "critical"}:
        return None
    return printable(f"{moment:%Y-%m-%d %H:%M:%S} {name:<9} {level:<8} {told}"[:MAX_LINE])


def _words(message: str, level: str) -> tuple[str, str]:
    try:
        found: Any = json.loads(message)
    except (ValueError, RecursionError):
        return level, message
    if not isinstance(found, dict) or not found.keys() >= _OURS:
        return level, message
    rest = [f"{name}={value}" for name, value in found.items() if name not in _OURS]
    return str(found["level"]), " ".join([str(found["event"]).replace("_", " "), *rest])


def _read(asked: list[str]) -> Iterator[str]:
    """The journal's lines as they come.

    Raises:
        JournalUnavailable: There is no journal here, or it refuses the question.
    """
    try:
        reader = subprocess.Popen(
            asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace",
        )  # fmt: skip
    except OSError:
        raise JournalUnavailable(
            "there is no journal here: systemd does not run the services of this machine",
            next_step="a daemon that was started by hand writes to its own terminal",
        ) from None
    with reader:
        try:
            assert reader.stdout is not None and reader.stderr is not None  # noqa: PT018, S101 - pipes, above
            yield from reader.stdout
            said = reader.stderr.read()
        except KeyboardInterrupt:
            reader.terminate()
            return
        if reader.wait() != 0:
            last = said.strip().splitlines()[-1:] or ["journalctl failed"]
            raise JournalUnavailable(
                f"the journal gives nothing: {printable(last[0][:300])}",
                next_step='clockface logs --since "2026-03-02 08:00"; sudo journalctl --verify',
            )


def _nothing() -> str:
    if os.geteuid() == 0:
        return "Nothing was written. Next: systemctl status clockface.target"
    return "Nothing is to be seen. Next: sudo clockface logs (or join the group systemd-journal)"
