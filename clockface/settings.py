"""The settings one by one: what each is called, allows, defaults to and means.

Derived from a process's tree, so that the reference page, the messages of `config check` and the parsing of the
environment all say the same. Pure: looks at the model only.
"""

import copy
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of the tree.

    Args:
        key: "camera.region.left"; in a list of tables "attendance.shifts[].name".
        allowed: What it may be, in words, with bounds.
        default: As one would write it in TOML; "unset" for none, "required" where it must be given.
        description: What it changes, with its unit.
        textual: Whether its value is text, so that the environment's value is taken as it stands.
        optional: Whether it may be unset.
        variable: The variable that alone may give it; empty where file and environment both may.
    """

    key: str
    allowed: str
    default: str
    description: str
    textual: bool
    optional: bool
    variable: str = ""


@cache
def settings(tree: type[BaseModel]) -> Mapping[str, Setting]:
    """All settings by key, in the order of the tree."""
    return {setting.key: setting for setting in _walk(tree, prefix="")}


def defaults(tree: type[BaseModel]) -> dict[str, Any]:
    """The defaults as JSON spells them, the caller's to change; a setting that must be given is left out."""
    return copy.deepcopy(_defaults(tree))


@cache
def _defaults(tree: type[BaseModel]) -> dict[str, Any]:
    properties = _schema(tree)["properties"]
    found: dict[str, Any] = {}
    for name, info in tree.model_fields.items():
        inner = _inner_model(info.annotation)
        if inner is not None and isinstance(info.annotation, type):
            found[name] = _defaults(inner)
        elif "default" in properties[name]:
            found[name] = properties[name]["default"]
    return found


def sections(tree: type[BaseModel]) -> Mapping[str, str]:
    """Each table of the TOML file and what it is about."""
    return {
        name: inspect.cleandoc(info.annotation.__doc__ or "")
        for name, info in tree.model_fields.items()
        if isinstance(info.annotation, type)
    }


@cache  # a schema of each section costs 0.1 s a tree, and every command reads its configuration
def _schema(model: type[BaseModel]) -> Schema:
    return model.model_json_schema()


def _walk(model: type[BaseModel], *, prefix: str) -> Iterator[Setting]:
    schema = _schema(model)
    for name, info in model.model_fields.items():
        inner = _inner_model(info.annotation)
        key = prefix + name
        if inner is not None and isinstance(info.annotation, type):
            yield from _walk(inner, prefix=f"{key}.")
            continue
        field = schema["properties"][name]
        yield Setting(
            key=key,
            allowed=_allowed(field),
            default=_default(field),
            description=info.description or "",
            textual=_types(field) <= {"string", "null"},
            optional="null" in _types(field),
            variable=str(field.get("variable", "")),
        )
        if inner is not None:
            yield from _walk(inner, prefix=f"{key}[].")


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """The section behind `Section` or `tuple[Section, ...]`."""
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _types(field: Schema) -> set[str]:
    alternatives = field.get("anyOf", [field])
    return {str(alternative.get("type", "object")) for alternative in alternatives}


def _default(field: Schema) -> str:
    if "default" not in field:
        return "required"
    value = field["default"]
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _allowed(field: Schema) -> str:
    if "anyOf" in field:
        return ", or ".join(_allowed(a) for a in field["anyOf"] if a.get("type") != "null") + ", or unset"
    if "enum" in field:
        return "one of " + ", ".join(str(value) for value in field["enum"])
    plain = {
        "boolean": "true or false",
        "integer": "whole number" + _bounds(field),
        "number": "number" + _bounds(field),
    }
    kind = field.get("type", "")
    if kind == "array":
        items = field.get("items", {})
        return "list of tables" if "$ref" in items else f"list: {_allowed(items)}"
    return plain.get(kind) or _allowed_text(field)


def _allowed_text(field: Schema) -> str:
    if "pattern" in field:
        return f"text that matches {field['pattern']}"
    words = {
        "path": "path",
        "time": "time of day without zone, such as 08:30:00",
        "date": "date, such as 2026-12-25",
    }.get(field.get("format", ""), "text")
    least, most = field.get("minLength"), field.get("maxLength")
    if least and most:
        return f"{words}, {least} to {most} characters"
    return f"{words}, at most {most} characters" if most else words


def _bounds(field: Schema) -> str:
    low = f" from {field['minimum']:g}" if "minimum" in field else ""
    low = f" above {field['exclusiveMinimum']:g}" if "exclusiveMinimum" in field else low
    high = f" to {field['maximum']:.10g}" if "maximum" in field else ""
    high = f" below {field['exclusiveMaximum']:g}" if "exclusiveMaximum" in field else high
    return low + high
