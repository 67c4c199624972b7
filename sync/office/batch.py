"""One batch of messages: verified outside, then taken in one transaction; what to answer comes back.

Trust boundary: topics and payloads are anybody's until verified here. Every message ends as committed, waiting,
repeated or in quarantine, so that none comes for ever.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection

from sync.office.alarms import AlarmKind, raise_alarm
from sync.office.checker import MAX_KEYS
from sync.office.checking import Checker
from sync.office.condition import compare_frontier, take_state, take_telemetry
from sync.office.database import Database
from sync.office.histories import lock_devices
from sync.office.ingest import Answer, Limits, RefusedEvent, ingest
from sync.office.link import Arrival
from sync.office.outbox import take_result
from sync.office.parcels import take_parcel
from sync.office.quarantine import quarantine
from sync.office.registry import Device, load_devices
from sync.office.signature import SodiumKey
from sync.office.verification import Reason, Rejected, Verified, verify_message
from sync.wire.batches import MAX_BATCH_BYTES
from sync.wire.canonical import WireError
from sync.wire.envelope import MAX_KEYID_LENGTH
from sync.wire.fields import EventPoint
from sync.wire.topics import UP, Address, Channel, read_topic

BACKLOG: Final = 100  # events: fewer are verified sooner than another process is asked
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


@dataclass(frozen=True, slots=True)
class _Message:
    arrival: Arrival
    address: Address | None = None
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that was verified before its transaction, perhaps while the one before it was written.

    Args:
        messages: All of it.
        verified: Of its events, what verification said.
        devices: The devices with the keys by which it was verified.
    """

    messages: list[_Message]
    verified: list[tuple[_Message, list[Verified | Rejected]]]
    devices: dict[Address, Device]

    @property
    def wanted(self) -> set[Address]:
        """Whose messages these are, or claim to be."""
        return {message.address for message in self.messages if message.address is not None}


