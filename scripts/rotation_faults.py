"""Measures a rotation of the storage keys of a large ledger, and kills it at random instants.

Two questions, each with a figure: how long does a kiosk that records and recognises wait while the daemon's own
worker rotates (`--pace`), and does everything open with the staged keys after each of many kills (`--kills`).
Everything is real but the camera: files, transactions, keys, processes.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.daemon.rotating import Rotator
from edge.inference.gallery import Gallery
from edge.store.keyplace import KeyFiles, keep_first, listed
from edge.store.keys import KEYS_FOLDER, generate_keys, load_keyring
from edge.store.store import Store, create_store, ledger_path, open_store
from edge.types.identity import PersonId
from edge.types.people import Template
from tests.edge.store.given import KIOSK, MODEL, SITE, enrolled, punch, template, vector
from tests.edge.store.test_rotation_killed import Rotator as Victims
from tests.edge.store.test_rotation_killed import stage
from tests.fakes import ManualClock

FPS = 15
PEOPLE_SHARE = 10  # templates a person
BUILD_BATCH = 2000
PROMISED_S = 0.250
ROWS, EVERY = 100, 10  # of a victim's batch; a punch after so many batches


@dataclass(frozen=True)
class Waits:
    """What a kiosk waited, in milliseconds: for the gallery's search, and for a punch to be committed."""

    search: list[float]
    record: list[float]

    def line(self) -> str:
        """In words."""
        parts = []
        for name, values in (("search", self.search), ("record", self.record)):
            ordered = sorted(values)
            p99 = ordered[int(len(ordered) * 0.99)]
            middle, longest = statistics.median(values), ordered[-1]
            parts.append(f"{name}: median {middle:.1f} ms, 99 % {p99:.1f} ms, longest {longest:.1f} ms")
        return "; ".join(parts) + f" ({len(self.record)} walk-ups)"


def opened(state: Path, clock: ManualClock) -> Store:
    """The ledger with the keys that are listed."""
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    return open_store(ledger_path(state), keyring=keys, clock=clock, device=KIOSK, site=SITE)


