"""`clockface run`: the edge daemon, in the foreground, as systemd wants it."""

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.context import invocation
from edge.errors import LedgerRetired


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("run")(run)


def run(
    context: typer.Context,
    until_end: Annotated[
        bool, typer.Option("--until-end", help="Stop when a replay that is not looped has played.")
    ] = False,
) -> None:
    """Run the daemon: camera, recognition, ledger and the local sockets, until it is told to stop."""
    asked = invocation(context)
    config = asked.config
    _refuse_retired(config.paths.state)
    from edge.daemon.heap import begin_start, without_authorities

    begin_start()
    from clockface.logs import set_up

    with without_authorities():
        from edge import app  # heavy: models and camera libraries are not for `clockface version`

    set_up(config.logging, journal="JOURNAL_STREAM" in asked.environment)  # set by systemd
    app.run(config, asked.environment, config_path=asked.loaded.path, until_end=until_end)


def _refuse_retired(state: Path) -> None:
    from edge.setup.receipt import retired_device

    receipt = retired_device(state)
    if receipt is not None:
        raise LedgerRetired(
            f"there is nothing to run: {receipt.line}",
            where=str(state),
            next_step="clockface provision, to make another kiosk of this machine",
        )
