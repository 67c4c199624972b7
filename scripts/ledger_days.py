"""Measures what days of a kiosk cost its disk: bytes written, and how large the ledger grows in a year.

A real ledger, each punch its own commit, a time mark a minute and an acknowledgement for each ten records. The
process' own writes are counted by the kernel (/proc/self/io); the file system's own journal is not in them.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from edge.store.keys import generate_keys, load_keyring
from edge.store.store import Store, create_store, ledger_path
from edge.types.identity import PersonId
from edge.types.punches import Direction
from tests.edge.store.given import KIOSK, SITE, enrolled, punch
from tests.fakes import ManualClock

MINUTES = 1440
BEGINS, ENDS = 6 * 60, 20 * 60  # people come and go between these minutes
WORKING_DAYS = 250
ACK_EVERY = 10


@dataclass(frozen=True)
class Day:
    """One day's cost: bytes that the process had written, and the ledger's size with its log after it."""

    written: int
    size: int
    file: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/ledger-days", description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--punches", type=int, default=2, help="of each person, a day")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--in", dest="folder", type=Path, help="a folder on the disk that is meant")
    asked = parser.parse_args()
    if not (1 <= asked.people <= 5000 and 1 <= asked.punches <= 20 and 2 <= asked.days <= 400):
        parser.error("people 1 to 5000, punches 1 to 20, days 2 to 400")
    began_s = time.process_time()
    with tempfile.TemporaryDirectory(prefix="ledger-days-", dir=asked.folder) as name:
        days = _live(Path(name), people=asked.people, punches=asked.punches, days=asked.days)
    _tell(days, records=asked.people * asked.punches, took_s=time.process_time() - began_s)
    return 0


def _live(folder: Path, *, people: int, punches: int, days: int) -> list[Day]:
    state = folder / "state"
    state.mkdir(mode=0o700)
    generate_keys(state)
    clock = ManualClock()
    keyring = load_keyring(state=state, environment={}, allow_environment=False)
    store = create_store(ledger_path(state), keyring=keyring, clock=clock, device=KIOSK, site=SITE)
    try:
        with store.database.write():
            known = [enrolled(store, number) for number in range(1, people + 1)]
        store.database.scrub()
        found = [_look(state, since=0)]
        for _ in range(days):
            before = _written()
            _live_a_day(store, clock, known * punches)
            found.append(_look(state, since=before))
    finally:
        store.close()
    return found


def _live_a_day(store: Store, clock: ManualClock, come: list[PersonId]) -> None:
    a_minute = len(come) / (ENDS - BEGINS)
    due, done = 0.0, 0
    for minute in range(MINUTES):
        store.clock.mark(clock.advance(60.0))
        due += a_minute if BEGINS <= minute < ENDS else 0.0
        while done < min(len(come), round(due)):
            made = store.events.record(punch(come[done], clock.advance(0.001), Direction.IN))
            done += 1
            if done % ACK_EVERY == 0:
                store.frontier.advance(made.id)


def _look(state: Path, *, since: int) -> Day:
    size = sum(each.stat().st_size for each in state.glob("ledger.db*"))
    return Day(_written() - since, size, ledger_path(state).stat().st_size)


def _written() -> int:
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text("ascii").splitlines())
    return int(told["write_bytes"]) - int(told["cancelled_write_bytes"])


def _tell(days: list[Day], *, records: int, took_s: float) -> None:
    lived = days[1:]
    written = sum(day.written for day in lived) / len(lived)
    if not written:
        raise SystemExit("nothing was written to a disk. Next: --in FOLDER on a disk, not on a tmpfs")
    an_event = (days[-1].file - days[1].file) / ((len(lived) - 1) * records)
    print(
        f"{records} records a day: {written / 2**20:.1f} MiB written a day, "
        f"{written / records / 1024:.1f} KiB a record"
    )
    a_year = an_event * records * WORKING_DAYS / 2**20
    print(
        f"the ledger grows by {an_event:.0f} bytes a record: {a_year:.0f} MiB in {WORKING_DAYS} days; "
        f"after {len(lived)} days it is {days[-1].size / 2**20:.1f} MiB with its log"
    )
    print(f"{took_s:.0f} s of processor time")


if __name__ == "__main__":
    sys.exit(main())
