"""One process of ours: started, killed, frozen and thawed by its own pid; its output goes to a file."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 30.0


class Child:
    """A process that may be started many times.

    Args:
        name: For people.
        command: What to run, without the interpreter: `-m sync run`.
        environment: Nothing else reaches it.
        log: Where its output goes.

    Attributes:
        wanted: Whether it is meant to run now.
        exits: Exit codes of when it ended by itself.
        tools: More environment, such as a moved clock's.
    """

    def __init__(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.wanted = False
        self.exits: list[int] = []
        self.tools: dict[str, str] = {}
        self._command = [sys.executable, *command]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._retry_at = 0.0

    @property
    def alive(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the running process."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    def start(self) -> None:
        """Start it; does not wait until it is ready."""
        self.wanted = True
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment | self.tools,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit code. Nothing if it does not run."""
        return self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it without a word; it keeps its connections."""
        if self.alive:
            self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """End `freeze`."""
        if self.alive:
            self._running().send_signal(signal.SIGCONT)

    def mind(self) -> None:
        """As a service manager: start again what ended by itself, a moment later."""
        if not self.wanted or self.alive:
            return
        now = time.monotonic()
        if self._process is not None:
            self.exits.append(self._process.returncode)
            self._process = None
            self._retry_at = now + 0.5
        elif now >= self._retry_at:
            self.start()

    def ask_to_stop(self) -> None:
        """SIGTERM without waiting."""
        self.wanted = False
        if self.alive:
            self._running().send_signal(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        self.wanted = False
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
        try:
            code = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
            raise RuntimeError(f"{self.name} did not end within {STOP_S:.0f} s; see {self.log}") from None
        self._process = None
        return code

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process


def stop_all(children: Sequence[Child]) -> None:
    """End all of them in good order, at the same time."""
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()
