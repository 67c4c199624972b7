"""The `clockface-office` command: which groups it has.

Each file of `sync.office.cli` named here holds one command or group of its name and a `register(root)`.
A command asks `sync.office.cli.context.invocation(context)` for the configuration.
"""

from clockface.cli.program import Program
from sync.crash_report import report
from sync.office.config.tree import READER

_OWN: tuple[str, ...] = (  # in the order of the help
    "init",
    "run",
    "device",
    "database",
    "operator",
    "site",
    "devices",
    "events",
    "verify",
    "report",
    "export",
    "correction",
    "period",
    "roster",
    "privacy",
    "command",
    "signer",
    "keys",
    "alarms",
    "gaps",
    "audit",
    "ca",
    "authority",
    "renew",
    "broker",
)

PROGRAM = Program(
    name="clockface-office",
    about="Clockface's central office: receives every attendance event once, and looks after the kiosks.",
    groups={"config": "clockface.cli.config", **{name: f"sync.office.cli.{name}" for name in _OWN}},
    reader=READER,
)


def main() -> None:
    """Run the command; a Sentry server, where one is configured, is told of what nobody expected."""
    try:
        PROGRAM.run()
    except Exception as error:
        report(READER, error)
        raise
