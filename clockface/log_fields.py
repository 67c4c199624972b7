"""Which fields a log line may carry, and what each may hold. Everything else is withheld by `clockface.logs`.

To log something new, add its name here. No kind takes free text: a number, a flag, an enum member, a code that
stands in our own source, the first digits of a hash, an error. So a name, an employee number, a template, an
image or a key has no way into a line, whatever a caller passes.
"""

import math
import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from pathlib import Path

from clockface.errors import ClockfaceError

Scalar = str | int | float | bool
PACKAGES = ("clockface", "edge", "sync")  # our own source, as far as it is installed here
Kind = Callable[[object], Scalar | None]  # what may be written, or None to withhold

_LITERAL_CODE = re.compile(r"\"([a-z][a-z0-9]*(?:[_-][a-z0-9]+)+)\"")  # at least two words: no name looks so
_LITERAL_ROUTE = re.compile(r"\"(/[a-z0-9{}_./-]{1,80})\"")
_LONG_RUN = re.compile(r"[A-Za-z0-9+_=-]{32,}")  # a key, a token, a person's id
SINGLE_WORDS = frozenset(  # codes of one word
    {"agreed", "conflict", "left", "off", "screen", "shutdown", "staff", "startup", "sync"}
)


def count(value: object) -> Scalar | None:
    """A whole number of things: frames, sequence numbers, errno."""
    return value if type(value) is int and abs(value) < 2**63 else None


def number(value: object) -> Scalar | None:
    """A measurement, at six significant digits."""
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        return None
    return float(f"{value:.6g}")


def flag(value: object) -> Scalar | None:
    """True or false."""
    return value if type(value) is bool else None


def code(value: object) -> Scalar | None:
    """A member of one of our enums, or a short code that stands in our source as a literal."""
    if isinstance(value, Enum):
        ours = type(value).__module__.partition(".")[0] in (*PACKAGES, "tests")
        return value.value if ours and isinstance(value.value, str | int) else None
    known = type(value) is str and (value in SINGLE_WORDS or value in _literals())
    return str(value) if known else None


def route(value: object) -> Scalar | None:
    """A path of the local API, with ids left out; every other part must stand in our source."""
    if type(value) is not str or not re.fullmatch(r"(/[A-Za-z0-9_-]{1,64}){1,8}", value):
        return None
    known = {"v1"} | {part for literal in _literals() if literal.startswith("/") for part in literal.split("/")}
    parts = ["{id}" if re.search(r"[0-9]{2}", part) else part for part in value.split("/")]
    return "/".join(parts) if all(part in known or part == "{id}" for part in parts) else None


def digest(value: object) -> Scalar | None:
    """The first twelve digits of a SHA-256 in hex."""
    return value[:12] if type(value) is str and re.fullmatch(r"[0-9a-f]{64}", value) else None


def epoch(value: object) -> Scalar | None:
    """An epoch's id."""
    return value if type(value) is str and re.fullmatch(r"[0-9]{6}-[0-9a-f]{16}", value) else None


def place(value: object) -> Scalar | None:
    """A place in code: file.py:12."""
    return value if type(value) is str and re.fullmatch(r"[a-z_]{1,40}\.py:[0-9]{1,6}", value) else None


def camera_device(value: object) -> Scalar | None:
    """A video device's path."""
    return value if type(value) is str and re.fullmatch(r"/dev/video[0-9]{1,3}", value) else None


def error(value: object) -> Scalar | None:
    """An error: ours with its message, another one's class only, because its message may hold data."""
    if isinstance(value, BaseException):
        message = deliberate(value)
        return f"{type(value).__name__}: {message}" if message else type(value).__name__
    return value if type(value) is str and value in _exception_names() else None


def deliberate(problem: BaseException) -> str:
    """An own error's message: one line, bounded, anything like a key or an id withheld; else empty.

    Errors that may name a person's file say so (`loggable`): class only.
    """
    if not isinstance(problem, ClockfaceError) or not problem.loggable:
        return ""
    text = "".join(c if c.isprintable() else " " for c in str(problem))
    return _LONG_RUN.sub("<withheld>", text)[:600]


FIELDS: Mapping[str, Kind] = {
    # what happened
    "outcome": code,
    "reason": code,
    "detail": code,
    "coaching": code,
    "notice": code,
    "state": code,
    "role": code,
    "error": error,
    "errno": count,
    "at": place,
    "where": route,
    "path": route,
    "channel": code,
    "session_present": flag,
    "old_in_use": flag,
    "known_topic": flag,
    # how much
    "pending": count,
    "on_the_way": count,
    "broker": count,
    "days": count,
    "size_bytes": count,
    "frames": count,
    "frames_matched": count,
    "frames_agreed": count,
    "reopened": count,
    "corrected": count,
    "templates": count,
    "documents": count,
    "events": count,
    "people": count,
    "listeners": count,
    "signal": count,
    "status": count,
    "fps": number,
    "elapsed_s": number,
    "wait_s": number,
    # which
    "epoch": epoch,
    "seq": count,
    "model_hash": digest,
    "device": camera_device,
    "uid": count,
    "pid": count,
}


@cache
def _literals() -> frozenset[str]:
    """All codes and routes that stand in our source, read once."""
    here = Path(__file__).parent
    found: set[str] = set()
    for package in PACKAGES:
        for source in here.with_name(package).rglob("*.py"):
            text = source.read_text(encoding="utf-8")
            found.update(_LITERAL_CODE.findall(text), _LITERAL_ROUTE.findall(text))
    return frozenset(found)


def _exception_names() -> frozenset[str]:
    """The classes of all exceptions that are loaded: their names come from code."""
    names: set[str] = set()
    pending: list[type] = [BaseException]
    while pending:
        kind = pending.pop()
        names.add(kind.__name__)
        pending += type.__subclasses__(kind)
    return frozenset(names)
