"""Killed at random instants, or with the end of the log torn off: no confirmed event is lost or there twice."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.store.keys import generate_keys, load_keyring
from edge.store.store import Store, ledger_path, open_store
from edge.types.punches import EventId
from sync.wire import envelope
from sync.wire import events as wire
from tests.edge.store.given import KIOSK, SITE, Premises, enrolled, punch
from tests.fakes import ManualClock

ROUNDS = 36
LONGEST_LIFE_S = 0.3  # a child lives between nothing, while it still opens the ledger, and this

Event = tuple[str, int, str]


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    generate_keys(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.edge.store.recorder", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)
    assert process.stdout is not None
    process.stdout.close()


def one_life(recorder: subprocess.Popen[str], life_s: float) -> tuple[list[Event], list[Event]]:
    """Let a child record and kill it. Returns what it confirmed, and what its retry of the last one gave."""
    assert recorder.stdin is not None
    assert recorder.stdout is not None
    recorder.stdin.write("round\n")
    recorder.stdin.flush()
    confirmed, retried = [], []
    killer = None
    for line in recorder.stdout:
        word, *rest = line.split()
        if word == "dead":
            break
        if word == "pid":
            killer = threading.Timer(life_s, os.kill, (int(rest[0]), signal.SIGKILL))
            killer.start()
            continue
        (confirmed if word == "done" else retried).append((rest[0], int(rest[1]), rest[2]))
    assert killer is not None
    killer.join()
    return confirmed, retried


def in_the_ledger(state: Path) -> list[Event]:
    """Open it as after a power cut, verify all of it, and list its events from their envelopes."""
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    store = open_store(ledger_path(state), keyring=keys, clock=ManualClock(), device=KIOSK, site=SITE)
    assert store.verify().problems == ()
    events: list[Event] = []
    while page := store.events.envelopes_after((events[-1][0], events[-1][1]) if events else None, limit=1000):
        for each in page:
            header = wire.read_header(envelope.decode(each.envelope).payload)
            events.append((header.epoch, header.seq, each.id.hash))
    store.close()
    return events


def test_no_confirmed_event_is_lost_and_none_is_there_twice(
    recorder: subprocess.Popen[str], tmp_path: Path
) -> None:
    drawn = random.Random(42)  # noqa: S311 - repeatable, not secret
    confirmed: list[Event] = []
    unconfirmed = 0
    for turn in range(ROUNDS):
        now, retried = one_life(recorder, drawn.uniform(0.0, LONGEST_LIFE_S))
        confirmed += now
        if turn % 6 == 5:  # the others follow one upon the other, as a failing power supply has it
            there = in_the_ledger(tmp_path)
            assert [seq for _, seq, _ in there] == list(range(1, len(there) + 1))
            assert len(set(there)) == len(there)
            assert set(confirmed) <= set(there)
            assert set(retried) <= set(there)
            unconfirmed = len(there) - 1 - len(confirmed)
    assert len(confirmed) == len(set(confirmed)) > ROUNDS
    # A kill can take the word out of the recorder's mouth, at most once each time: committed, not confirmed.
    assert 0 <= unconfirmed <= ROUNDS


def test_a_log_torn_after_any_commit_holds_all_that_was_confirmed(
    store: Store, premises: Premises, clock: ManualClock, tmp_path: Path
) -> None:
    """What a power cut leaves: all that was synchronised, then any part of the next write, or rubbish."""
    person_id = enrolled(store)
    wal = premises.path.with_name("ledger.db-wal")
    store.database.scrub()
    confirmed: list[tuple[int, EventId]] = []
    for _ in range(25):
        recorded = store.events.record(punch(person_id, clock.advance(1)))
        confirmed.append((wal.stat().st_size, recorded.id))
    whole, base = wal.read_bytes(), premises.path.read_bytes()
    drawn = random.Random(7)  # noqa: S311 - repeatable, not secret
    for count, (size, _) in enumerate(confirmed, start=1):
        torn = size + drawn.randrange(0, len(whole) - size + 1)
        rubbish = drawn.randbytes(drawn.choice([0, 100, 5000]))
        copy = tmp_path / f"copy-{count}" / "ledger.db"
        copy.parent.mkdir(mode=0o700)
        copy.write_bytes(base)
        copy.with_name("ledger.db-wal").write_bytes(whole[:torn] + rubbish)
        copy.chmod(0o600)
        survivor = replace(premises, path=copy).open()
        found = [each.id for each in survivor.events.punches()]
        assert found[:count] == [each for _, each in confirmed[:count]]
        assert found == [each for _, each in confirmed[: len(found)]]
        assert survivor.verify().intact
        assert survivor.events.record(punch(person_id, clock.advance(1))).id.seq == len(found) + 2
        survivor.close()
