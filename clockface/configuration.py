"""Reads a configuration, once, at start: defaults, then a TOML file, then the environment; for any process.

File and environment are hostile until they have passed: size, encoding, nesting, unknown names, types, bounds.
All problems are listed, each with file, line, key, what is wrong and what is allowed. A message never repeats a
value. The caller hands the environment in. A process says with a `ConfigReader` which tree is its own.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from clockface.errors import ConfigError
from clockface.settings import Setting, defaults, sections, settings
from clockface.toml_file import (
    MAX_DEPTH,
    MAX_LINE,
    Problem,
    Tree,
    deeper_than,
    key_lines,
    parse,
    read_text,
    tame,
)

ConfigT = TypeVar("ConfigT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class LoadedConfig(Generic[ConfigT]):
    """A configuration that has passed, and where each value comes from.

    Args:
        config: The tree.
        provenance: Setting -> "default", "FILE:LINE" or the environment variable's name.
        path: The file that was read, or None where there was none.
    """

    config: ConfigT
    provenance: Mapping[str, str]
    path: Path | None


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings that somebody else than the file's owner gives: over the file, under the environment.

    Args:
        name: What the provenance of such a setting says.
        folder: The setting that names the folder of the layer's file.
        file: The file's name.
        may: The settings that it may hold.
    """

    name: str
    folder: str
    file: str
    may: frozenset[str]


