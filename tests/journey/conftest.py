"""A broker for journeys."""

from collections.abc import Iterator

import pytest

from tests.journey.premises import Premises, opened
from tests.sync.conftest import authority, shared_broker
from tests.sync.mosquitto import Mosquitto

__all__ = ["authority", "shared_broker"]


@pytest.fixture(scope="module")
def premises(shared_broker: Mosquitto) -> Iterator[Premises]:
    """Everything runs; both kiosks have the site key."""
    with opened(shared_broker) as made:
        yield made
