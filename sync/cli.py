"""The `clockface-sync` command: `run` is the courier, the rest says what it is and how it is configured."""

import typer

from clockface.cli.context import Invocation, any_invocation
from clockface.cli.program import Program
from sync.config import READER, SyncConfig
from sync.crash_report import report

PROGRAM = Program(
    name="clockface-sync",
    about="Clockface's courier: signed events from the kiosk to the office, and what the office signed back.",
    groups={  # command -> module with register(root), imported when it is asked for
        "run": "sync.run",
        "renew": "sync.renew",
        "config": "clockface.cli.config",
    },
    reader=READER,
)


def invocation(context: typer.Context) -> Invocation[SyncConfig]:
    """The invocation that a command's context carries."""
    return any_invocation(context)


def main() -> None:
    """Run the command; a Sentry server, where one is configured, is told of what nobody expected."""
    try:
        PROGRAM.run()
    except Exception as error:
        report(READER, error)
        raise
