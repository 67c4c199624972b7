"""One transaction's work on a batch that was verified: what is taken, what is put away, and what to answer.

Every message ends as committed, waiting, repeated or in quarantine, so that none comes for ever.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection

from sync.office.alarms import AlarmKind, raise_alarm
from sync.office.condition import compare_frontier, take_state, take_telemetry
from sync.office.ingest import Answer, Limits, RefusedEvent, ingest
from sync.office.outbox import take_result
from sync.office.parcels import take_parcel
from sync.office.preparation import Message
from sync.office.quarantine import quarantine
from sync.office.registry import Device
from sync.office.verification import Reason, Rejected, Verified
from sync.wire.fields import EventPoint
from sync.wire.topics import Address, Channel

_ALARMING = frozenset(
    {Reason.UNKNOWN_KEY, Reason.FORGED, Reason.WRONG_SOURCE, Reason.MALFORMED_SIGNED, Reason.KEY_OUTSIDE_EPOCHS}
)


@dataclass(slots=True)
class Outcome:
    """What a committed batch asks for.

    Args:
        committed: Points to acknowledge, by device.
        behind: Points that were committed before and came again, to acknowledge too, by device.
        lacking: Devices of which earlier events are missing.
        missing: Devices that believe more delivered than is here: they are to send again.
        refused: Refusals to sign.
        receipts: Parcels to confirm.
        nonces: Of the newest telemetry.
        born: Devices whose couriers have just connected, by row id.
        counts: How many ended where.
    """

    committed: dict[Address, list[EventPoint]] = field(default_factory=dict)
    behind: dict[Address, list[EventPoint]] = field(default_factory=dict)
    lacking: set[Address] = field(default_factory=set)
    missing: set[Address] = field(default_factory=set)
    refused: list[tuple[Address, RefusedEvent]] = field(default_factory=list)
    receipts: dict[Address, list[str]] = field(default_factory=lambda: defaultdict(list))
    nonces: dict[Address, str] = field(default_factory=dict)
    born: set[int] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)


class Batch:
    """A batch within its transaction; `outcome` grows with what is taken."""

    def __init__(
        self, connection: Connection, *, sealing: X25519PrivateKey, limits: Limits, now_us: int
    ) -> None:
        self.outcome = Outcome()
        self._connection = connection
        self._sealing = sealing
        self._limits = limits
        self._now_us = now_us

    def take_events(
        self,
        verified: list[tuple[Message, list[Verified | Rejected]]],
        devices: dict[Address, Device],
    ) -> None:
        """Events of all devices at once."""
        taken: dict[int, tuple[Device, list[Verified]]] = {}
        for message, lines in verified:
            device = devices.get(message.address) if message.address is not None else None
            for each in lines:
                if isinstance(each, Rejected) or device is None:
                    self.reject(_rejected(each), message, device)
                else:
                    taken.setdefault(device.id, (device, []))[1].append(each)
        if not taken:
            return
        for answer in ingest(self._connection, list(taken.values()), now_us=self._now_us, limits=self._limits):
            self._note(answer)

    def _note(self, answer: Answer) -> None:
        """What became of one device's events."""
        address = answer.device.address
        self.outcome.counts.update(answer.counts)
        if answer.behind:
            self.outcome.behind[address] = answer.behind
        if answer.committed:
            self.outcome.committed[address] = answer.committed
        if answer.lacking:
            self.outcome.lacking.add(address)
        self.outcome.refused += [(address, refused) for refused in answer.refused]
        self._put_away(answer.device, answer.distrusted, Reason.REVOKED, "after the last event that is trusted")
        if answer.distrusted:
            self._alarm(AlarmKind.REVOKED, answer.device, Reason.REVOKED.value)
        self._put_away(
            answer.device, answer.excess, Reason.TOO_MANY_EPOCHS, "the device has begun too many epochs"
        )
        if answer.excess:
            self._alarm(AlarmKind.EPOCHS, answer.device, f"more than {self._limits.epochs_per_device}")
        if answer.device.state == "retired" and answer.counts.get("committed"):
            self._alarm(AlarmKind.RETIRED, answer.device, Channel.EVENTS.value)

    def _put_away(self, device: Device, events: list[Verified], rejected: Reason, detail: str) -> None:
        topic = device.address.topic(Channel.EVENTS)
        for event in events:
            quarantine(
                self._connection,
                Rejected(rejected, detail, event.raw),
                topic=topic,
                address=device.address,
                now_us=self._now_us,
            )
            self.outcome.counts[rejected.value] += 1

    def take_other(self, message: Message, devices: dict[Address, Device]) -> None:
        """State, telemetry, a result, a parcel, or nothing of ours."""
        if message.address is None or message.channel is None:
            rejected = Rejected(Reason.TOPIC, "not a topic of Clockface's", message.arrival.payload)
            self.reject(rejected, message, None)
            return
        device = devices.get(message.address)
        if device is None or not device.keys:
            rejected = Rejected(
                Reason.UNKNOWN_DEVICE, "no device of this name has a key here", message.arrival.payload
            )
            self.reject(rejected, message, None)
            return
        if not message.arrival.payload and message.channel is Channel.STATE:
            return  # a retained state was cleared
        rejection = self._dispatch(message.channel, device, message.arrival.payload)
        if rejection is not None:
            self.reject(rejection, message, device)
        else:
            self.outcome.counts[message.channel.value] += 1

    def _dispatch(self, channel: Channel, device: Device, payload: bytes) -> Rejected | None:
        if channel is Channel.STATE:
            state = take_state(self._connection, device, payload, now_us=self._now_us)
            if isinstance(state, Rejected):
                return state
            if state.online:
                self.outcome.born.add(device.id)
            return None
        if channel is Channel.TELEMETRY:
            return self._take_telemetry(device, payload)
        if device.state == "revoked":
            self._alarm(AlarmKind.REVOKED, device, channel.value)
            return Rejected(Reason.REVOKED, "the device was revoked", payload)
        if channel is Channel.RESULTS:
            result = take_result(self._connection, device, payload, now_us=self._now_us)
            return result if isinstance(result, Rejected) else None
        return self._take_parcel(device, payload)

    def _take_telemetry(self, device: Device, payload: bytes) -> Rejected | None:
        told = take_telemetry(self._connection, device, payload, now_us=self._now_us)
        if isinstance(told, Rejected):
            return told
        if told is not None:
            here, missing = compare_frontier(self._connection, device, told, now_us=self._now_us)
            self.outcome.nonces[device.address] = told.nonce
            points = self.outcome.committed.setdefault(device.address, [])
            if here.committed is not None and not points:
                points.append(here.committed)
            if missing:
                self.outcome.missing.add(device.address)
        return None

    def _take_parcel(self, device: Device, payload: bytes) -> Rejected | None:
        parcel = take_parcel(self._connection, device, payload, sealing=self._sealing, now_us=self._now_us)
        if isinstance(parcel, Rejected):
            return parcel
        self.outcome.receipts[device.address].append(parcel.id)
        return None

    def reject(self, rejected: Rejected, message: Message, device: Device | None) -> None:
        """Put something into quarantine, and alarm if it bears on a device of ours."""
        quarantine(
            self._connection,
            rejected,
            topic=message.arrival.topic,
            address=message.address,
            now_us=self._now_us,
        )
        self.outcome.counts[rejected.reason.value] += 1
        if device is not None and rejected.reason in _ALARMING:
            self._alarm(AlarmKind.FORGERY, device, rejected.reason.value)

    def _alarm(self, kind: AlarmKind, device: Device, detail: str) -> None:
        raise_alarm(
            self._connection,
            kind,
            subject=device.subject,
            device_id=device.id,
            detail=detail,
            now_us=self._now_us,
        )


def _rejected(line: Verified | Rejected) -> Rejected:
    if isinstance(line, Rejected):
        return line
    return Rejected(Reason.UNKNOWN_DEVICE, "no device of this name is here", line.raw)
