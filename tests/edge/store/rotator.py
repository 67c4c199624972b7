"""A process that rotates a ledger's keys, records punches meanwhile, and is killed.

`test_rotation_killed` and `scripts/rotation-faults` start it once and have it fork each victim. Lines on its
standard input: "run" forks a victim that whoever asked kills, "before N" and "after N" one that kills itself
around its Nth commit. Printed: "pid P", "punch EPOCH SEQ HASH" after each commit, "over" when a victim has
finished, and "dead" when it is gone.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from sqlite3 import Connection

from edge.store.database import Database
from edge.store.keys import load_keyring
from edge.store.store import ledger_path, open_store
from tests.edge.store.given import KIOSK, SITE, punch
from tests.fakes import FIRST_INSTANT, ManualClock


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def doomed(when: str, at: int) -> None:
    """Let this process die right before or right after its Nth outermost commit."""
    write, commits, depth = Database.write, 0, 0

    @contextlib.contextmanager
    def counted(database: Database) -> Iterator[Connection]:
        nonlocal commits, depth
        depth += 1
        try:
            with write(database) as connection:
                yield connection
                commits += depth == 1
                if when == "before" and commits == at and depth == 1:
                    die()
            if when == "after" and commits == at and depth == 1:
                die()
        finally:
            depth -= 1

    Database.write = counted  # type: ignore[assignment,method-assign]


def rotate(state: Path, *, turn: int, rows: int, every: int) -> None:
    """Rotate to the end; a punch after every few batches."""
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    clock = ManualClock(replace(FIRST_INSTANT, wall=FIRST_INSTANT.wall + timedelta(days=turn)))
    store = open_store(ledger_path(state), keyring=keys, clock=clock, device=KIOSK, site=SITE)
    person_id = store.people.list(limit=1)[0].person_id
    store.rotation.begin()
    batches = 0
    while store.rotation.step(rows=rows, monotonic_s=time.monotonic) is not None:
        batches += 1
        if batches % every == 0:
            recorded = store.events.record(punch(person_id, clock.advance(61)))
            say(f"punch {recorded.id.epoch} {recorded.id.seq} {recorded.id.hash}")
    store.close()
    say("over")


def main() -> None:
    state, rows, every = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for turn, line in enumerate(sys.stdin, start=1):
        when, *at = line.split()
        child = os.fork()
        if child == 0:
            try:
                if at:
                    doomed(when, int(at[0]))
                rotate(state, turn=turn, rows=rows, every=every)
            finally:
                os._exit(1)
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main()
