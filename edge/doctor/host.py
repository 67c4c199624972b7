"""Runs commands of fixed words, bounded. What they print is only text."""

import subprocess
from collections.abc import Sequence

from edge.board import MAX_BYTES

COMMAND_TIMEOUT_S = 5.0


def command_output(command: Sequence[str]) -> str | None:
    """What a command of fixed words prints; None if it is not there, fails or takes too long."""
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:MAX_BYTES].decode("utf-8", "replace").strip()
