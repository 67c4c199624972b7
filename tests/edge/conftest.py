"""Folders for daemons that run as processes, and a device on which somebody is enrolled."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.device import Device, astronaut, enrol, nobody, recording


@pytest.fixture(scope="module")
def lab() -> Iterator[Path]:
    """A folder with a short path: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def enrolled() -> Iterator[Path]:
    """The state folder of a device that knows the astronaut, for tests to copy."""
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        there = Path(folder)
        pictures = recording(there / "pictures", nobody(4))
        device = Device(there, camera={"replay_path": str(pictures), "replay_pace": "realtime"}).provision()
        with device.running() as daemon:
            enrol(device, astronaut(), name="Ada Lovelace", number="1815")
            daemon.terminate()
        yield device.state
