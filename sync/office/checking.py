"""The receiver's end of a `checker` process: asks which lines are signed, and does without if it fails.

What is not answered in time, or answered wrongly, is verified by the receiver itself: nothing is believed
because a process is gone. Trust boundary: the process runs this very software as this very user.
"""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

import sync
from sync.office.checker import ANSWER, question, receive

ANSWER_WITHIN_S: Final = 10.0  # for some 10 ms of work
AGAIN_AFTER_S: Final = 30.0
END_WITHIN_S: Final = 5.0
_ROOT: Final = Path(sync.__file__).resolve().parents[1]

log = structlog.get_logger(__name__)


class Checker:
    """One process, started when it is first asked. Threads take turns.

    Args:
        command: What to run instead, for tests.
        monotonic: Seconds that never go back.
    """

    def __init__(
        self,
        *,
        command: Sequence[str] = (sys.executable, "-B", "-m", "sync.office.checker"),
        answer_within_s: float = ANSWER_WITHIN_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = list(command)
        self._answer_within_s = answer_within_s
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._not_before = float("-inf")

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    def check(self, asked: Sequence[tuple[bytes, Sequence[tuple[str, bytes]]]]) -> list[bytes] | None:
        """Of each message, one byte a line: 0, or the number of the key that signed it.

        Args:
            asked: Messages, each with its device's keys by id; lines as `checker.answer` counts them.

        Returns:
            None if the process failed: nothing is known of any line.
        """
        with self._turn:
            if self._line is None and self._monotonic() < self._not_before:
                return None
            try:
                return self._ask(asked)
            except (OSError, EOFError) as error:
                log.warning("checker_failed", error=error)
                self._not_before = self._monotonic() + AGAIN_AFTER_S
                self._end(within_s=0.0)
                return None

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end(within_s=END_WITHIN_S)

    def _ask(self, asked: Sequence[tuple[bytes, Sequence[tuple[str, bytes]]]]) -> list[bytes]:
        line = self._line or self._start()
        line.sendall(b"".join(question(payload, keys) for payload, keys in asked))
        found = []
        for payload, keys in asked:
            (count,) = ANSWER.unpack(receive(line, ANSWER.size))
            if count != payload.count(b"\n") + 1:
                raise EOFError("an answer of another length than the question")
            verdicts = receive(line, count)
            if max(verdicts) > len(keys):
                raise EOFError("an answer that names no key of the question")
            found.append(verdicts)
        return found

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=_ROOT,  # where -m finds us, and not where somebody started the receiver
                    env={},  # it needs none of our settings, some of which are secret
                )
            except OSError:
                ours.close()
                raise
        ours.settimeout(self._answer_within_s)
        self._line = ours
        return ours

    def _end(self, *, within_s: float) -> None:
        line, self._line = self._line, None
        process, self._process = self._process, None
        if line is not None:
            line.close()
        if process is None:
            return
        with contextlib.suppress(
            subprocess.TimeoutExpired, OSError
        ):  # also a clock that goes back while it waits
            process.wait(timeout=within_s)
            return
        process.kill()
        process.wait()
