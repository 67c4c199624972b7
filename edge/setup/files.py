"""Writes a process's configuration file: commented, complete or as before, and never over somebody's own edits.

The first line carries the SHA-256 of the rest: a file that still fits it is ours to write anew; another one was
edited by hand. What is replaced stays beside it as .bak. Trust boundary: values were validated by their model;
the text is read back by the process's own reader before it is put in place.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import tomlkit

from edge.errors import ProvisioningError
from edge.provisioning import replace_file

MARK = "# Written by clockface provision; remove this line once you edit the file. sha256:"
_MARKED = re.compile(re.escape(MARK) + r"([0-9a-f]{64})\n", re.ASCII)
MAX_BYTES = 64 * 1024


class Standing(Enum):
    """What lies where a file is to be written."""

    ABSENT = "absent"
    SAME = "same"
    OURS = "ours"
    EDITED = "edited"


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is to be written.

    Args:
        path: Where.
        text: All of it.
        check: Finds what the process that reads it would refuse.
    """

    path: Path
    text: str
    check: Callable[[Path], Sequence[str]]


def draft(
    path: Path,
    values: Mapping[str, Any],
    *,
    described: Mapping[str, str],
    about: str,
    check: Callable[[Path], Sequence[str]],
) -> Draft:
    """Compose a file of settings, each under its description.

    Args:
        path: Where it will lie.
        values: Setting -> value as JSON has it; those with None are left out.
        described: Setting -> what it is.
        about: A line for its head.
        check: As of `Draft`.
    """
    lines = [f"# {about}", "# All settings are in docs/configuration.md."]
    section = ""
    for key, value in values.items():
        if value is None:
            continue
        table, _, name = key.partition(".")
        if table != section:
            lines += ["", f"[{table}]"]
            section = table
        lines += [f"# {described[key]}", f"{name} = {_toml(value)}"]
    body = "\n".join(lines) + "\n"
    return Draft(path, f"{MARK}{hashlib.sha256(body.encode()).hexdigest()}\n{body}", check)


def standing(wanted: Draft) -> Standing:
    """What lies where the file is to be written.

    Raises:
        ProvisioningError: It cannot be read.
    """
    try:
        with wanted.path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Standing.ABSENT
    except OSError as error:
        raise ProvisioningError(
            f"a configuration file cannot be read: {error.strerror}",
            where=str(wanted.path),
            next_step=f"ls -l {wanted.path}",
        ) from None
    if raw == wanted.text.encode():
        return Standing.SAME
    text = raw.decode("utf-8", "replace")
    marked = _MARKED.match(text)
    if marked and hashlib.sha256(raw[len(marked[0].encode()) :]).hexdigest() == marked[1]:
        return Standing.OURS
    return Standing.EDITED


def write(wanted: Draft) -> None:
    """Put the file in place, what was there beside it as .bak; a file that its process would refuse stays away.

    Raises:
        ProvisioningError: Its process would refuse it, or it cannot be written.
    """
    path = wanted.path
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise ProvisioningError(
            f"the folder of a configuration file cannot be made: {error.strerror}", where=str(path.parent)
        ) from None
    trial = path.with_name(f".{path.name}.trial")
    replace_file(trial, wanted.text.encode(), mode=0o644)
    try:
        problems = wanted.check(trial)
        if problems:
            listed = "; ".join(problem.replace(str(trial), path.name) for problem in problems[:5])
            raise ProvisioningError(f"the answers make no configuration that holds: {listed}", where=str(path))
        if path.exists():
            replace_file(path.with_name(path.name + ".bak"), path.read_bytes(), mode=0o644)
        replace_file(path, wanted.text.encode(), mode=0o644)
    finally:
        trial.unlink(missing_ok=True)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items() if each is not None) + " }"
        )
    return str(tomlkit.item(value).as_string())
