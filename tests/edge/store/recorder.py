"""A process that records punches until it is killed.

`test_power_cut` starts it once and has it fork each victim. For each line "round" on standard input it forks a
child, prints "pid N", and when the child is dead "dead". The child opens the ledger, retries the last punch as
a kiosk would that was killed before it could say so ("again EPOCH SEQ HASH"), and prints "done EPOCH SEQ HASH"
after each commit.
"""

import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from edge.store.keys import load_keyring
from edge.store.store import create_store, ledger_path, open_store
from edge.types.identity import DeviceId
from edge.types.people import Profile
from tests.edge.store.given import KIOSK, SITE, punch
from tests.fakes import FIRST_INSTANT, ManualClock


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def record(state: Path, turn: int) -> None:
    """Record for ever; one punch in seven is recorded twice, as a retry."""
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    clock = ManualClock(replace(FIRST_INSTANT, wall=FIRST_INSTANT.wall + timedelta(days=turn)))
    store = open_store(ledger_path(state), keyring=keys, clock=clock, device=DeviceId(KIOSK), site=SITE)
    person_id = store.people.list()[0].person_id
    last = store.events.last_punch(person_id)
    if last is not None:
        again = store.events.record(
            last.punch
        )  # what a kiosk that was killed before it could say so would retry
        say(f"again {again.id.epoch} {again.id.seq} {again.id.hash}")
    number = 0
    while True:
        number += 1
        made = punch(person_id, clock.advance(1))
        recorded = store.events.record(made)
        if number % 7 == 0:
            recorded = store.events.record(made)
        if number % 11 == 0:
            store.people.add(Profile(f"Person {turn}", f"{turn}-{number}"))
        say(f"done {recorded.id.epoch} {recorded.id.seq} {recorded.id.hash}")


def main() -> None:
    state = Path(sys.argv[1])
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    if not ledger_path(state).exists():
        store = create_store(
            ledger_path(state), keyring=keys, clock=ManualClock(), device=DeviceId(KIOSK), site=SITE
        )
        store.people.add(Profile("Ada Lovelace", "1"))
        store.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for turn, _line in enumerate(sys.stdin, start=1):
        child = os.fork()
        if child == 0:
            try:
                record(state, turn)
            finally:
                os._exit(1)
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main()
