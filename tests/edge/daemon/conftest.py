"""Real models, opened once; a fresh ledger for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config.tree import Config
from edge.daemon.office import OfficeDesk
from edge.inference.chain import Models, open_models
from edge.inference.models import ModelStore
from edge.store.store import Store
from sync.wire.topics import Address
from tests.edge.daemon.central import open_device
from tests.edge.daemon.kiosk import LFW, TestKiosk, open_kiosk
from tests.edge.daemon.rostered import KEYS, Site
from tests.edge.office import TestOffice, office_desk
from tests.edge.store.given import KIOSK, SITE, Premises, keyring
from tests.fakes import ManualClock


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


@pytest.fixture
def office(store: Store) -> TestOffice:
    """An office that the device believes."""
    return TestOffice(Address(SITE, KIOSK)).trusted_by(store)


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> OfficeDesk:
    return office_desk(store, clock)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A device with a site key, and the office that it believes."""
    made = Site(open_device(tmp_path / "device", site_keys=KEYS))
    made.central.install(made.device.store, made.device.clock)
    yield made
    made.device.store.close()
