"""One HTML page of titled tables that needs nothing else and runs nothing: what is held on a person, to read.

Trust boundary: every title, heading and value is escaped, whoever typed it; a policy in the page forbids
scripts and loading anything.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:0 0 1.5em}td,th{border:1px solid #888;padding:.25em .6em;"
    "text-align:left;vertical-align:top;overflow-wrap:anywhere}"
)
Rows = Iterable[Mapping[str, Any]]


def plain_page(
    title: str, *, about: str, sections: Sequence[tuple[str, Rows]], closing: str, hidden: Iterable[str] = ()
) -> str:
    """A page.

    Args:
        title: Its title and heading.
        about: A line below it.
        sections: Heading and rows of each table; a row's names become the columns.
        closing: A paragraph at the end.
        hidden: Names that the tables leave out.
    """
    left_out = set(hidden)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(about)}</p>",
        *(_section(heading, rows, left_out) for heading, rows in sections),
        f"<p>{escape(closing)}</p></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _section(heading: str, rows: Rows, hidden: set[str]) -> str:
    found = list(rows)
    if not found:
        return f"<h2>{escape(heading)}</h2><p>None.</p>"
    names = list(dict.fromkeys(name for row in found for name in row if name not in hidden))
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    cells = ("".join(f"<td>{escape(_text(row.get(name)))}</td>" for name in names) for row in found)
    body = "".join(f"<tr>{each}</tr>" for each in cells)
    return f"<h2>{escape(heading)}</h2><table><tr>{head}</tr>{body}</table>"


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
