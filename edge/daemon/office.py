"""Edge's side of the courier's socket: what goes up to the office, and the door through which it speaks to us.

`OfficeDesk.__init__` is the one place where kinds of documents from the office are registered. Trust boundary:
what goes up is signed by this device, what comes down is believed only with the office's signature; the courier
is believed in neither.
"""

from collections.abc import Sequence
from datetime import datetime

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
    ParcelView,
    TelemetryView,
)
from edge.config.tree import Config
from edge.daemon.acks import AckDesk
from edge.daemon.certificate_requests import CertificateRequests
from edge.daemon.courier_link import CourierLink
from edge.daemon.deliveries import Deliveries, Desk
from edge.daemon.receipts import ReceiptDesk
from edge.daemon.refusals import RefusalDesk
from edge.daemon.renewals import RenewalDesk
from edge.daemon.sending import Sending
from edge.daemon.telemetry import Telemetrist
from edge.ports import Clock
from edge.store.store import Store
from sync.wire.office import Ack
from sync.wire.topics import Address


class OfficeDesk:
    """What the courier asks. Safe from several threads.

    Args:
        config: The configuration.
        store: The ledger.
        clock: Source of time.
        telemetrist: Says how the device is.
        link: What staff see of the way to the office.
        desks: For further kinds of documents.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        clock: Clock,
        telemetrist: Telemetrist,
        link: CourierLink,
        desks: Sequence[Desk] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._telemetrist = telemetrist
        self._link = link
        self._sending = Sending(config=config, store=store)
        address = Address(config.device.site, config.device.name)
        self._certificates = CertificateRequests(store=store, address=address, clock=clock)
        own: tuple[Desk, ...] = (
            AckDesk(
                store=store, address=address, handed_out=lambda: self._sending.handed_out, heard=self._heard
            ),
            RefusalDesk(store=store, address=address),
            ReceiptDesk(store=store, address=address),
            RenewalDesk(store=store, address=address),
        )
        self._deliveries = Deliveries((*own, *desks), store=store, clock=clock)

    def _heard(self, ack: Ack) -> bool:
        self._link.acknowledged()
        issued, now_s = datetime.fromisoformat(ack.issued), self._clock.now().boottime_s
        return self._telemetrist.office_time.heard(issued, echo=ack.echo, boottime_s=now_s)

    def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        """Signed events after a point."""
        return self._sending.envelopes(query)

    def parcels(self, query: ParcelQuery) -> ParcelBatch:
        """Signed parcels that the office has not received; does not wait."""
        return ParcelBatch(
            parcels=tuple(
                ParcelView(parcel_id=each.parcel_id, envelope=each.envelope.decode("ascii"))
                for each in self._store.parcels.waiting(limit=query.limit)
            )
        )

    def telemetry(self) -> TelemetryView:
        """The device's condition, signed."""
        return TelemetryView(envelope=self._telemetrist.report().decode("ascii"))

    def note_link(self, told: LinkTold) -> LinkNoted:
        """Note how the courier's way to the broker is, for staff to see."""
        self._link.note(told)
        return LinkNoted()

    def request_certificate(self, asked: CertificateAsked) -> ParcelMade:
        """Countersign a request for the next TLS certificate.

        Raises:
            ApiError: It is not a request of this device's that the office could grant.
        """
        return ParcelMade(parcel_id=self._certificates.countersign(asked.request_pem))

    def deliver(self, delivery: Delivery) -> DeliveryTaken:
        """Take a document that came from the office."""
        taken = self._deliveries.take(delivery.envelope.encode("utf-8", "replace"))
        return DeliveryTaken(
            outcome=taken.outcome.value,
            reason=taken.reason,
            frontier=self._sending.frontier(),
            send_after=taken.send_after,
            result=None if taken.result is None else taken.result.decode("ascii"),
            answers=taken.answers,
        )
