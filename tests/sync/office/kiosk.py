"""A kiosk for the office's tests: real keys, real signatures, a history that can be copied."""

import base64
import copy
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert, select

from sync.office.database import schema
from sync.wire import envelope
from sync.wire.canonical import digest, encode
from sync.wire.events import (
    GENESIS,
    AnyEvent,
    AttendanceData,
    AttendanceRecorded,
    AttendanceVoided,
    AttendanceVoidedData,
    ClockCorrected,
    ClockCorrectedData,
    ClockReading,
    CorrectedRange,
    CorrectionRequested,
    CorrectionRequestedData,
    DeviceRetired,
    DeviceRetiredData,
    DeviceTested,
    DeviceTestedData,
    EpochBegun,
    EpochBegunData,
    PersonChanged,
    PersonChangedData,
    event_name,
    source_of,
)
from sync.wire.fields import EventPoint, format_time
from sync.wire.topics import Address

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


class Kiosk:
    """Signs events as edge does: gapless, chained, one epoch after the other."""

    def __init__(self, site: str = "mill", device: str = "gate") -> None:
        self.address = Address(site, device)
        self.key = Ed25519PrivateKey.generate()
        self.key_id = envelope.signing_key_id(self.key.public_key())
        self.public = envelope.public_bytes(self.key.public_key())
        self.epoch = ""
        self.seq = 0
        self.hash = GENESIS
        self.sent: list[bytes] = []

    def restored_copy(self) -> Self:
        """The same kiosk as its backup has it."""
        twin = copy.copy(self)
        twin.sent = list(self.sent)
        return twin

    @property
    def point(self) -> EventPoint:
        """Its newest event."""
        return EventPoint(epoch=self.epoch, seq=self.seq, hash=self.hash)

    def begin(
        self,
        epoch: str = "000001-00000000000000aa",
        *,
        reason: Literal["provisioned", "restored", "replaced", "refused"] = "provisioned",
        linked: bool = True,
    ) -> bytes:
        """Open an epoch that follows the newest event."""
        previous = self.point if self.seq and linked else None
        self.epoch, self.seq, self.hash = epoch, 0, GENESIS
        data = EpochBegunData(
            clock=clock(),
            reason=reason,
            previous=previous,
            public_key=base64.urlsafe_b64encode(self.public).decode().rstrip("="),
            software="0.1.0",
        )
        return self.sign_event(EpochBegun(**self.head(), data=data))

    def record(self, *, person: str = "ab" * 16, reissues: EventPoint | None = None) -> bytes:
        """Somebody was recorded."""
        data = AttendanceData(
            clock=clock(),
            person=person,
            direction="in",
            direction_source="assumed",
            method="face",
            day="2026-03-02",
            score_millionths=812_345,
            model="c" * 64,
            reissues=reissues,
        )
        return self.sign_event(AttendanceRecorded(**self.head(), data=data))

    def records(self, count: int) -> list[bytes]:
        """Several."""
        return [self.record(person=f"{number:032x}") for number in range(count)]

    def change(
        self,
        person: str,
        change: Literal["removed", "biometrics_removed", "disabled", "enabled"],
        *,
        at: datetime | None = None,
    ) -> PersonChanged:
        """Staff did something to a person: the event, to be signed or not."""
        head = self.head() if at is None else {**self.head(), "time": format_time(at)}
        data = PersonChangedData(clock=clock(), person=person, change=change)
        return PersonChanged(**head, data=data)

    def disown(self, voided: EventPoint, *, person: str = "ab" * 16) -> bytes:
        """Somebody said that a record was not of them."""
        data = AttendanceVoidedData(clock=clock(), person=person, voids=voided, reason="not_me")
        return self.sign_event(AttendanceVoided(**self.head(), data=data))

    def ask(self, *, moment: datetime, person: str = "ab" * 16) -> bytes:
        """Somebody asked for an out that is missing."""
        data = CorrectionRequestedData(
            clock=clock(), person=person, asked_with=self.point, direction="out", moment=format_time(moment)
        )
        return self.sign_event(CorrectionRequested(**self.head(), data=data))

    def test(self) -> bytes:
        """Staff tried the way."""
        return self.sign_event(
            DeviceTested(**self.head(), data=DeviceTestedData(clock=clock(), test="5e" * 16))
        )

    def retire(self) -> bytes:
        """The kiosk goes out of use."""
        data = DeviceRetiredData(clock=clock(), reason="retired")
        return self.sign_event(DeviceRetired(**self.head(), data=data))

    def correct(self, ranges: list[CorrectedRange]) -> bytes:
        """The clock became trusted."""
        return self.sign_event(
            ClockCorrected(**self.head(), data=ClockCorrectedData(clock=clock(), ranges=ranges))
        )

    def head(self) -> dict[str, Any]:
        """What the next event carries."""
        seq = self.seq + 1
        return {
            "id": event_name(self.epoch, seq),
            "source": source_of(self.address.site, self.address.device),
            "time": format_time(START + timedelta(seconds=seq)),
            "epoch": self.epoch,
            "seq": seq,
            "prevhash": self.hash,
        }

    def sign_event(self, event: AnyEvent) -> bytes:
        """Chain and sign an event."""
        return self.sign_payload(encode(event))

    def sign_payload(self, payload: bytes) -> bytes:
        """Chain and sign bytes as the next event, whatever they are."""
        self.seq, self.hash = self.seq + 1, digest(payload)
        raw = envelope.encode(envelope.sign(payload, key=self.key))
        self.sent.append(raw)
        return raw

    def register(self, connection: Connection) -> int:
        """Make it known to the office; returns its row's id."""
        sites = schema.sites
        known = connection.execute(select(sites.c.site).where(sites.c.site == self.address.site)).first()
        if known is None:
            connection.execute(
                insert(sites).values(site=self.address.site, name="", time_zone="UTC", created_us=0)
            )
        device_id: int = connection.execute(
            insert(schema.devices)
            .values(
                site=self.address.site,
                device=self.address.device,
                state="active",
                registered_us=0,
                registered_by="test",
            )
            .returning(schema.devices.c.id)
        ).scalar_one()
        connection.execute(
            insert(schema.device_keys).values(
                device_id=device_id,
                key_id=self.key_id,
                public_key=self.public,
                added_us=0,
                added_by="test",
            )
        )
        return device_id


def clock() -> ClockReading:
    """A trusted clock."""
    return ClockReading(trust="synchronised", utc_offset_s=3600, boot_id="b" * 32, boottime_us=1)
