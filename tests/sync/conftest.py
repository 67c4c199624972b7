"""A real broker for tests of courier and office: `broker` for one test, `shared_broker` for a module's."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sync.mosquitto import Mosquitto, TestAuthority, find_mosquitto


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """One authority for the session: its certificates are made once each."""
    return TestAuthority(tmp_path_factory.mktemp("authority"))


def _start(folder: Path, authority: TestAuthority) -> Iterator[Mosquitto]:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed and scripts/setup dev could not install it")
    with Mosquitto(folder, authority) as broker:
        yield broker
    shutil.rmtree(folder)


@pytest.fixture
def broker(tmp_path: Path, authority: TestAuthority) -> Iterator[Mosquitto]:
    """A fresh broker, running; for tests that kill, wipe or reconfigure it."""
    yield from _start(tmp_path / "broker", authority)


@pytest.fixture(scope="module")
def shared_broker(tmp_path_factory: pytest.TempPathFactory, authority: TestAuthority) -> Iterator[Mosquitto]:
    """A broker for all tests of a module; use devices of your own in each test."""
    yield from _start(tmp_path_factory.mktemp("shared") / "broker", authority)
