"""`clockface-office authority run`: answers kiosks that ask for certificates, keeps the revocation list fresh.

A process of its own: it holds the authority's key, which the receiver must not have. Trust boundary: the
office's database, in which the receiver puts what kiosks signed; `sync.office.renewal` verifies it again.
"""

import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from clockface.notify import notifier_from
from sync.office.alarms import AlarmKind, clear_alarm, raise_alarm
from sync.office.authority.authority import Authority
from sync.office.authority.errors import AuthorityError
from sync.office.authority.passphrase import find_passphrase
from sync.office.authority.upkeep import RENEW_DAYS, RevocationUpkeep
from sync.office.cli.ca import FOLDER, FolderOption, PassphraseOption
from sync.office.cli.context import Invocation, invocation
from sync.office.database import Database, open_database
from sync.office.database.errors import DatabaseError
from sync.office.renewal import Renewals
from sync.office.rows import microseconds
from sync.office.storage import database_settings

LOOK_S = 5.0
ALARM_DAYS = RENEW_DAYS - 5

app = typer.Typer(no_args_is_help=True, help="The certificate authority as a process: renewals, revocations.")
log = structlog.get_logger(__name__)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="authority")


@app.callback()
def group() -> None:
    """The certificate authority as a process."""


@app.command()
def run(
    context: typer.Context,
    folder: FolderOption = FOLDER,
    passphrase_file: PassphraseOption = None,
    crl_out: Annotated[
        Path | None, typer.Option("--crl-out", metavar="FILE", help="The broker's copy of the revocation list.")
    ] = None,
    reload_pid_file: Annotated[
        Path | None,
        typer.Option("--reload-pid-file", metavar="FILE", help="Of the broker: SIGHUP after each copy."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Deal with what waits, and end.")] = False,
) -> None:
    """Answer kiosks' requests for their next certificate; renew and hand on the revocation list."""
    from clockface.logs import set_up
    from clockface.sentry import reporting

    here = invocation(context)
    set_up(here.config.logging, journal="JOURNAL_STREAM" in here.environment)
    if reload_pid_file is not None and crl_out is None:
        raise typer.BadParameter("without --crl-out nobody has to be told", param_hint="--reload-pid-file")
    authority = open_authority(here, folder, passphrase_file)
    database = open_database(database_settings(here.config.database))
    try:
        database.demand_current()
        work = Work(
            database, authority, RevocationUpkeep(authority, out=crl_out, reload_pid_file=reload_pid_file)
        )
        if once:
            typer.echo(f"{work.step(now=datetime.now(UTC))} requests answered")
        else:
            with reporting(here.config.sentry, process="authority"):
                _serve(work, here)
    finally:
        database.close()
        authority.close()


def open_authority(here: Invocation, folder: Path, passphrase_file: Path | None) -> Authority:
    """Open the authority as its other commands do.

    Raises:
        AuthorityError, SecretError: It does not open.
    """
    phrase = find_passphrase(
        passphrase_file, environment=here.environment, new=False, interactive=sys.stdin.isatty()
    )
    return Authority.open(folder, passphrase=phrase, now=datetime.now(UTC))


class Work:
    """One round after another."""

    def __init__(self, database: Database, authority: Authority, upkeep: RevocationUpkeep) -> None:
        self._database = database
        self._renewals = Renewals(database, authority)
        self._upkeep = upkeep

    def step(self, *, now: datetime) -> int:
        """Answer what waits and look after the revocation list. Returns how many requests were dealt with.

        Raises:
            DatabaseError, AuthorityError: Something failed; all of it is done again next time.
        """
        answered = self._renewals.look(now=now)
        failure: AuthorityError | None = None
        left = timedelta()
        try:
            left = self._upkeep.keep(now=now)
        except AuthorityError as error:
            failure = error
        with self._database.write() as connection:
            now_us = microseconds(now)
            if failure is None and left >= timedelta(days=ALARM_DAYS):
                clear_alarm(connection, AlarmKind.REVOCATIONS, subject="authority", now_us=now_us)
            else:
                detail = "cannot be renewed or copied" if failure else f"{left.days} days left"
                raise_alarm(
                    connection,
                    AlarmKind.REVOCATIONS,
                    subject="authority",
                    device_id=None,
                    detail=detail,
                    now_us=now_us,
                )
        if failure is not None:
            raise failure
        return len(answered)


def _serve(work: Work, here: Invocation) -> None:
    stop = threading.Event()

    def end(_number: int, _frame: Any) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    notifier = notifier_from(here.environment)
    notifier.ready()
    log.info("authority_started")
    repeat(lambda: work.step(now=datetime.now(UTC)), stop=stop, alive=notifier.watchdog)
    notifier.stopping()


def repeat(step: Callable[[], object], *, stop: threading.Event, alive: Callable[[], object]) -> None:
    """Step until `stop`; a failure is said once, and when it is over."""
    failing = False
    while not stop.is_set():
        try:
            step()
        except (DatabaseError, AuthorityError) as error:
            if not failing:
                log.warning("authority_failing", error=error)
            failing = True
        else:
            if failing:
                log.info("authority_recovered")
            failing = False
        alive()
        stop.wait(LOOK_S)
