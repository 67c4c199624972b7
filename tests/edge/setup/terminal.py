"""A person at a terminal: a real pseudo-terminal with a size, on which a command asks and is answered."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE_S = 60.0
AGAIN_S = 3.0  # until somebody presses a key once more
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command on a terminal of its own.

    Args:
        command: Program and arguments.
        environment: All of it.
        cwd: Where it runs.
        columns: Of the window.
        lines: Of the window.
    """

    def __init__(
        self,
        command: list[str],
        *,
        environment: Mapping[str, str],
        cwd: Path,
        columns: int = 120,
        lines: int = 60,
    ) -> None:
        self._fd, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        try:
            self._process = subprocess.Popen(
                # So that Ctrl-C reaches it as a signal, also where the suite runs in a shell's background.
                ["env", "--default-signal=INT", "setsid", "--ctty", *command],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=dict(environment),
                cwd=cwd,
            )
        finally:
            os.close(slave)
        self._raw = b""
        self._read_to = 0

    @property
    def text(self) -> str:
        """Everything that was shown, without colours."""
        return _ESCAPES.sub("", self._raw.decode("utf-8", "replace")).replace("\r\n", "\n")

    def until(self, wanted: str, *, pressing: bytes = b"") -> None:
        """Wait, bounded, until a text is shown behind what was waited for before; press a key until then."""
        until_s, next_s = time.monotonic() + PATIENCE_S, 0.0
        while (found := self.text.find(wanted, self._read_to)) < 0:
            if pressing and time.monotonic() >= next_s:
                os.write(self._fd, pressing)
                next_s = time.monotonic() + AGAIN_S
            assert self._more(until_s), f"it ended without {wanted!r}:\n{self.text}"
            assert time.monotonic() < until_s, f"not shown in time: {wanted!r}\n{self.text}"
        self._read_to = found + len(wanted)

    def answer(self, question: str, typed: str) -> None:
        """Wait for a question and type a line."""
        self.until(question)
        os.write(self._fd, typed.encode() + b"\n")

    def interrupt(self, shown: str) -> None:
        """Ctrl-C, as people press it: again while nothing happens.

        Python may miss one that comes after its prompt is shown and before it reads.
        """
        self.until(shown, pressing=b"\x03")

    def ended(self) -> int:
        """Wait for the command's end; its exit code."""
        until_s = time.monotonic() + PATIENCE_S
        while self._more(until_s):
            assert time.monotonic() < until_s, f"it does not end:\n{self.text}"
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
        os.close(self._fd)

    def _more(self, until_s: float) -> bool:
        """Read what there is, waiting a little; False once the other end is closed."""
        ready, _, _ = select.select([self._fd], [], [], min(0.5, max(0.0, until_s - time.monotonic())))
        if not ready:
            return True
        try:
            piece = os.read(self._fd, 65_536)
        except OSError:  # EIO: nobody holds the other end
            return False
        self._raw += piece
        return bool(piece)
