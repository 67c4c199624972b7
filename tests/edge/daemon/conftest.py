"""Real models, opened once; a fresh ledger for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import Config
from edge.inference.chain import Models, open_models
from edge.inference.models import ModelStore
from tests.edge.daemon.kiosk import LFW, TestKiosk, open_kiosk


@pytest.fixture(scope="session")
def models() -> Iterator[Models]:
    opened = open_models(ModelStore(), Config().inference)
    yield opened
    opened.close()


@pytest.fixture
def kiosk(tmp_path: Path, models: Models) -> Iterator[TestKiosk]:
    opened = open_kiosk(tmp_path, models)
    yield opened
    opened.store.close()


@pytest.fixture(scope="session")
def faces() -> Path:
    if not LFW.is_dir():
        pytest.skip("../shared/faces/lfw-dev is not here: several people's photographs are needed")
    return LFW
