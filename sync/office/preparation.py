"""What can be done with messages before their transaction: read topics, find keys, check signatures.

Trust boundary: topics and payloads are anybody's until verified here. What verification said holds only as long
as the device's keys do: `still_true` asks again, within the transaction, where they have changed.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from sync.office.checker import MAX_KEYS
from sync.office.checking import Checker
from sync.office.database import Database
from sync.office.link import Arrival
from sync.office.registry import Device, load_devices
from sync.office.signature import SodiumKey
from sync.office.verification import Rejected, Verified, verify_message
from sync.wire.batches import MAX_BATCH_BYTES
from sync.wire.canonical import WireError
from sync.wire.envelope import MAX_KEYID_LENGTH
from sync.wire.topics import UP, Address, Channel, read_topic

BACKLOG: Final = 100  # events: fewer are verified sooner than another process is asked


@dataclass(frozen=True, slots=True)
class Message:
    """What arrived, and as whose on which channel; None where its topic is none of ours."""

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

    messages: list[Message]
    verified: list[tuple[Message, list[Verified | Rejected]]]
    devices: dict[Address, Device]

    @property
    def wanted(self) -> set[Address]:
        """Whose messages these are, or claim to be."""
        return {message.address for message in self.messages if message.address is not None}


class Preparation:
    """Verifies batches. Writes nothing.

    Args:
        checkers: Processes that check the signatures of a backlog beside this one; 0: it does that itself.
    """

    def __init__(self, database: Database, *, checkers: int = 0) -> None:
        self._database = database
        self.checkers = [Checker() for _ in range(checkers)]
        self._askers = ThreadPoolExecutor(max(1, checkers), "ask")

    def close(self) -> None:
        """End the threads and the processes."""
        self._askers.shutdown()
        for checker in self.checkers:
            checker.close()

    def prepare(self, arrivals: Sequence[Arrival]) -> Prepared:
        """Verify.

        Raises:
            DatabaseError: The database failed.
        """
        prepared = Prepared([message_of(arrival) for arrival in arrivals], [], {})
        if prepared.wanted:
            with self._database.read() as connection:
                prepared.devices.update(load_devices(connection, prepared.wanted))
        prepared.verified.extend(self._verify(prepared.messages, prepared.devices))
        return prepared

    def _verify(
        self, messages: list[Message], devices: dict[Address, Device]
    ) -> list[tuple[Message, list[Verified | Rejected]]]:
        events = [message for message in messages if message.channel is Channel.EVENTS]
        vouched = self._vouched(events, devices)
        return [
            (message, _verified(message, devices, vouched=said))
            for message, said in zip(events, vouched, strict=True)
        ]

    def _vouched(self, events: list[Message], devices: dict[Address, Device]) -> list[bytes | None]:
        """What the checkers say of each message's lines; None: none was asked of it, or it did not answer."""
        found: list[bytes | None] = [None] * len(events)
        if not self.checkers or sum(each.arrival.payload.count(b"\n") + 1 for each in events) < BACKLOG:
            return found
        asked = [
            (number, (message.arrival.payload, keys))
            for number, message in enumerate(events)
            if (keys := _keys_to_tell(message, devices)) is not None
        ]
        shares = [asked[start :: len(self.checkers)] for start in range(len(self.checkers))]
        answers = self._askers.map(
            lambda checker, share: checker.check([each for _, each in share]), self.checkers, shares
        )
        for share, answer in zip(shares, answers, strict=True):
            for (number, _), said in zip(share, answer or (), strict=False):
                found[number] = said
        return found


def message_of(arrival: Arrival) -> Message:
    """A message with whose it claims to be; without, if its topic is none of ours."""
    try:
        address, channel = read_topic(arrival.topic)
    except WireError:
        return Message(arrival)
    return Message(arrival, address, channel) if channel in UP else Message(arrival)


def still_true(
    prepared: Prepared, devices: dict[Address, Device]
) -> list[tuple[Message, list[Verified | Rejected]]]:
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


def _keys_to_tell(message: Message, devices: dict[Address, Device]) -> list[tuple[str, bytes]] | None:
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
    message: Message, devices: dict[Address, Device], *, vouched: bytes | None = None
) -> list[Verified | Rejected]:
    assert message.address is not None  # noqa: S101 - a topic with a channel has an address
    device = devices.get(message.address)
    keys = {} if device is None else device.keys
    return verify_message(message.arrival.payload, address=message.address, keys=keys, vouched=vouched)
