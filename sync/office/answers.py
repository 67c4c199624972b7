"""What the office says to devices after a commit, signed with its online key: acks, refusals, receipts.

An ack may be lost: the device sends again and is acknowledged again. Acks to one device keep a distance in time
or in events, the newest counts. Trust boundary: only what a transaction has committed comes here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.office.batch import Outcome
from sync.office.history import Place
from sync.office.ingest import RefusedEvent
from sync.office.metrics import Metrics
from sync.wire.documents import Document, sign_document
from sync.wire.fields import EventPoint, format_time
from sync.wire.office import Ack, ParcelReceipt, Refusal
from sync.wire.topics import Address, Channel

if TYPE_CHECKING:
    from sync.office.receiver import Broker, ReceiverSettings

RECEIPTS_AT_ONCE: Final = 512
ACK_EVENTS: Final = 500  # of a backlog that drains, at most so many unsaid: a quarter of a courier's window


@dataclass(slots=True)
class _Device:
    """What one device is still to be told."""

    due: dict[str, EventPoint] = field(default_factory=dict)
    behind: dict[str, EventPoint] = field(default_factory=dict)  # committed long ago, and sent again just now
    wanted: bool = False  # an ack, even if it names no point
    resend: bool = False
    sent_at: float = float("-inf")
    resent_at: float = float("-inf")
    lacking_since: float | None = None
    lacking_after: tuple[EventPoint, ...] = ()
    nonce: str | None = None
    newest: EventPoint | None = None
    said: EventPoint | None = None

    @property
    def far_ahead(self) -> bool:
        """Whether so much was committed since the last ack that the device's courier may be waiting for one."""
        if self.newest is None or self.newest.epoch not in self.due:
            return False
        before = 0 if self.said is None or self.said.epoch != self.newest.epoch else self.said.seq
        return self.newest.seq - before >= ACK_EVENTS


class Answers:
    """Signs and publishes; forgets nothing that was not handed to the broker, but for a restart."""

    def __init__(
        self,
        broker: "Broker",
        *,
        key: Ed25519PrivateKey,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        settings: "ReceiverSettings",
        metrics: Metrics,
    ) -> None:
        self._broker = broker
        self._key = key
        self._clock = clock
        self._monotonic = monotonic
        self._settings = settings
        self._metrics = metrics
        self._devices: dict[Address, _Device] = {}
        self._due: set[Address] = set()

    def take(self, outcome: Outcome) -> None:
        """Take over what a committed batch asks for; refusals and receipts go at once."""
        self._note_points(outcome)
        for address in outcome.committed.keys() - outcome.lacking:
            self._device(address).lacking_since = None
        for address in outcome.missing:
            self._ask_again(self._device(address))
        for address in outcome.lacking:
            self._note_lack(self._device(address), after=tuple(outcome.committed.get(address, ())))
        for address, refused in outcome.refused:
            self._refuse(address, refused)
        for address, parcels in outcome.receipts.items():
            for start in range(0, len(parcels), RECEIPTS_AT_ONCE):
                some = list(dict.fromkeys(parcels[start : start + RECEIPTS_AT_ONCE]))
                self._send(
                    ParcelReceipt(site=address.site, device=address.device, parcels=some, issued=self._now())
                )

    def _note_points(self, outcome: Outcome) -> None:
        for address, nonce in outcome.nonces.items():
            device = self._device(address)
            device.nonce, device.wanted = nonce, True
        for address, points in outcome.committed.items():
            device = self._device(address)
            for point in points:
                device.due[point.epoch] = device.newest = point
        for address, points in outcome.behind.items():
            self._device(address).behind |= {point.epoch: point for point in points}

    def flush(self, *, everything: bool = False) -> None:
        """Send the acks that are due."""
        now = self._monotonic()
        for address in list(self._due):
            device = self._devices[address]
            early = now - device.sent_at < self._settings.ack_interval_s
            if early and not (everything or device.far_ahead):
                continue
            self._due.discard(address)
            self._acknowledge(address, device, now)

    def _acknowledge(self, address: Address, device: _Device, now: float) -> None:
        points: list[EventPoint | None] = [*device.behind.values(), *device.due.values()]
        if not points and (device.wanted or device.resend):
            points = [device.newest]
        sent = True
        for point in points:
            ack = Ack(
                site=address.site,
                device=address.device,
                committed=point,
                resend=device.resend and point is points[-1],
                issued=self._now(),
                echo=device.nonce,
            )
            sent = self._send(ack) and sent
        device.sent_at = now
        if sent:
            device.said = device.newest
            device.due.clear()
            device.behind.clear()
            device.wanted = device.resend = False
        else:
            self._due.add(address)

    def _refuse(self, address: Address, refused: RefusedEvent) -> None:
        self._send(
            Refusal(
                site=address.site,
                device=address.device,
                refused=refused.event,
                reason="fork" if refused.reason is Place.FORK else "broken_chain",
                committed=refused.committed,
                issued=self._now(),
            )
        )

    def _note_lack(self, device: _Device, *, after: tuple[EventPoint, ...]) -> None:
        """Disorder of shared subscriptions mends itself; what lasts is asked for again.

        It lasts while nothing is committed: another receiver may have filled what this one saw lacking before.
        """
        now = self._monotonic()
        if device.lacking_since is None or device.lacking_after != after:
            device.lacking_since, device.lacking_after = now, after
        elif now - device.lacking_since >= self._settings.resend_after_s:
            self._ask_again(device)

    def _ask_again(self, device: _Device) -> None:
        now = self._monotonic()
        if now - device.resent_at >= self._settings.resend_after_s:
            device.resent_at = now
            device.resend = True

    def _device(self, address: Address) -> _Device:
        self._due.add(address)
        return self._devices.setdefault(address, _Device())

    def _send(self, document: Document) -> bool:
        topic = document.address.topic(Channel.ACK)
        sent = self._broker.publish(topic, sign_document(document, key=self._key))
        if sent:
            self._metrics.answers.labels(type(document).__name__.lower()).inc()
        return sent

    def _now(self) -> str:
        return format_time(self._clock())
