"""What ended the capture process, kept beside its socket until edge asks the next one: it has no other way out.

Scrubbed before it is written: classes and places in our code. Trust boundary: the folder is the process's own;
what is read back is bounded and goes out as bytes, which edge checks.
"""

import contextlib
import os
from pathlib import Path

from clockface.scrubbing import scrub
from edge.camera.wire import MAX_CRASH_BYTES, crash_text


class CrashFile:
    """The last crash.

    Args:
        socket: Where the process listens; the file lies beside it.
    """

    def __init__(self, socket: Path) -> None:
        self._path = socket.with_name("crash")

    def put(self, error: Exception) -> None:
        """Keep what ended the process; where it cannot be written, the journal has it."""
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(self._path, flags, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(crash_text(scrub(error)))

    def take(self) -> bytes:
        """What was kept, once; empty if there is nothing."""
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                raw = file.read(MAX_CRASH_BYTES)
            self._path.unlink()
        except OSError:
            return b""
        return raw
