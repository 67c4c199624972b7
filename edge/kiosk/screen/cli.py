"""The `clockface-screen` command: `run` serves the page, the rest says how it is configured."""

import typer

from clockface.cli.context import Invocation, any_invocation
from clockface.cli.program import Program
from edge.kiosk.screen.config import READER, ScreenConfig

PROGRAM = Program(
    name="clockface-screen",
    about="Clockface's screen: the page that employees see, served on loopback.",
    groups={  # command -> module with register(root), imported when it is asked for
        "run": "edge.kiosk.screen.run",
        "config": "clockface.cli.config",
    },
    reader=READER,
)


def invocation(context: typer.Context) -> Invocation[ScreenConfig]:
    """The invocation that a command's context carries."""
    return any_invocation(context)


def main() -> None:
    """Run the command."""
    PROGRAM.run()
