"""`clockface update`: install a signed release, see how the last one ended.

The path unit runs `update apply` as root when a release is put into the incoming folder, and a timer each half
hour, for the hours in which it may be. Trust boundary: only root reaches the folders; the release key decides.
"""

import fcntl
import json
import os
import time
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from edge.cli.context import invocation
from edge.errors import UpdateError
from edge.update.engine import FOLDER, Place, Updater, forget_copies
from edge.update.plan import Start
from edge.update.release import FILE
from edge.update.system import Debian

app = typer.Typer(
    help="New versions: install a signed release, see how the last one ended.", no_args_is_help=True
)
WAIT_S = 60.0  # longer than a look whether somebody is there
TOLD = {
    Start.NOW: "installed, and well",
    Start.OUTSIDE_HOURS: "waits for the hours of [update]; at once: clockface update apply --now",
    Start.SOMEBODY_THERE: "waits until nobody stands there; at once: clockface update apply --now",
    Start.NOT_NEWER: "is not newer than what is installed",
    Start.FAILED_BEFORE: "was tried and taken back; again all the same: clockface update apply --now",
}


def register(root: typer.Typer) -> None:
    """Put the group under the root."""
    root.add_typer(app, name="update")


@app.command()
def apply(
    context: typer.Context,
    now: Annotated[bool, typer.Option("--now", help="At any hour, and whoever stands there.")] = False,
    if_staged: Annotated[
        bool, typer.Option("--if-staged", help="Nothing there is no error: for the timer.")
    ] = False,
) -> None:
    """Install the release of the incoming folder, if it is signed, newer, and may be installed now."""
    asked = invocation(context)
    config = asked.config
    from clockface.logs import set_up

    set_up(config.logging, journal="JOURNAL_STREAM" in asked.environment)
    place = Place()
    if os.geteuid() != 0:
        raise UpdateError(
            "only root installs packages", where=str(FOLDER), next_step="sudo clockface update apply"
        )
    forget_copies(config.paths.state, now_s=time.time())
    if if_staged and not (place.incoming / FILE).exists() and not place.journal.exists():
        return
    zone = ZoneInfo(config.device.timezone)
    updater = Updater(
        place, state=config.paths.state, config=config.update, system=Debian(), now=lambda: datetime.now(zone)
    )
    handle = _alone(place)
    try:
        ended = updater.run(at_once=now)
    finally:
        os.close(handle)
    typer.echo(f"The release {TOLD[ended]}.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how the last update ended."""
    place = Place()
    try:
        told = json.loads(place.result.read_text(encoding="utf-8"))
    except FileNotFoundError:
        typer.echo("{}" if as_json else "No release was tried here yet.")
        return
    except (OSError, ValueError):
        raise UpdateError(
            "the result cannot be read", where=str(place.result), next_step="sudo clockface update status"
        ) from None
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{told['version']}: {told['outcome']} ({told['at']})")


def _alone(place: Place) -> int:
    """Hold the folder's lock: path unit, timer and staff may come at once, and one may only be looking."""
    try:
        place.folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(place.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UpdateError(
            f"the folder of updates cannot be used: {error.strerror}",
            where=str(place.folder),
            next_step=f"ls -ld {place.folder}",
        ) from None
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until_s:
                time.sleep(0.5)
                continue
            os.close(handle)
            raise UpdateError(
                "another update is under way",
                where=str(place.folder),
                next_step="clockface update status, later",
            ) from None
        return handle
