"""Reads the configuration, once, at start: defaults, then a TOML file, then `CLOCKFACE_*` of the environment.

Both are hostile until they have passed: size, encoding, nesting, unknown names, types and bounds. All problems
are listed, each with file, line, key, what is wrong and what is allowed. A message never repeats a value:
somebody may have put a password where it does not belong. The caller hands the environment in.
"""

import difflib
import json
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from edge.config import Config
from edge.errors import ConfigError
from edge.settings import settings

DEFAULT_PATH = Path("/etc/clockface/clockface.toml")
PREFIX = "CLOCKFACE_"
PATH_VARIABLE = "CLOCKFACE_CONFIG"
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


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration that has passed, and where each value comes from.

    Args:
        config: The tree.
        provenance: Setting -> "default", "FILE:LINE" or the environment variable's name.
        path: The file that was read, or None where there was none.
    """

    config: Config
    provenance: Mapping[str, str]
    path: Path | None


def config_path(*, option: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Which file counts: the option, then CLOCKFACE_CONFIG; None means the default path, where it exists."""
    named = environment.get(PATH_VARIABLE, "")
    return option if option is not None else (Path(named) if named else None)


def load(path: Path | None, environment: Mapping[str, str]) -> LoadedConfig:
    """Read and check the configuration.

    Args:
        path: The file, which must exist; None means CLOCKFACE_CONFIG, else `DEFAULT_PATH` where it exists.
        environment: Usually `os.environ`; only `CLOCKFACE_*` is looked at.

    Raises:
        ConfigError: With all problems, a line each.
    """
    loaded, problems = examine(path, environment)
    if loaded is None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigError(
            f"the configuration has {count}:\n{lines}",
            next_step="correct them, then `clockface config check`; all settings are in docs/configuration.md",
        )
    return loaded


def examine(
    path: Path | None, environment: Mapping[str, str]
) -> tuple[LoadedConfig | None, tuple[Problem, ...]]:
    """As `load`, but hand back the problems instead of raising."""
    named = config_path(option=path, environment=environment)
    file = named or (DEFAULT_PATH if DEFAULT_PATH.exists() else None)
    problems: list[Problem] = []
    text = _read_text(file, problems) if file is not None else ""
    tree = _parse(text, where=str(file), problems=problems)
    readable = not problems
    lines = key_lines(text)
    variables = _overlay(tree, environment, problems)
    problems += _control_characters(tree, file=str(file), lines=lines, variables=variables)
    config = None
    if readable:
        try:
            config = Config.model_validate_json(json.dumps(_over_defaults(tree), default=_as_text), strict=True)
        except ValidationError as error:
            problems += _describe(error, file=str(file), lines=lines, variables=variables)
    if config is None or problems:
        return None, tuple(problems)
    origins = {
        key: variables.get(key) or (_origin(file, _line(lines, key)) if _given(tree, key) else "default")
        for key, _ in leaves(config)
    }
    return LoadedConfig(config=config, provenance=origins, path=file), ()


def _origin(file: Path | None, line: int | None) -> str:
    return str(file) if line is None else f"{file}:{line}"


