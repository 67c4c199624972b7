"""Edge as it runs on a kiosk, with a generator in the place of camera and models.

Everything from `store.events.record` to the sockets is the composition root's own (`edge.app.build`). Each
event goes into a journal after its commit: what an employee would have been told. The clock is the system's,
moved by what stands in a file, so that it can jump while the process runs.
"""

import argparse
import functools
import os
import random
import signal
import sys
import threading
import time
import traceback
from datetime import datetime, timedelta
from pathlib import Path

import edge.app
from clockface.errors import ClockfaceError
from clockface.logs import set_up
from clockface.notify import notifier_from
from edge.clock import Sources, SystemClock, system_wall
from edge.configuration import READER
from edge.store.officesettings import ConfigSource
from edge.store.store import Store
from edge.types.punches import Direction, DirectionSource, Method, Punch, RecordedPunch

PAUSE_S = 0.1
STUCK_S = 0.3  # after a failed commit; an employee walks up again
RATE_FILE, CLOCK_FILE, JOURNAL_FILE = "rate", "clock", "journal"
PROGRAM_FAILED = 70


class Wishes:
    """What the orchestrator wants, read from the device's folder again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_s = float("-inf")
        self._rate = 0.0

    def rate(self) -> float:
        """Events a second; 0 pauses."""
        now = time.monotonic()
        if now - self._read_s > PAUSE_S:
            self._read_s = now
            self._rate = float(_word(self._folder / RATE_FILE, 0, "0"))
        return self._rate

    def wall(self) -> datetime:
        """What this device's clock shows."""
        return system_wall() + timedelta(seconds=float(_word(self._folder / CLOCK_FILE, 0, "0")))

    def synchronised(self) -> bool:
        """What the kernel would say of NTP."""
        return _word(self._folder / CLOCK_FILE, 1, "no") == "yes"


def _word(path: Path, index: int, default: str) -> str:
    try:
        words = path.read_text(encoding="ascii").split()
    except OSError:
        return default
    return words[index] if len(words) > index else default


class Generator:
    """Records punches at the wished rate and journals what was committed."""

    def __init__(self, store: Store, clock: SystemClock, wishes: Wishes, journal: Path) -> None:
        self._store = store
        self._clock = clock
        self._wishes = wishes
        self._people = [person.person_id for person in store.people.list(limit=100)]
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._draw = random.Random(os.getpid())  # noqa: S311 - whom to record, no secret

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. A failure that is no expected one ends the process: it is what we look for."""
        try:
            self._generate(stop)
        except BaseException:  # noqa: BLE001 - the process ends, and says why
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(PROGRAM_FAILED)

    def _generate(self, stop: threading.Event) -> None:
        due_s = time.monotonic()
        while not stop.is_set():
            rate = self._wishes.rate()
            if rate <= 0:
                stop.wait(PAUSE_S)
                due_s = time.monotonic()
                continue
            self._record(stop)
            due_s = max(due_s + 1 / rate, time.monotonic() - PAUSE_S)
            stop.wait(max(0.0, due_s - time.monotonic()))

    def _record(self, stop: threading.Event) -> None:
        """The same punch until it is committed: whoever was not confirmed tries again."""
        punch = self._punch()
        while not stop.is_set():
            try:
                recorded = self._store.events.record(punch)
            except ClockfaceError as error:
                print(f"not recorded: {type(error).__name__}", flush=True)
                stop.wait(STUCK_S)
            else:
                self._confirm(recorded)
                return

    def _confirm(self, recorded: RecordedPunch) -> None:
        named = recorded.id
        os.write(self._journal, f"{named.epoch} {named.seq} {named.hash}\n".encode("ascii"))

    def _punch(self) -> Punch:
        at = self._clock.now()
        return Punch(
            person_id=self._draw.choice(self._people),
            at=at,
            direction=Direction.UNSTATED,
            source=DirectionSource.NONE,
            method=Method.BADGE,
            day=at.wall.date(),
        )


def main() -> None:
    """Run edge until SIGTERM; it exits as `clockface run` does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args()
    try:
        _run(chosen.config, chosen.folder)
    except ClockfaceError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_code)


def _run(config_path: Path, folder: Path) -> None:
    config = READER.load(config_path, {}).config
    set_up(config.logging, journal=False)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    wishes = Wishes(folder)
    clocks: list[SystemClock] = []

    def clock(**given: object) -> SystemClock:
        clocks.append(functools.partial(SystemClock, **given)(sources=_sources(wishes)))
        return clocks[-1]

    edge.app.SystemClock = clock  # type: ignore[misc, assignment]
    notifier = notifier_from(os.environ)
    source = ConfigSource(config_path, {}, config.paths.state)
    service, loop = edge.app.build(config, source, notifier, restart=stop.set, ending=stop.is_set)
    generator = Generator(service.store, clocks[0], wishes, folder / JOURNAL_FILE)
    thread = threading.Thread(target=generator.run, args=(stop,), name="generator")
    try:
        service.api.start()
        thread.start()
        loop.run(stop)
    finally:
        stop.set()
        if thread.is_alive():
            thread.join()
        service.close()


def _sources(wishes: Wishes) -> Sources:
    return Sources(wall=wishes.wall, kernel=wishes.synchronised, marker=lambda: None)


if __name__ == "__main__":
    main()
