"""What a crash report may hold of an exception: classes, and places in our own code. Pure.

Trust boundary: messages, arguments, notes and locals may be personal data, so none is looked at; a name of a
class or function that does not look like one, which only a value could have made, is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final

MAX_FRAMES: Final = 64
MAX_CAUSES: Final = 8
OURS: Final = frozenset({"edge", "sync", "clockface"})
CLASS: Final = re.compile(r"[A-Za-z0-9._-]{1,80}")
MODULE: Final = re.compile(r"[A-Za-z0-9_.<>-]{1,120}")
FUNCTION: Final = re.compile(r"[A-Za-z0-9_.<>-]{1,80}")
PLACE: Final = re.compile(r"[A-Za-z0-9_.<>-]{1,120}:[0-9]{1,6} [A-Za-z0-9_.<>-]{1,80}")


@dataclass(frozen=True, slots=True)
class Trace:
    """A crash without anything personal: exception classes, cause first, and places in our code."""

    error: tuple[str, ...]
    frames: tuple[str, ...]


def scrub(error: BaseException) -> Trace:
    """Keep an exception's classes, and the places of its traceback that lie in our code."""
    chain = list(_chain(error))[:MAX_CAUSES]
    frames = [place for link in reversed(chain) for place in _places(link.__traceback__)]
    return Trace(tuple(_class(link) for link in reversed(chain)), tuple(frames[-MAX_FRAMES:]))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it came from."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _class(error: BaseException) -> str:
    name = type(error).__name__
    return name if CLASS.fullmatch(name) else "Exception"


def _places(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        code, module = traceback.tb_frame.f_code, str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in OURS and MODULE.fullmatch(module) and FUNCTION.fullmatch(code.co_name):
            yield f"{module}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next