def leaves(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a tree with its value; a list is one value."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


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


def _read_text(file: Path, problems: list[Problem]) -> str:
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


def _parse(text: str, *, where: str, problems: list[Problem]) -> Tree:
    try:
        tree = tomllib.loads(text)
        if not _deeper_than(MAX_DEPTH, tree):
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
        problems.append(Problem(where=where, line=line, key="", wrong=f"not TOML: {_tame(reason)}"))
    return {}


def _overlay(tree: Tree, environment: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    """Put the environment's values into the tree; returns setting -> variable."""
    variables: dict[str, str] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name == PATH_VARIABLE:
            continue
        key = name.removeprefix(PREFIX).lower().replace("__", ".")
        if key not in settings() or name != variable_name(key):
            problems.append(_unknown(where=_tame(name), line=None, key="", name=key))
            continue
        parent = _parent(tree, key)
        if parent is not None:  # else the file has no table there, which validation reports
            parent[key.rpartition(".")[2]] = _environment_value(key, environment[name])
            variables[key] = name
    return variables


def variable_name(key: str) -> str:
    """The environment variable of a setting: camera.fps -> CLOCKFACE_CAMERA__FPS."""
    return PREFIX + key.upper().replace(".", "__")


def _parent(tree: Tree, key: str) -> Tree | None:
    for part in key.split(".")[:-1]:
        inner: Any = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            return None
        tree = inner
    return tree


def _environment_value(key: str, text: str) -> Any:
    """A variable's value: text as it stands, anything else as a TOML value or JSON."""
    setting = settings()[key]
    if setting.optional and text == "":
        return None
    if setting.textual or len(text) > MAX_LINE:
        return text
    for read in (_toml_value, json.loads):
        try:
            value = read(text)
        except (ValueError, RecursionError):
            continue
        return text if _deeper_than(MAX_DEPTH, value) else value
    return text


def _toml_value(text: str) -> Any:
    if "\n" in text or "\r" in text:
        raise ValueError("more than one line")
    return tomllib.loads(f"value = {text}")["value"]


def _control_characters(
    tree: Tree, *, file: str, lines: Mapping[str, int], variables: Mapping[str, str]
) -> Iterator[Problem]:
    """A control character in a path, name or pipeline is never meant, and can forge a line on a terminal."""
    for key, value in _texts(tree, ""):
        if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", value):
            where, line = _place(key, file=file, lines=lines, variables=variables)
            yield Problem(
                where=where,
                line=line,
                key=_tame(key),
                wrong="holds a control character",
                allowed="printable text",
            )


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{key}[{index}]")


def _deeper_than(depth: int, value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and (depth == 0 or any(_deeper_than(depth - 1, inner) for inner in value))


def _over_defaults(tree: Tree) -> Tree:
    """The tree laid over the defaults.

    pydantic's strict mode tells numbers from text in JSON only, and there it refuses defaults that JSON cannot
    spell, such as a path: so no default is left for it to fill in.
    """

    def lay(value: Any, base: Any) -> Any:
        if not isinstance(value, dict):
            return value
        under = base if isinstance(base, dict) else {}
        return under | {key: lay(inner, under.get(key)) for key, inner in value.items()}

    merged: Tree = lay(tree, Config().model_dump(mode="json"))
    return merged


def _as_text(value: object) -> str:
    """TOML's dates and times, for JSON."""
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _describe(
    error: ValidationError, *, file: str, lines: Mapping[str, int], variables: Mapping[str, str]
) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in detail["loc"]).lstrip(".")
        where, line = _place(key, file=file, lines=lines, variables=variables)
        if detail["type"] == "extra_forbidden":
            yield _unknown(where=where, line=line, key=_tame(key), name=key)
            continue
        setting = settings().get(re.sub(r"\[\d+\]", "[]", key))
        wrong = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
        allowed = setting.allowed if setting is not None and detail["type"] != "value_error" else ""
        yield Problem(where=where, line=line, key=key, wrong=wrong, allowed=allowed)


def _unknown(*, where: str, line: int | None, key: str, name: str) -> Problem:
    plain = re.sub(r"\[\d+\]", "[]", name)
    candidates = [known for known in settings() if not plain.startswith(known)]
    near = difflib.get_close_matches(plain[:80], candidates, n=1, cutoff=0.8)
    meant = f"did you mean {near[0] if key else variable_name(near[0])}?" if near else ""
    return Problem(where=where, line=line, key=key, wrong=f"no such setting{'; ' + meant if meant else ''}")


def _place(
    key: str, *, file: str, lines: Mapping[str, int], variables: Mapping[str, str]
) -> tuple[str, int | None]:
    """Where a setting comes from: its variable, else the file and the nearest line that is known."""
    inside = [variable for name, variable in variables.items() if key == name or key.startswith(f"{name}[")]
    if inside:
        return inside[0], None
    if not any(name.startswith(f"{key}.") for name in variables):
        return file, _line(lines, key)
    return ", ".join(v for n, v in variables.items() if n.startswith(f"{key}.")), None


def _line(lines: Mapping[str, int], key: str) -> int | None:
    while key:
        if key in lines:
            return lines[key]
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return None


def _given(tree: Tree, key: str) -> bool:
    value: Any = tree
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def _tame(text: str) -> str:
    """Text from outside, fit for a terminal: printable and short."""
    return "".join(c if c.isprintable() else "?" for c in text)[:120]
