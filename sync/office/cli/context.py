"""What every command of `clockface-office` is given: its configuration, when wanted, and the environment."""

import typer

from clockface.cli.context import Invocation as AnyInvocation
from clockface.cli.context import any_invocation
from sync.office.config.tree import OfficeConfig

Invocation = AnyInvocation[OfficeConfig]


def invocation(context: typer.Context) -> Invocation:
    """The invocation that a command's context carries."""
    return any_invocation(context)
