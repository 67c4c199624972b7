"""The driver's side of the conversation with one library's worker process.

A worker runs other people's code: it gets no input but the exchange folder, every wait for it is bounded, and
an answer that is not what was asked ends the comparison with that library.
"""

import json
import os
import select
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
START_TIMEOUT_S = 120.0
TURN_TIMEOUT_S = 120.0


class WorkerFailed(Exception):
    """A worker ended, fell silent or answered nonsense; the message says where its own words are."""


class Worker:
    """One library in a process of its own, ready to take turns. A context manager: it ends with the block.

    Args:
        name: For messages.
        command: What to start.
        folder: Where it runs, and what it may import from.
        log: Takes its standard error.

    Raises:
        WorkerFailed: It does not start.
    """

    def __init__(self, name: str, command: list[str], *, folder: Path, log: Path) -> None:
        self._name, self._log = name, log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **ONE_THREAD},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        try:
            self.about: dict[str, Any] = self._answer(START_TIMEOUT_S)
        except WorkerFailed:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, times: int) -> Mapping[str, list[float]]:
        """One turn: milliseconds of each stage, one for each of `times` runs.

        Raises:
            WorkerFailed: It does not answer, or not what was asked.
        """
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        try:
            self._process.stdin.write(b"%d\n" % times)
            self._process.stdin.flush()
        except OSError as error:
            raise self._failed("ended") from error
        answer = self._answer(TURN_TIMEOUT_S)
        if not answer or any(len(runs) != times for runs in answer.values()):
            raise self._failed("answered for another number of runs than it was asked for")
        return answer

    def close(self) -> None:
        """End the process: it stops when its input ends, and is killed when it does not."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except OSError:
                    continue  # a dead worker's pipe
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answer(self, timeout_s: float) -> Any:
        """The next line. Whole lines come one at a time, so that nothing is left in the buffer."""
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - it was opened as a pipe
        if not select.select([pipe], [], [], timeout_s)[0]:
            raise self._failed(f"was silent for {timeout_s:g} s")
        line = pipe.readline()
        if not line:
            raise self._failed("ended")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise self._failed("answered something that is no JSON") from error
        if not isinstance(answer, dict):
            raise self._failed("answered something else than an object")
        return answer

    def _failed(self, what: str) -> WorkerFailed:
        words = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = f": {words[-1].strip()}" if words else ""
        return WorkerFailed(f"{self._name}'s worker {what}{last} (all of it: {self._log})")
