"""The background thread paces itself, ends when told, and says when a token stops it."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.daemon.rotating import FEWEST_ROWS, MOST_ROWS, TARGET_HELD_S, Rotator, next_rows
from edge.store.rotation import RotationState
from tests.edge.store.given import Premises
from tests.edge.store.test_rotation import Keys, filled
from tests.fakes import ManualClock

PATIENCE_S = 20.0


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def premises(tmp_path: Path, keys: Keys) -> Premises:
    clock = ManualClock()
    made = Premises(tmp_path / "ledger.db", keys.old, clock)
    with closing(made.create()) as store:
        filled(store, clock)
    return replace(made, keys=keys.staged)


def test_a_batch_that_held_the_ledger_long_is_followed_by_a_smaller_one() -> None:
    assert next_rows(100, TARGET_HELD_S * 2) == 50
    assert next_rows(100, TARGET_HELD_S / 2) == 125
    assert next_rows(FEWEST_ROWS, 10.0) == FEWEST_ROWS
    assert next_rows(MOST_ROWS, 0.0) == MOST_ROWS
    rows = FEWEST_ROWS
    for _ in range(40):
        rows = next_rows(rows, 0.0)
    assert rows == MOST_ROWS


def test_it_rotates_when_woken_and_goes_on_after_a_restart(premises: Premises) -> None:
    with closing(premises.open()) as store, closing(Rotator(store.rotation, monotonic_s=time.monotonic)):
        store.rotation.begin()
        store.rotation.step(rows=2, monotonic_s=time.monotonic)
    with closing(premises.open()) as store:
        with closing(Rotator(store.rotation, monotonic_s=time.monotonic)) as rotator:
            rotator.start()
            wait_for(lambda: store.rotation.under_way() is None)
            assert rotator.longest_held_s > 0
        journal = store.rotation.journal()
        assert journal is not None
        assert journal.state is RotationState.REWRITTEN


def test_a_token_that_does_not_open_stops_it_with_words(premises: Premises) -> None:
    with (
        closing(premises.open()) as store,
        closing(Rotator(store.rotation, monotonic_s=time.monotonic)) as rotator,
    ):
        with store.database.write() as connection:
            connection.execute("UPDATE consents SET body = CAST('x' || substr(body, 2) AS BLOB) WHERE row = 2")
        store.rotation.begin()
        rotator.start()
        wait_for(lambda: rotator.fault is not None)
        assert "consents.body row 2" in str(rotator.fault)
        assert store.rotation.under_way() is not None
