"""Reports a command's own bug to the Sentry server of its configuration, if there is one.

Trust boundary: as `clockface.sentry`: classes and places in our code, nothing else.
"""

import os
from typing import Any

from clockface.configuration import ConfigReader
from clockface.errors import ClockfaceError


def report(reader: ConfigReader[Any], error: Exception) -> None:
    """Report what ended a command, unless its process has done so. Never raises."""
    if isinstance(error, ClockfaceError):
        return
    try:
        config = reader.load(None, dict(os.environ)).config
    except ClockfaceError:
        return
    from clockface.sentry import ended  # where nobody crashes it is not imported

    ended(config.sentry, error, process="command")
