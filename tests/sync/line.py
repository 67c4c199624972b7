"""The whole line from a kiosk to its office, on a real broker, without the courier that a test is about."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.wire.health import State
from sync.wire.topics import Address
from tests.sync.courier_runner import WAIT_S, Office, RunningCourier, install, settings
from tests.sync.edge_stand_in import EdgeStandIn, point
from tests.sync.mosquitto import Mosquitto

ADDRESS = Address("madrid-1", "door-2")


@dataclass
class Line:
    """Edge, broker and office.

    Args:
        tmp: Holds edge's socket and the courier's certificates.
    """

    tmp: Path
    broker: Mosquitto
    edge: EdgeStandIn
    office: Office
    operator: Ed25519PrivateKey

    def courier(self, *ports: int, **changes: str) -> RunningCourier:
        """A courier of this line, by way of these ports (the broker's own unless given)."""
        addresses = [f"localhost:{port}" for port in ports or (self.broker.port,)]
        return RunningCourier(settings(self.tmp, ADDRESS, addresses, **changes))

    def state(self) -> State:
        """The next birth or death that the office hears of."""
        payload, _retained = self.office.states.get(timeout=WAIT_S)
        return State.model_validate(json.loads(payload))

    @property
    def complete(self) -> bool:
        """Whether the office has every event of the ledger, and edge knows."""
        return bool(self.edge.envelopes) and self.edge.frontier == self.edge.envelopes[-1]

    def in_order(self) -> bool:
        """Whether the office has every event once, or more often, first times in order."""
        first = list(dict.fromkeys(self.office.events))
        return first == [point(each) for each in self.edge.envelopes]


@contextmanager
def lay(tmp: Path, broker: Mosquitto) -> Iterator[Line]:
    """A line on a broker; the device's certificate is in place."""
    online, operator = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    install(broker.credentials(ADDRESS.site, ADDRESS.device), tmp / "tls")
    with (
        EdgeStandIn(tmp, ADDRESS, office=online, operator=operator) as edge,
        Office(broker, ADDRESS, online) as office,
    ):
        yield Line(tmp, broker, edge, office, operator)
