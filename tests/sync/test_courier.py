"""The courier on a real broker: events up in order, acks down, and only an ack moves anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.wire.topics import Address
from tests.sync.courier_runner import Office, RunningCourier, await_until, install, settings
from tests.sync.edge_stand_in import EdgeStandIn, point
from tests.sync.mosquitto import Mosquitto

ADDRESS = Address("madrid-1", "door-2")


@dataclass
class Line:
    """Everything between a kiosk and its office but the courier."""

    tmp: Path
    broker: Mosquitto
    edge: EdgeStandIn
    office: Office
    operator: Ed25519PrivateKey

    def courier(self, **changes: str) -> RunningCourier:
        return RunningCourier(settings(self.tmp, ADDRESS, [f"localhost:{self.broker.port}"], **changes))


@pytest.fixture
def line(tmp_path: Path, broker: Mosquitto) -> Iterator[Line]:
    online, operator = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    install(broker.credentials(ADDRESS.site, ADDRESS.device), tmp_path / "tls")
    with (
        EdgeStandIn(tmp_path, ADDRESS, office=online, operator=operator) as edge,
        Office(broker, ADDRESS, online) as office,
    ):
        yield Line(tmp_path, broker, edge, office, operator)


def test_events_arrive_in_order_and_acks_are_carried_back(line: Line) -> None:
    made = line.edge.record(1234)
    with line.courier():
        await_until(lambda: line.edge.frontier == made[-1], "edge has the office's ack of the last event")
    assert line.office.events == [point(each) for each in made]
    assert max(line.office.sizes) == 100


def test_a_lone_event_goes_at_once(line: Line) -> None:
    with line.courier():
        await_until(line.office.states.qsize, "birth")
        [one] = line.edge.record()
        await_until(lambda: line.edge.frontier == one, "its ack", within_s=2.0)
    assert line.office.sizes == [1]