def build(state: Path, *, templates: int, events: int, clock: ManualClock) -> None:
    """A ledger of that size."""
    generate_keys(state)
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    with closing(create_store(ledger_path(state), keyring=keys, clock=clock, device=KIOSK, site=SITE)) as store:
        people: list[PersonId] = []
        with store.database.write():
            people.extend(enrolled(store, number) for number in range(max(1, templates // PEOPLE_SHARE)))
        for start in range(0, templates, BUILD_BATCH):
            with store.database.write():
                for number in range(start, min(templates, start + BUILD_BATCH)):
                    store.templates.add(template(people[number % len(people)], seed=number))
        for start in range(0, events, BUILD_BATCH):
            with store.database.write():
                for number in range(start, min(events, start + BUILD_BATCH)):
                    store.events.record(punch(people[number % len(people)], clock.advance(1)))


def walk_ups(store: Store, gallery: Gallery, clock: ManualClock, *, until: "Until") -> Waits:
    """One person after another, fifteen frames a second: searched in the gallery, recorded in the ledger."""
    people, waits = store.people.list(limit=50), Waits([], [])
    number = 0
    while not until():
        began_s = time.monotonic()
        gallery.search(vector(number))
        searched_s = time.monotonic()
        store.events.record(punch(people[number % len(people)].person_id, clock.advance(1)))
        ended_s = time.monotonic()
        waits.search.append((searched_s - began_s) * 1000)
        waits.record.append((ended_s - searched_s) * 1000)
        number += 1
        time.sleep(max(0.0, 1 / FPS - (ended_s - began_s)))
    return waits


class Until:
    """True when a time is over, or what is waited for has happened."""

    def __init__(self, *, after_s: float, store: Store | None = None) -> None:
        self._end_s = time.monotonic() + after_s
        self._store = store

    def __call__(self) -> bool:
        """Whether it is time to stop."""
        over = self._store is not None and self._store.rotation.under_way() is None
        return over or time.monotonic() > self._end_s


def pace(state: Path, *, quiet_s: float) -> bool:
    """Rotate with the daemon's worker while people walk up; returns whether the promise held."""
    clock = ManualClock()
    clock.advance(10_000_000)
    with closing(opened(state, clock)) as store:
        loaded = store.templates.load_all(MODEL)
        gallery = Gallery(model_hash=MODEL, dim=192, capacity=len(loaded.template_ids) + 1)
        rows = zip(loaded.template_ids, loaded.person_ids, loaded.matrix, strict=True)
        gallery.add(Template(template_id, person_id, MODEL, row) for template_id, person_id, row in rows)
        before = walk_ups(store, gallery, clock, until=Until(after_s=quiet_s))
        print(f"before:  {before.line()}", flush=True)
        with closing(Rotator(store.rotation, monotonic_s=time.monotonic)) as rotator:
            began_s = time.monotonic()
            begun = store.rotation.begin()
            rotator.start()
            during = walk_ups(store, gallery, clock, until=Until(after_s=3600.0, store=store))
            took_s = time.monotonic() - began_s
            journal = store.rotation.journal()
            held_ms = rotator.longest_held_s * 1000
        print(f"during:  {during.line()}")
        batches = 0 if journal is None else journal.batches
        print(
            f"rotated: {begun.total} tokens in {took_s:.0f} s, {batches} batches, longest held {held_ms:.0f} ms"
        )
        began_s = time.monotonic()
        print(f"verified: {store.rotation.verify_alone()} tokens in {time.monotonic() - began_s:.1f} s")
    held = held_ms / 1000 <= PROMISED_S
    print(f"a batch held the ledger for no more than {PROMISED_S * 1000:.0f} ms: {'yes' if held else 'NO'}")
    return held


def kill(state: Path, *, kills: int, life_s: float, seed: int) -> bool:
    """Kill a rotation again and again, each time under way; returns whether everything was there each time.

    One that comes to its end before it has been killed often enough is followed by another, to yet newer keys.
    """
    drawn, victims = random.Random(seed), Victims(state, rows=ROWS, every=EVERY)  # noqa: S311 - when to kill
    confirmed: set[str] = set()
    killed, rotations, over = 0, 1, False
    try:
        while killed < kills or not over:
            if over:
                stage_another(state)
                rotations += 1
            life = drawn.uniform(0.0, life_s) if killed < kills else None
            over, punches = victims.life("run", life_s=life)
            confirmed |= set(punches)
            killed += not over
            left = check(state, confirmed, whole=over or killed % 25 == 0)
            if not over and killed % 10 == 0:
                print(
                    f"killed {killed} times, in rotation {rotations}: {left} tokens left to move, "
                    f"{len(confirmed)} punches kept",
                    flush=True,
                )
    finally:
        victims.close()
    left = check(state, confirmed, whole=True)
    print(
        f"after {killed} kills of a rotation under way, {rotations} rotations to their end: {left} tokens need "
        f"an old key, {len(confirmed)} punches that were confirmed meanwhile are there, nothing was lost"
    )
    return left == 0


def stage_another(state: Path) -> None:
    """Give up the old keys, which no token needs any more, and put new ones before those that stay."""
    place = KeyFiles(state / KEYS_FOLDER)
    found = listed(place)
    keep_first(place, data=found.data[0], face=found.face[0])
    stage(state)


def check(state: Path, confirmed: set[str], *, whole: bool) -> int:
    """Open with the staged keys; all templates, all confirmed punches, and every token if `whole`."""
    with closing(opened(state, ManualClock())) as store:
        if len(store.templates.load_all(MODEL).template_ids) != sum(store.templates.counts_by_model().values()):
            sys.exit("templates are missing")
        with store.database.read() as connection:
            known = {row[0].hex() for row in connection.execute("SELECT hash FROM events")}
        if not confirmed <= known:
            sys.exit(f"{len(confirmed - known)} confirmed punches are missing")
        if whole and (problems := store.verify().problems):
            sys.exit(f"the ledger does not hold: {problems}")
        return store.rotation.old_tokens()


def main() -> None:
    """Build, measure, kill."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--templates", type=int, default=10_000)
    asked.add_argument("--events", type=int, default=200_000)
    asked.add_argument("--kills", type=int, default=100)
    asked.add_argument("--life", type=float, default=0.6, help="A victim's longest life in seconds.")
    asked.add_argument("--quiet", type=float, default=10.0, help="Seconds of walk-ups before the rotation.")
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="cf-rotation-") as folder:
        state, copy = Path(folder) / "state", Path(folder) / "copy"
        began_s = time.monotonic()
        build(state, templates=options.templates, events=options.events, clock=ManualClock())
        stage(state)
        size = ledger_path(state).stat().st_size // 2**20
        print(
            f"built:   {json.dumps(vars(options))}, {size} MB in {time.monotonic() - began_s:.0f} s", flush=True
        )
        shutil.copytree(state, copy)
        well = pace(state, quiet_s=options.quiet)
        shutil.rmtree(state)
        well = kill(copy, kills=options.kills, life_s=options.life, seed=options.seed) and well
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
