"""A ledger in a temporary folder, with keys of its own and a clock that moves when told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.store import Store
from tests.edge.store.given import Premises, keyring
from tests.fakes import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def premises(tmp_path: Path, clock: ManualClock) -> Premises:
    return Premises(tmp_path / "ledger.db", keyring(), clock)


@pytest.fixture
def store(premises: Premises) -> Iterator[Store]:
    opened = premises.create()
    yield opened
    opened.close()