@dataclass(frozen=True, slots=True)
class ConfigReader(Generic[ConfigT]):
    """Which tree a process is configured by, and where its values come from.

    Args:
        model: The tree's class.
        prefix: What its environment variables begin with, such as "CLOCKFACE_"; PREFIX_CONFIG names the file.
        default_path: The file that counts where none is named, if it exists.
        check_command: What to type after a mistake, such as "clockface config check".
        neighbours: Prefixes that begin with this one and belong to other processes: not looked at.
        also: What the variables begin with that settings have of their own (`variable` in json_schema_extra).
        layer: Settings that somebody else gives, where there is such a one.
    """

    model: type[ConfigT]
    prefix: str
    default_path: Path
    check_command: str
    neighbours: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    layer: Layer | None = None

    @property
    def path_variable(self) -> str:
        """The environment variable that names the file."""
        return f"{self.prefix}CONFIG"

    @property
    def settings(self) -> Mapping[str, Setting]:
        """All settings by key."""
        return settings(self.model)

    @property
    def sections(self) -> Mapping[str, str]:
        """Each table of the file and what it is about."""
        return sections(self.model)

    def variable_name(self, key: str) -> str:
        """The environment variable of a setting: camera.fps -> CLOCKFACE_CAMERA__FPS."""
        if key in self.settings and self.settings[key].variable:
            return self.settings[key].variable
        return self.prefix + key.upper().replace(".", "__")

    def config_path(self, *, option: Path | None, environment: Mapping[str, str]) -> Path | None:
        """Which file counts: the option, then PREFIX_CONFIG; None means the default path, where it exists."""
        named = environment.get(self.path_variable, "")
        return option if option is not None else (Path(named) if named else None)

    def load(self, path: Path | None, environment: Mapping[str, str]) -> LoadedConfig[ConfigT]:
        """Read and check the configuration.

        Args:
            path: The file, which must exist; None means PREFIX_CONFIG, else `default_path` where it exists.
            environment: Usually `os.environ`; only names with the prefix are looked at.

        Raises:
            ConfigError: With all problems, a line each.
        """
        loaded, problems = self.examine(path, environment)
        if loaded is None:
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            lines = "\n".join(f"  {problem}" for problem in problems)
            raise ConfigError(
                f"the configuration has {count}:\n{lines}",
                next_step=f"correct them, then `{self.check_command}`; "
                "all settings are in docs/configuration.md",
            )
        return loaded

    def examine(
        self, path: Path | None, environment: Mapping[str, str], *, layered: str | None = None
    ) -> tuple[LoadedConfig[ConfigT] | None, tuple[Problem, ...]]:
        """As `load`, but hand back the problems instead of raising.

        Args:
            path: As for `load`.
            environment: As for `load`.
            layered: The layer's text as it is to be; None means the one that its file holds.
        """
        named = self.config_path(option=path, environment=environment)
        file = named or (self.default_path if self.default_path.exists() else None)
        problems: list[Problem] = []
        text = read_text(file, problems) if file is not None else ""
        tree = parse(text, where=str(file), problems=problems)
        readable = not problems
        problems += self._misplaced(tree, where=str(file), lines=key_lines(text))
        variables = self._overlay(tree, environment, problems)
        laid = self._lay(tree, variables, layered, problems)
        readable = readable and laid is not None
        elsewhere = dict.fromkeys(laid or {}, self._layer_place(tree)) | variables
        places = _Places(file=str(file or self.default_path), lines=key_lines(text), variables=elsewhere)
        problems += _control_characters(tree, places)
        config = None
        if readable:
            try:
                given = json.dumps(_over(tree, defaults(self.model)), default=_as_text)
                config = self.model.model_validate_json(given, strict=True)
            except ValidationError as error:
                problems += self._describe(error, places)
        if config is None or problems:
            return None, tuple(problems)
        given_by = {key: self.layer.name for key in laid or {} if self.layer} | variables
        origins = {
            key: given_by.get(key) or (places.origin(key) if _given(tree, key) else "default")
            for key, _ in leaves(config)
        }
        return LoadedConfig(config=config, provenance=origins, path=file), ()

    def _overlay(self, tree: Tree, environment: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
        """Put the environment's values into the tree; returns setting -> variable."""
        variables: dict[str, str] = {}
        own = {setting.variable: key for key, setting in self.settings.items() if setting.variable}
        for name in sorted(environment):
            ours = name.startswith((self.prefix, *self.also)) and not name.startswith(self.neighbours)
            if not ours or name == self.path_variable:
                continue
            key = own.get(name) or name.removeprefix(self.prefix).lower().replace("__", ".")
            if key not in self.settings or name != self.variable_name(key):
                problems.append(self._unknown(where=tame(name), line=None, key="", name=key))
                continue
            parent = _parent(tree, key)
            if parent is not None:  # else the file has no table there, which validation reports
                parent[key.rpartition(".")[2]] = _environment_value(self.settings[key], environment[name])
                variables[key] = name
        return variables

    def _misplaced(self, tree: Tree, *, where: str, lines: Mapping[str, int]) -> Iterator[Problem]:
        """What the file may not give."""
        for key, setting in self.settings.items():
            if setting.variable and _given(tree, key):
                wrong = f"is given by the variable {setting.variable} only, never in the file"
                yield Problem(where=where, line=lines.get(key), key=key, wrong=wrong)

    def _layer_place(self, tree: Tree) -> str:
        """Where the layer's file lies; empty without one."""
        if self.layer is None:
            return ""
        folder = _over(tree, defaults(self.model))
        for part in self.layer.folder.split("."):
            folder = folder.get(part) if isinstance(folder, dict) else None
        return str(Path(folder) / self.layer.file) if isinstance(folder, str) else ""

    def _lay(
        self, tree: Tree, variables: Mapping[str, str], text: str | None, problems: list[Problem]
    ) -> frozenset[str] | None:
        """Put the layer's settings into the tree, but for those of the environment.

        Returns:
            Which ones; None if the layer cannot be read, or holds what it may not.
        """
        place = self._layer_place(tree)
        if self.layer is None or not place or (text is None and not os.path.lexists(place)):
            return frozenset()
        wrong: list[Problem] = []
        held = parse(read_text(Path(place), wrong) if text is None else text, where=place, problems=wrong)
        laid = set()
        for key, value in _settings_of(held):
            if key not in self.layer.may:
                wrong.append(Problem(where=place, line=None, key=tame(key), wrong="may not stand here"))
            elif key not in variables and (parent := _parent(tree, key)) is not None:
                parent[key.rpartition(".")[2]] = value
                laid.add(key)
        problems += wrong
        return None if wrong else frozenset(laid)

    def value_of(self, key: str, text: str) -> Any:
        """A setting's value from its form in the environment, unchecked."""
        return _environment_value(self.settings[key], text)

    def _describe(self, error: ValidationError, places: "_Places") -> Iterator[Problem]:
        for detail in error.errors(include_url=False, include_input=False):
            key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in detail["loc"]).lstrip(".")
            where, line = places.of(key)
            if detail["type"] == "extra_forbidden":
                yield self._unknown(where=where, line=line, key=tame(key), name=key)
                continue
            setting = self.settings.get(re.sub(r"\[\d+\]", "[]", key))
            wrong = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
            wrong = "must be given" if detail["type"] == "missing" else wrong
            allowed = setting.allowed if setting is not None and detail["type"] != "value_error" else ""
            yield Problem(where=where, line=line, key=key, wrong=wrong, allowed=allowed)

    def _unknown(self, *, where: str, line: int | None, key: str, name: str) -> Problem:
        plain = re.sub(r"\[\d+\]", "[]", name)
        candidates = [known for known in self.settings if not plain.startswith(known)]
        near = difflib.get_close_matches(plain[:80], candidates, n=1, cutoff=0.8)
        meant = f"did you mean {near[0] if key else self.variable_name(near[0])}?" if near else ""
        return Problem(where=where, line=line, key=key, wrong=f"no such setting{'; ' + meant if meant else ''}")


