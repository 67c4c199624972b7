"""The last lines of our units' journal, as a support bundle may carry them.

Our processes write through an allow-list already; what else a unit writes (a library's own complaint,
systemd's) is not ours to vouch for. Trust boundary: a line is kept only if it is JSON of our logging, built
anew from the fields that may be logged; the others are counted.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from clockface.log_fields import FIELDS

UNITS: Final = ("clockface-edge", "clockface-sync", "clockface-screen")
LINES: Final = 2000
MAX_TEXT: Final = 600
COMMAND: Final = (
    "journalctl",
    "--no-pager",
    "--output=cat",
    "--reverse",
    f"--lines={LINES}",
    *(f"--unit={unit}" for unit in UNITS),
)
_SHAPES: Final = {
    "timestamp": re.compile(r"[0-9TZ:.+-]{19,40}"),
    "level": re.compile(r"debug|info|warning|error|critical"),
    "event": re.compile(r"[a-z][a-z0-9_]{0,60}"),
    "logger": re.compile(r"[A-Za-z0-9_.]{0,120}"),
    "message": re.compile(r"[^\x00-\x1f\x7f]{0,200}"),  # a literal of a library's source, or withheld
}
_PLACE: Final = re.compile(r"[A-Za-z0-9_./<>-]{1,200}:[0-9]{1,7} [A-Za-z0-9_.<>-]{1,120}")
_CLASS: Final = re.compile(r"[A-Za-z0-9_.]{1,120}")


def last_lines(run: Callable[[Sequence[str]], str | None]) -> dict[str, Any]:
    """What the journal holds of ours, newest first, and how many lines were left out."""
    text = run(COMMAND)
    if text is None:
        return {"lines": [], "left_out": 0, "problem": "journalctl gives nothing"}
    lines = [line for line in text.splitlines() if line.strip()]
    kept = [made for line in lines if (made := line_of(line)) is not None]
    return {"lines": kept, "left_out": len(lines) - len(kept)}


def line_of(text: str) -> dict[str, Any] | None:
    """One line built anew; None if it is not of our logging, or holds a field that may not be logged."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not {"timestamp", "level", "event", "logger"} <= set(found):
        return None
    made: dict[str, Any] = {}
    for name, value in found.items():
        if name in _SHAPES:
            if not isinstance(value, str) or not _SHAPES[name].fullmatch(value):
                return None
            made[name] = value
        elif name in FIELDS:
            if not isinstance(value, str | int | float) or len(str(value)) > MAX_TEXT:
                return None
            made[name] = value
        elif name == "exception" and isinstance(value, list):
            made[name] = [_link(link) for link in value[:6]]
        elif name != "withheld":
            return None
    return made


def _link(link: Any) -> dict[str, Any]:
    """An exception: its class, and the places; no message."""
    if not isinstance(link, dict):
        return {}
    places = link.get("at")
    kind = str(link.get("class"))
    return {
        "class": kind if _CLASS.fullmatch(kind) else "Exception",
        "at": [str(place) for place in places if _PLACE.fullmatch(str(place))]
        if isinstance(places, list)
        else [],
    }
