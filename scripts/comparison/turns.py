"""A worker's side of the conversation: says what it is, then runs as often as it is asked, and answers in ms.

One line of JSON each way, over standard input and output. Whatever a library prints goes to standard error.
Only the standard library: this file runs in every library's environment.
"""

import json
import os
import sys
import time
from collections.abc import Callable

WARM_UP = 10
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""What a worker times with: the clock on the wall, or what the core spent on all threads of the process."""
clock = CLOCKS[sys.argv[2] if len(sys.argv) > 2 else "wall"]
Milliseconds = dict[str, float]


def serve(*, about: dict[str, object], run: Callable[[], Milliseconds]) -> None:
    """Answer until standard input ends.

    Args:
        about: Versions, and what was found in the picture: the driver checks that all did the same work.
        run: One frame; the milliseconds of each of its stages.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for _ in range(WARM_UP):
        run()
    print(json.dumps(about), file=answers, flush=True)
    for line in sys.stdin:
        run()  # the turn's first run pays for the caches that the one before left cold
        runs = [run() for _ in range(int(line))]
        print(json.dumps({stage: [one[stage] for one in runs] for stage in runs[0]}), file=answers, flush=True)


def timed(stages: Milliseconds, name: str, work: Callable[[], object]) -> object:
    """Do the work and note what it took."""
    began = clock()
    result = work()
    stages[name] = (clock() - began) * 1000
    return result
