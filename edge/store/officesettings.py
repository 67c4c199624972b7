"""The settings that the office gave, a TOML file in the state folder: held against all others, then written.

A file of its own, so that the installer's is never touched and everybody sees whose a setting is. Trust
boundary: names and values are an operator's; only what `edge.configuration.OFFICE_MAY` lists, and only what the
configuration as a whole then bears, is written.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

from clockface.errors import ConfigError
from clockface.secretfiles import sync_folder
from clockface.toml_file import parse, read_text
from edge.configuration import OFFICE_FILE, OFFICE_MAY, READER

MODE = 0o600
HEADER = "# Written by the central office's commands. `clockface config show` says what is in force.\n"


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Where this daemon's configuration came from.

    Args:
        path: The file that was named, or None.
        environment: The process's environment.
        state: The state folder.
    """

    path: Path | None
    environment: Mapping[str, str]
    state: Path

    @property
    def office_file(self) -> Path:
        """The office's settings."""
        return self.state / OFFICE_FILE


def office_text(source: ConfigSource, changes: Mapping[str, str]) -> str:
    """The file as it would be with these changes.

    Args:
        source: Where the configuration came from.
        changes: Setting to its value in the form of the environment; an empty one takes the office's back.

    Raises:
        ConfigError: A setting is not the office's, is fixed in the environment, or the whole does not hold.
            The message names settings and never repeats a value.
    """
    for key in changes:
        if key not in OFFICE_MAY:
            raise ConfigError("the office may not change this setting", where=key)
        if READER.variable_name(key) in source.environment:
            raise ConfigError("the setting is fixed in this device's environment", where=key)
    held = _held(source)
    for key, value in changes.items():
        held.pop(key, None)
        if value:
            held[key] = READER.value_of(key, value)
    text = _toml(held)
    loaded, problems = READER.examine(source.path, source.environment, layered=text)
    if loaded is None:
        told = "; ".join(f"{problem.key}: {problem.wrong}" for problem in problems[:3])
        raise ConfigError(f"the configuration would not hold: {told}")
    return text


def write_office_text(source: ConfigSource, text: str) -> None:
    """Put the file in place: after a power cut it is the old or the new one.

    Raises:
        OSError: The state folder cannot be written.
    """
    draft = source.office_file.with_name(f".{OFFICE_FILE}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(source.office_file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    sync_folder(source.state)


def _held(source: ConfigSource) -> dict[str, Any]:
    if not os.path.lexists(source.office_file):
        return {}
    tree = parse(read_text(source.office_file, []), where=str(source.office_file), problems=[])
    return {
        f"{section}.{name}": value
        for section, inner in tree.items()
        if isinstance(inner, dict)
        for name, value in inner.items()
    }


def _toml(held: Mapping[str, Any]) -> str:
    lines = [HEADER]
    for section in sorted({key.partition(".")[0] for key in held}):
        lines.append(f"[{section}]\n")
        lines += [
            f"{key.partition('.')[2]} = {_literal(value)}\n"
            for key, value in sorted(held.items())
            if key.partition(".")[0] == section
        ]
    return "".join(lines)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return json.dumps(value, ensure_ascii=False)  # JSON's texts and numbers are TOML's
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(_literal(each) for each in value)}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_literal(name)} = {_literal(each)}" for name, each in value.items()) + " }"
    raise ConfigError("a value is of a kind that no setting has")
