"""`clockface-office signer`: signs roster changes as they come, in the foreground, as systemd wants it."""

import typer

from sync.office.cli.context import invocation

app = typer.Typer(help="The process that holds the operator's key: run.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="signer")


@app.callback()
def _group() -> None:
    """So that the group's one command keeps its name."""


@app.command()
def run(context: typer.Context) -> None:
    """Sign what kiosks enrolled and clerks entered, every second, until it is told to stop."""
    asked = invocation(context)
    config = asked.config
    from clockface.logs import set_up
    from clockface.sentry import reporting
    from sync.office import signing

    set_up(config.logging, journal="JOURNAL_STREAM" in asked.environment)  # set by systemd
    with reporting(config.sentry, process="signer"):
        signing.run(config, asked.environment)
