"""Killed around every commit of a rotation, and at random instants: everything opens with the staged keys."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from clockface.secretfiles import replace_secret
from edge.store.keys import DATA_FILE, FACE_FILE, KEYS_FOLDER, generate_keys, load_keyring
from edge.store.store import create_store, ledger_path, open_store
from edge.store.tokens import TOKEN_COLUMNS
from tests.edge.store.given import KIOSK, SITE, fernet_key
from tests.edge.store.test_rotation import filled
from tests.fakes import ManualClock

ROWS, EVERY = 8, 5
RANDOM_KILLS = 8
LONGEST_LIFE_S = 0.08


def stage(state: Path) -> None:
    """Put a new key before each of the two."""
    for name in (DATA_FILE, FACE_FILE):
        file = state / KEYS_FOLDER / name
        replace_secret(file, f"{fernet_key()},{file.read_text(encoding='utf-8')}")


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """A closed ledger under the old keys, with both pairs in the key files."""
    state = tmp_path / "state"
    generate_keys(state)
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    clock = ManualClock()
    with closing(create_store(ledger_path(state), keyring=keys, clock=clock, device=KIOSK, site=SITE)) as store:
        filled(store, clock)
    stage(state)
    return state


class Rotator:
    """The process that forks victims."""

    def __init__(self, state: Path, *, rows: int = ROWS, every: int = EVERY) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.edge.store.rotator", str(state), str(rows), str(every)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )

    def life(self, order: str, *, life_s: float | None = None) -> tuple[bool, list[str]]:
        """Let a victim live. Returns whether it reached the end, and the punches that it confirmed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        over, punches, killer = False, [], None
        for line in self._process.stdout:
            word, *rest = line.split()
            if word == "dead":
                break
            if word == "pid" and life_s is not None:
                killer = threading.Timer(life_s, os.kill, (int(rest[0]), signal.SIGKILL))
                killer.start()
            over = over or word == "over"
            if word == "punch":
                punches.append(rest[2])
        if killer is not None:
            killer.cancel()
            killer.join()
        return over, punches

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._process.stdout.close()


def check(state: Path, punches: list[str]) -> int:
    """All opens with the staged keys, every confirmed punch is there; returns how many tokens are left."""
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    with closing(
        open_store(ledger_path(state), keyring=keys, clock=ManualClock(), device=KIOSK, site=SITE)
    ) as store:
        found = store.verify()
        assert found.problems == ()
        assert found.templates == 3
        recorded = {each.id.hash for each in store.events.punches()}
        assert set(punches) <= recorded
        assert len(recorded) >= 12
        return store.rotation.old_tokens()


@pytest.fixture
def rotator(staged: Path) -> Iterator[Rotator]:
    process = Rotator(staged)
    yield process
    process.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_each_commit_nothing_is_lost(
    staged: Path, rotator: Rotator, when: str, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(staged, kept)
    commit, over = 0, False
    while not over:
        commit += 1
        shutil.rmtree(staged)
        shutil.copytree(kept, staged)
        over, punches = rotator.life(f"{when} {commit}")
        left = check(staged, punches)
        assert not over or left == 0
    assert commit > len(punches) + len(TOKEN_COLUMNS)  # each is a batch at least


def test_killed_at_random_instants_it_goes_on_and_ends(staged: Path, rotator: Rotator) -> None:
    drawn = random.Random(4)  # noqa: S311 - when to kill
    everything: list[str] = []
    for _ in range(RANDOM_KILLS):
        _, punches = rotator.life("run", life_s=drawn.uniform(0.0, LONGEST_LIFE_S))
        everything += punches
        check(staged, everything)
    over, punches = rotator.life("run")
    assert over
    assert check(staged, everything + punches) == 0
