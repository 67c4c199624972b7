"""The `clockface` command: which groups it has.

Each file of `edge.cli` that is named here holds one command or group of that name and a `register(root)`. A
command asks `edge.cli.context.invocation(context)` for the configuration.
"""

import os

from clockface.cli.program import Program
from edge.configuration import READER

_OWN = (
    "init",
    "provision",
    "site",
    "run",
    "status",
    "logs",
    "login",
    "logout",
    "whoami",
    "watch",
    "enroll",
    "people",
    "privacy",
    "badge",
    "attendance",
    "ledger",
    "audit",
    "keys",
    "backup",
    "evaluate",
    "bench",
    "signals",
    "doctor",
    "support-bundle",
    "models",
    "update",
)

PROGRAM = Program(
    name="clockface",
    about="A wall-mounted attendance kiosk: faces recognised on the device.",
    groups={"config": "clockface.cli.config", **{name: f"edge.cli.{name.replace('-', '_')}" for name in _OWN}},
    reader=READER,
)


def main() -> None:
    """Run the command; the daemon is told of what nobody expected, scrubbed."""
    try:
        PROGRAM.run()
    except Exception as error:
        _tell(error)
        raise


def _tell(error: Exception) -> None:
    from clockface.errors import ClockfaceError
    from edge.api.protocol.exchange import Role
    from edge.crash_report import tell

    try:
        config = READER.load(None, dict(os.environ)).config
    except ClockfaceError:  # nobody knows where the daemon is
        return
    tell(config.paths.run, Role.STAFF, error)
