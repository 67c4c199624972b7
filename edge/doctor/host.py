"""Reads the kernel's small files, bounded, below a root that tests can move. What they hold is only text."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

MAX_BYTES = 256 * 1024
COMMAND_TIMEOUT_S = 5.0


def read(path: Path) -> str | None:
    """A small file's text without blanks around it; None if it is not there or cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """A small file that holds one decimal or 0x number; None for anything else."""
    text = read(path) or ""
    try:
        return int(text, 0) if text.startswith("0x") else int(text)
    except ValueError:
        return None


def command_output(command: Sequence[str]) -> str | None:
    """What a command of fixed words prints; None if it is not there, fails or takes too long."""
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:MAX_BYTES].decode("utf-8", "replace").strip()