def leaves(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a tree with its value; a list is one value."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@dataclass(frozen=True, slots=True)
class _Places:
    """Where settings come from: the file with the lines of its keys, and setting -> variable."""

    file: str
    lines: Mapping[str, int]
    variables: Mapping[str, str]

    def of(self, key: str) -> tuple[str, int | None]:
        """Where a setting comes from: its variable, else the file and the nearest line that is known."""
        inside = [v for name, v in self.variables.items() if key == name or key.startswith(f"{name}[")]
        if inside:
            return inside[0], None
        below = [variable for name, variable in self.variables.items() if name.startswith(f"{key}.")]
        return (", ".join(below), None) if below else (self.file, self._line(key))

    def origin(self, key: str) -> str:
        """FILE:LINE of a setting that the file gives."""
        line = self._line(key)
        return self.file if line is None else f"{self.file}:{line}"

    def _line(self, key: str) -> int | None:
        while key:
            if key in self.lines:
                return self.lines[key]
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return None


def _parent(tree: Tree, key: str) -> Tree | None:
    for part in key.split(".")[:-1]:
        inner: Any = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            return None
        tree = inner
    return tree


def _settings_of(tree: Tree) -> Iterator[tuple[str, Any]]:
    """The settings of a tree of one level of tables; what stands elsewhere is named as it stands."""
    for section, inner in tree.items():
        if isinstance(inner, dict):
            yield from ((f"{section}.{name}", value) for name, value in inner.items())
        else:
            yield section, inner


def _environment_value(setting: Setting, text: str) -> Any:
    """A variable's value: text as it stands, anything else as a TOML value or JSON."""
    if setting.optional and text == "":
        return None
    if setting.textual or len(text) > MAX_LINE:
        return text
    for read in (_toml_value, json.loads):
        try:
            value = read(text)
        except (ValueError, RecursionError):
            continue
        return text if deeper_than(MAX_DEPTH, value) else value
    return text


def _toml_value(text: str) -> Any:
    if "\n" in text or "\r" in text:
        raise ValueError("more than one line")
    return tomllib.loads(f"value = {text}")["value"]


def _control_characters(tree: Tree, places: _Places) -> Iterator[Problem]:
    """A control character in a path, name or pipeline is never meant, and can forge a line on a terminal."""
    for key, value in _texts(tree, ""):
        if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", value):
            where, line = places.of(key)
            wrong = "holds a control character"
            yield Problem(where=where, line=line, key=tame(key), wrong=wrong, allowed="printable text")


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{key}[{index}]")


def _over(value: Any, base: Any) -> Any:
    """A tree laid over its defaults.

    pydantic's strict mode tells numbers from text in JSON only, and there it refuses defaults that JSON cannot
    spell, such as a path: so no default is left for it to fill in.
    """
    if not isinstance(value, dict):
        return value
    under = base if isinstance(base, dict) else {}
    return under | {key: _over(inner, under.get(key)) for key, inner in value.items()}


def _as_text(value: object) -> str:
    """TOML's dates and times, for JSON."""
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _given(tree: Tree, key: str) -> bool:
    value: Any = tree
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True
