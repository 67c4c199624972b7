"""What every command of `clockface` is given: its configuration, when it is wanted, and the environment."""

import typer

from clockface.cli.context import Invocation as AnyInvocation
from clockface.cli.context import any_invocation
from edge.config.tree import Config

Invocation = AnyInvocation[Config]


def invocation(context: typer.Context) -> Invocation:
    """The invocation that a command's context carries."""
    return any_invocation(context)
