"""`clockface-office run`: the receiver, in the foreground, as systemd wants it."""

import typer

from sync.office.cli.context import invocation


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("run")(run)


def run(context: typer.Context) -> None:
    """Receive from the broker, commit, acknowledge, until it is told to stop."""
    asked = invocation(context)
    config = asked.config
    from clockface.logs import set_up
    from clockface.sentry import reporting
    from sync.office import app

    set_up(config.logging, journal="JOURNAL_STREAM" in asked.environment)  # set by systemd
    with reporting(config.sentry, process="office"):
        app.run(config, asked.environment)
