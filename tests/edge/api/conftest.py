"""A served daemon on real sockets, in a short temporary folder (a socket's path may have 107 bytes)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.api.client import EdgeClient
from edge.api.server import ApiServer, Limits
from edge.api.stage import Stage
from edge.config.device import ApiConfig
from tests.edge.api.clients import CourierClient, ScreenClient
from tests.edge.api.small_edge import SmallEdge

LIMITS = Limits(connections=6, idle_s=0.4, body_s=0.5, uploads=1)


@pytest.fixture
def run() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        yield Path(folder)


@pytest.fixture
def edge() -> SmallEdge:
    return SmallEdge()


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def server(run: Path, edge: SmallEdge, stage: Stage) -> Iterator[ApiServer]:
    served = ApiServer(service=edge, stage=stage, run=run, config=ApiConfig(), limits=LIMITS)
    served.start()
    yield served
    served.close()


@pytest.fixture
def staff(run: Path, server: ApiServer) -> Iterator[EdgeClient]:
    with EdgeClient(run, timeout_s=10) as client:
        yield client


@pytest.fixture
def screen(run: Path, server: ApiServer) -> Iterator[ScreenClient]:
    with ScreenClient(run, timeout_s=10) as client:
        yield client


@pytest.fixture
def sync(run: Path, server: ApiServer) -> Iterator[CourierClient]:
    with CourierClient(run, timeout_s=10) as client:
        yield client