class Intake:
    """Takes batches into the database.

    Args:
        sealing: Opens what devices seal to the office.
        checkers: Processes that check the signatures of a backlog beside this one; 0: it does that itself.
    """

    def __init__(
        self, database: Database, *, sealing: X25519PrivateKey, limits: Limits, checkers: int = 0
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._limits = limits
        self._checkers = [Checker() for _ in range(checkers)]
        self._askers = ThreadPoolExecutor(max(1, checkers), "ask")
        self._ahead = ThreadPoolExecutor(1, "ahead")

    def close(self) -> None:
        """End the threads and the processes."""
        self._ahead.shutdown(cancel_futures=True)
        self._askers.shutdown()
        for checker in self._checkers:
            checker.close()

    def begin(self, arrivals: Sequence[Arrival]) -> Future[Prepared]:
        """Verify in a thread of its own; `take` may write another batch meanwhile."""
        return self._ahead.submit(self.prepare, arrivals)

    def prepare(self, arrivals: Sequence[Arrival]) -> Prepared:
        """Verify. Writes nothing.

        Raises:
            DatabaseError: The database failed.
        """
        prepared = Prepared([_read_topic(arrival) for arrival in arrivals], [], {})
        if prepared.wanted:
            with self._database.read() as connection:
                prepared.devices.update(load_devices(connection, prepared.wanted))
        prepared.verified.extend(self._verify(prepared.messages, prepared.devices))
        return prepared

    def take(self, arrivals: Sequence[Arrival], *, now_us: int, prepared: Prepared | None = None) -> Outcome:
        """Verify, unless that was done, and commit. Nothing of the batch is written if this raises.

        Raises:
            DatabaseError: The database failed, or a message is poison: take it alone.
        """
        prepared = self.prepare(arrivals) if prepared is None else prepared
        with self._database.write() as connection:
            # As they are now: who was revoked since is revoked for this batch.
            devices = load_devices(connection, prepared.wanted) if prepared.wanted else {}
            # All at once and in one order, for states and telemetry too: receivers whose batches name the same
            # kiosks would else wait for each other in a ring.
            lock_devices(connection, [device.id for device in devices.values()])
            work = _Batch(connection, sealing=self._sealing, limits=self._limits, now_us=now_us)
            work.take_events(_still(prepared, devices), devices)
            for message in prepared.messages:
                if message.channel is not Channel.EVENTS:
                    work.take_other(message, devices)
            return work.outcome

    def put_away(self, arrival: Arrival, *, now_us: int) -> Outcome:
        """Quarantine a message on which our own software failed.

        Raises:
            DatabaseError: The database failed: it was not the message's fault.
        """
        message = _read_topic(arrival)
        rejected = Rejected(Reason.UNPROCESSABLE, "it could not be processed", arrival.payload)
        with self._database.write() as connection:
            work = _Batch(connection, sealing=self._sealing, limits=self._limits, now_us=now_us)
            work.reject(rejected, message, None)
            return work.outcome

    def _verify(
        self, messages: list[_Message], devices: dict[Address, Device]
    ) -> list[tuple[_Message, list[Verified | Rejected]]]:
        events = [message for message in messages if message.channel is Channel.EVENTS]
        vouched = self._vouched(events, devices)
        return [
            (message, _verified(message, devices, vouched=said))
            for message, said in zip(events, vouched, strict=True)
        ]

    def _vouched(self, events: list[_Message], devices: dict[Address, Device]) -> list[bytes | None]:
        """What the checkers say of each message's lines; None: none was asked of it, or it did not answer."""
        found: list[bytes | None] = [None] * len(events)
        if not self._checkers or sum(each.arrival.payload.count(b"\n") + 1 for each in events) < BACKLOG:
            return found
        asked = [
            (number, (message.arrival.payload, keys))
            for number, message in enumerate(events)
            if (keys := _keys_to_tell(message, devices)) is not None
        ]
        shares = [asked[start :: len(self._checkers)] for start in range(len(self._checkers))]
        answers = self._askers.map(
            lambda checker, share: checker.check([each for _, each in share]), self._checkers, shares
        )
        for share, answer in zip(shares, answers, strict=True):
            for (number, _), said in zip(share, answer or (), strict=False):
                found[number] = said
        return found


def _keys_to_tell(message: _Message, devices: dict[Address, Device]) -> list[tuple[str, bytes]] | None:
    """The keys of the device in whose topic a message came; None if a checker is of no use for it."""
    device = None if message.address is None else devices.get(message.address)
    if device is None or not 0 < len(device.keys) <= MAX_KEYS or len(message.arrival.payload) > MAX_BATCH_BYTES:
        return None
    told = [
        (key_id, known.key.raw)
        for key_id, known in device.keys.items()
        if isinstance(known.key, SodiumKey) and key_id.isascii() and len(key_id) <= MAX_KEYID_LENGTH
    ]
    return told if len(told) == len(device.keys) else None


def _verified(
    message: _Message, devices: dict[Address, Device], *, vouched: bytes | None = None
) -> list[Verified | Rejected]:
    assert message.address is not None  # noqa: S101 - a topic with a channel has an address
    device = devices.get(message.address)
    keys = {} if device is None else device.keys
    return verify_message(message.arrival.payload, address=message.address, keys=keys, vouched=vouched)


def _still(
    prepared: Prepared, devices: dict[Address, Device]
) -> list[tuple[_Message, list[Verified | Rejected]]]:
    """What verification said, and says now of devices whose keys have changed since."""

    def keys_of(known: dict[Address, Device], address: Address | None) -> object:
        device = None if address is None else known.get(address)
        return None if device is None else device.keys

    return [
        (message, lines)
        if keys_of(prepared.devices, message.address) == keys_of(devices, message.address)
        else (message, _verified(message, devices))
        for message, lines in prepared.verified
    ]


def _read_topic(arrival: Arrival) -> _Message:
    try:
        address, channel = read_topic(arrival.topic)
    except WireError:
        return _Message(arrival)
    return _Message(arrival, address, channel) if channel in UP else _Message(arrival)


class _Batch:
    """One transaction's work."""

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
        verified: list[tuple[_Message, list[Verified | Rejected]]],
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

    def take_other(self, message: _Message, devices: dict[Address, Device]) -> None:
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

    def reject(self, rejected: Rejected, message: _Message, device: Device | None) -> None:
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
