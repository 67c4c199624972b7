"""What the commands print: tables that are never cut, and texts that cannot steer a terminal.

Trust boundary: names, numbers and whatever came over the wire are printed only through `printable`.
"""

import sys

from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 200  # columns, where there is no terminal to fit
_JOINERS = "\u200c\u200d"  # invisible, and part of Persian and Indian names


def printable(text: str) -> str:
    """A text that cannot steer the terminal: controls and direction marks become a replacement sign."""
    return "".join(c if c.isprintable() or c in _JOINERS else "\ufffd" for c in text)


def console() -> Console:
    """Standard output; colours only on a terminal, nothing read into texts, nothing cut in a pipe."""
    terminal = sys.stdout.isatty()
    return Console(highlight=False, markup=False, emoji=False, width=None if terminal else PIPE_WIDTH)


def table(*headings: str) -> Table:
    """A table without lines whose long cells are folded, never cut."""
    made = Table(box=None, header_style="bold", pad_edge=False, show_header=bool(headings))
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made
