"""A central office for a device's tests: keys of its own, and documents signed with them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.config.device import DeviceConfig
from edge.config.tree import Config
from edge.daemon.condition import Condition
from edge.daemon.courier_link import CourierLink
from edge.daemon.office import OfficeDesk
from edge.daemon.office_time import Tell
from edge.daemon.tally import Tally
from edge.daemon.telemetry import Telemetrist
from edge.ports import Clock
from edge.store.office import Office, key_text
from edge.store.store import Store
from edge.types.punches import EventId
from sync.wire.documents import Document, sign_document
from sync.wire.envelope import public_bytes
from sync.wire.fields import EventPoint, format_time
from sync.wire.office import Ack, ParcelReceipt, Refusal
from sync.wire.topics import Address
from tests.edge.daemon.kiosk import StillCamera
from tests.edge.store.given import KIOSK, SITE

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def point(event: EventId) -> EventPoint:
    return EventPoint(epoch=event.epoch, seq=event.seq, hash=event.hash)


@dataclass
class TestOffice:
    """Signs what an office signs, for one device."""

    __test__ = False

    address: Address
    online: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    operator: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    sealing: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    acks: int = field(default=0, init=False)  # each a millisecond after the one before

    def trusted_by(self, store: Store) -> "TestOffice":
        """Let a device believe this office."""
        store.office.install(self.as_trusted())
        return self

    def as_trusted(self) -> Office:
        return Office(
            name="Head office",
            bundle="0b" * 16,
            online_keys=(key_text(public_bytes(self.online.public_key())),),
            operator_keys=(key_text(public_bytes(self.operator.public_key())),),
            sealing_key=key_text(self.sealing.public_key().public_bytes_raw()),
            installed_at=NOON,
            installed_by="installer",
        )

    def sign(self, document: Document, *, key: Ed25519PrivateKey | None = None) -> bytes:
        return sign_document(document, key=key or self.online)

    def ack(
        self,
        committed: EventId | None,
        *,
        resend: bool = False,
        echo: str | None = None,
        issued: datetime | None = None,
    ) -> bytes:
        now = NOON + timedelta(milliseconds=self.acks)
        self.acks += 1
        return self.sign(
            Ack(
                site=self.address.site,
                device=self.address.device,
                committed=None if committed is None else point(committed),
                resend=resend,
                issued=format_time(now if issued is None else issued),
                echo=echo,
            )
        )

    def refusal(self, refused: EventId, *, committed: EventId | None = None) -> bytes:
        return self.sign(
            Refusal(
                site=self.address.site,
                device=self.address.device,
                refused=point(refused),
                reason="fork",
                committed=None if committed is None else point(committed),
                issued=format_time(NOON),
            )
        )

    def receipt(self, *parcels: str) -> bytes:
        return self.sign(
            ParcelReceipt(
                site=self.address.site,
                device=self.address.device,
                parcels=list(parcels),
                issued=format_time(NOON),
            )
        )


def office_desk(
    store: Store,
    clock: Clock,
    *,
    root: Path = Path("/nowhere"),
    tell: Tell | None = None,
    address: Address = Address(SITE, KIOSK),  # noqa: B008 - frozen
) -> OfficeDesk:
    """Edge's side of the courier's socket over a ledger of `given.Premises`, without camera and models."""
    config = Config(device=DeviceConfig(site=address.site, name=address.device))
    condition = Condition(
        config=config, store=store, clock=clock, face_path=None, fault="ModelMissing", camera=StillCamera()
    )
    telemetrist = Telemetrist(store=store, clock=clock, status=condition.status, tally=Tally(), root=root)
    if tell is not None:
        telemetrist.office_time.listen(tell)
    return OfficeDesk(config=config, store=store, clock=clock, telemetrist=telemetrist, link=CourierLink(clock))
