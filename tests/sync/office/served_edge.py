"""Edge without a camera: the real ledger, the real office desk and the real sync socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.api.protocol.courier import (
    CertificateAsked,
    Delivery,
    DeliveryTaken,
    EnvelopeBatch,
    EnvelopeQuery,
    LinkNoted,
    LinkTold,
    ParcelBatch,
    ParcelMade,
    ParcelQuery,
    TelemetryView,
)
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config.device import ApiConfig
from edge.daemon.office import OfficeDesk
from edge.store.store import Store
from sync.wire import envelope
from sync.wire.topics import Address
from tests.edge.api.small_edge import SmallEdge
from tests.edge.office import TestOffice, office_desk
from tests.edge.store.given import KIOSK, SITE, Premises, enrolled, keyring, punch
from tests.fakes import ManualClock
from tests.sync.office.kiosk import Kiosk

ADDRESS = Address(SITE, KIOSK)


class OfficeSide(SmallEdge):
    """An API service whose office side is the daemon's own."""

    desk: OfficeDesk

    def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        return self.desk.envelopes(query)

    def parcels(self, query: ParcelQuery) -> ParcelBatch:
        return self.desk.parcels(query)

    def telemetry(self) -> TelemetryView:
        return self.desk.telemetry()

    def note_link(self, told: LinkTold) -> LinkNoted:
        return self.desk.note_link(told)

    def request_certificate(self, asked: CertificateAsked) -> ParcelMade:
        return self.desk.request_certificate(asked)

    def deliver(self, delivery: Delivery) -> DeliveryTaken:
        return self.desk.deliver(delivery)


@dataclass
class ServedEdge:
    """A device with its ledger open and its socket served."""

    store: Store
    clock: ManualClock

    def kiosk(self) -> Kiosk:
        """The same device as the office's tests register one."""
        made = Kiosk(ADDRESS.site, ADDRESS.device)
        made.key = self.store.device_keys.signing.private
        made.key_id = self.store.device_keys.signing.key_id
        made.public = envelope.public_bytes(made.key.public_key())
        return made

    def record(self, count: int = 1) -> None:
        """So many people came."""
        person = enrolled(self.store, number=self.clock.now().wall.strftime("%H%M%S"))
        for _ in range(count):
            self.store.events.record(punch(person, self.clock.advance(60)))


@contextmanager
def served_edge(run: Path, *, online: Ed25519PrivateKey) -> Iterator[ServedEdge]:
    """A provisioned device; `run` is the folder of its sockets."""
    clock = ManualClock()
    store = Premises(run / "ledger.db", keyring(), clock).create()
    TestOffice(ADDRESS, online=online).trusted_by(store)
    service = OfficeSide()
    service.desk = office_desk(store, clock)
    server = ApiServer(service=service, stage=Stage(), run=run, config=ApiConfig())
    server.start()
    try:
        yield ServedEdge(store, clock)
    finally:
        server.close()
        store.close()
