"""What the running daemon says of itself; the other checks ask it before they touch anything that it owns."""

import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clockface.errors import ClockfaceError
from edge.api.client import EdgeClient
from edge.api.protocol.ledger import LedgerVerified
from edge.api.protocol.punches import PunchQuery
from edge.api.protocol.status import Status
from edge.doctor.findings import Finding, fail, failure, not_available, ok, warn
from edge.errors import EdgeUnreachable

PROMISED_MB = 200.0  # with 10,000 templates


@dataclass(frozen=True, slots=True)
class Daemon:
    """The daemon as doctor meets it.

    Args:
        client: On the staff socket.
        status: What it says of itself; None if it does not answer.
        problem: Why it does not; None if it does.
    """

    client: EdgeClient
    status: Status | None
    problem: ClockfaceError | None

    @property
    def down(self) -> bool:
        """Whether nobody runs, so that doctor may open camera and ledger itself.

        A daemon that hangs or does not let us ask is not down.
        """
        return isinstance(self.problem, EdgeUnreachable) and not _listening(self.client.path)

    def verify_ledger(self) -> LedgerVerified:
        """Let it check its whole ledger. Raises what is wrong with it."""
        return self.client.verify_ledger()

    def record_after(self, moment: datetime) -> datetime | None:
        """Time of a record later than `moment`; None if there is none."""
        page = self.client.punches(PunchQuery(since=moment, limit=1)).punches
        return page[0].at if page else None


def meet(client: EdgeClient) -> Daemon:
    """Ask the daemon how it is."""
    try:
        return Daemon(client, client.status(), None)
    except ClockfaceError as error:
        return Daemon(client, None, error)


def _listening(path: Path) -> bool:
    """Whether somebody holds that socket open, however slow: only the kernel's refusal says nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
        except OSError:  # not for us, or so many wait already that we would have to
            return True
    return True


def check_recognition(daemon: Daemon) -> Finding:
    """Whether the running daemon recognises faces, or says why not."""
    if daemon.status is None:
        return not_available("known when the daemon runs")
    if daemon.status.fault is None:
        return ok("the face path is in service")
    return fail(
        f"nobody is recognised by face: {daemon.status.fault}",
        "correct what fails below, then systemctl restart clockface-edge",
    )


def check_alarms(daemon: Daemon) -> Finding:
    """What the ledger wants staff to see, such as an event that the office knows differently."""
    if daemon.status is None:
        return not_available("known when the daemon runs")
    alarms = daemon.status.ledger.alarms
    if not alarms:
        return ok("none")
    shown = "; ".join(f"{alarm.kind} {alarm.detail} since {alarm.raised_at:%Y-%m-%d}" for alarm in alarms[:5])
    return fail(f"{len(alarms)}: {shown}", "clockface status --json; tell the central office")


def check_daemon(daemon: Daemon, *, version: str) -> Finding:
    """Whether the daemon runs, as which version, and how large it is."""
    status = daemon.status
    if status is None:
        if daemon.down:
            return warn(
                "not running; doctor looks at camera and ledger itself",
                "systemctl start clockface-edge, or clockface run",
            )
        assert daemon.problem is not None  # noqa: S101  (there is one or the other)
        return failure(daemon.problem)
    found = f"version {status.version}, up {status.uptime_s / 3600:.1f} h, {status.resident_mb:.0f} MB resident"
    if status.version != version:
        return warn(f"{found}; this command is version {version}", "systemctl restart clockface-edge")
    if status.resident_mb > PROMISED_MB:
        return warn(f"{found}, more than {PROMISED_MB:.0f}", "report this with `clockface status --json`")
    return ok(found)
