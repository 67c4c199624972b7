"""A TOML file as hostile text: size, encoding, nesting and line lengths are judged before anything is believed.

Why apart: what is wrong with a file is listed, each with its line, and never repeats a value: somebody may have
put a password where it does not belong. Trust boundary: whoever may write the file.
"""

import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_LINE = 4096  # a dotted key can nest once a character, and tomllib's work grows with the square of the depth

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Args:
        where: The file or the environment variable.
        line: Line of the file, counted from 1, where it is known.
        key: The setting, such as "camera.fps"; empty where the whole file is concerned.
        wrong: What is wrong, without the value.
        allowed: What would be right; empty where `wrong` says it.
    """

    where: str
    line: int | None
    key: str
    wrong: str
    allowed: str = ""

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        text = ": ".join(part for part in (place, self.key, self.wrong) if part)
        return f"{text}; allowed: {self.allowed}" if self.allowed else text


def key_lines(text: str) -> dict[str, int]:
    """Where each table and key of a TOML text first stands.

    A look at lines, not a parser: a key inside an inline table has its table's line. Good enough to point a
    person to the place, and never used for anything else.
    """
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[{1,2})\s*([^\[\]]{1,200}?)\s*\]", line):
            table = _plain(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                found.setdefault(table, number)
                table = f"{table}[{counts[table]}]"
            found.setdefault(table, number)
        elif assignment := re.match(r"\s*([A-Za-z0-9_\-.\"' \t]{1,200}?)\s*=", line):
            key = _plain(assignment[1])
            found.setdefault(f"{table}.{key}" if table else key, number)
    return found


def _plain(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))


def read_text(file: Path, problems: list[Problem]) -> str:
    """The file's text, or "" and a problem."""

    def refuse(wrong: str) -> str:
        problems.append(Problem(where=str(file), line=None, key="", wrong=wrong))
        return ""

    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return refuse("is not a regular file")
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        return refuse(f"cannot be read: {reason}")
    if len(data) > MAX_BYTES:
        return refuse(f"is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return refuse(f"is not UTF-8: byte {error.start} is wrong")
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > MAX_LINE:
            problems.append(
                Problem(where=str(file), line=number, key="", wrong=f"is longer than {MAX_LINE} characters")
            )
            return ""
    return text


def parse(text: str, *, where: str, problems: list[Problem]) -> Tree:
    """The text's tree, or {} and a problem."""
    try:
        tree = tomllib.loads(text)
        if not deeper_than(MAX_DEPTH, tree):
            return tree
        raise RecursionError
    except RecursionError:
        problems.append(Problem(where=where, line=None, key="", wrong="is nested too deeply"))
    except ValueError as error:  # TOMLDecodeError, and numbers with thousands of digits
        message = str(error)
        place = re.search(r"\(at line (\d+), column (\d+)\)", message)
        reason = message[: place.start()].strip() if place else "a value cannot be read"
        if place is None and "end of document" in message:
            reason, place = "ends too early", None
        line = int(place[1]) if place else None
        problems.append(Problem(where=where, line=line, key="", wrong=f"not TOML: {tame(reason)}"))
    return {}


def deeper_than(depth: int, value: Any) -> bool:
    """Whether lists and tables lie in one another more than `depth` times."""
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and (depth == 0 or any(deeper_than(depth - 1, inner) for inner in value))


def tame(text: str) -> str:
    """Text from outside, fit for a terminal: printable and short."""
    return "".join(c if c.isprintable() else "?" for c in text)[:120]
