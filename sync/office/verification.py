"""From a message on an events topic to verified events or named rejections: pure, and the receiver's hot path.

The broker's access list ties a topic to a certificate, the signature ties an event to a device's registered
key, and both must name the same device. Trust boundary: topic and payload come from anybody; what leaves as
`Verified` was signed by the device in whose topic it came. Of 0.07 ms an event 0.05 ms are Ed25519; of a
backlog a `checker` process does that part.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from sync.wire import envelope
from sync.wire.batches import MAX_BATCH_BYTES, MAX_BATCH_LINES, split_batch
from sync.wire.canonical import WireError, parse, refuse_variants
from sync.wire.events import EVENT, MAX_EVENT_BYTES, AnyEvent, EventHeader, event_at_once, source_of
from sync.wire.topics import Address

MAX_BATCH_EVENTS: Final = MAX_BATCH_LINES


class Reason(StrEnum):
    """Why a message, or a line of one, was put in quarantine."""

    TOPIC = "topic"  # not one of ours
    UNKNOWN_DEVICE = "unknown_device"  # nobody registered it
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    MALFORMED = "malformed"  # not a well-formed envelope or document
    WRONG_TYPE = "wrong_type"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    MALFORMED_SIGNED = "malformed_signed"  # the device's own signature, and still no event
    WRONG_SOURCE = "wrong_source"  # signed for another device's topic
    KEY_OUTSIDE_EPOCHS = "key_outside_epochs"  # the key is not believed in this epoch
    TOO_MANY_EPOCHS = "too_many_epochs"  # of one device
    REVOKED = "revoked"  # after the last event that is trusted
    UNPROCESSABLE = "unprocessable"  # our own software failed on it


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A device's signing key and the epochs (their ordinals, both included) in which it is believed."""

    key: envelope.VerifyingKey
    first_ordinal: int | None = None
    last_ordinal: int | None = None

    def covers(self, epoch: str) -> bool:
        """Whether events of this epoch may bear its signature."""
        ordinal = ordinal_of(epoch)
        return (self.first_ordinal is None or self.first_ordinal <= ordinal) and (
            self.last_ordinal is None or ordinal <= self.last_ordinal
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """An authentic event.

    Args:
        head: Its identity and chain: the event itself, or only what every event carries.
        event: The whole event; None if this software does not know its type or body.
        hash: SHA-256 of its canonical bytes.
        key_id: Who signed it.
        raw: The signed original.
    """

    head: AnyEvent | EventHeader
    event: AnyEvent | None
    hash: bytes
    key_id: str
    raw: bytes

    @property
    def prev_hash(self) -> bytes:
        """Hash of the event before it."""
        return bytes.fromhex(self.head.prevhash)


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is not an authentic event of the device. `detail` holds nothing of its content."""

    reason: Reason
    detail: str
    raw: bytes


def ordinal_of(epoch: str) -> int:
    """The number in front of a well-formed epoch's name."""
    return int(epoch[:6])


def verify_message(
    payload: bytes, *, address: Address, keys: Mapping[str, DeviceKey], vouched: bytes | None = None
) -> list[Verified | Rejected]:
    """Verify every line of a message; one bad line says nothing against the others.

    Args:
        payload: 1 to 1,024 envelopes, one a line, from anybody.
        address: The device in whose topic it came.
        keys: The device's registered keys by key id; empty for an unknown device.
        vouched: What a `checker` said of each line, by the number of the key in `keys`; None: nothing.
    """
    if not keys:
        return [Rejected(Reason.UNKNOWN_DEVICE, "no device of this name has a key here", payload)]
    try:
        lines = split_batch(payload)
    except WireError as error:
        reason = Reason.TOO_LARGE if len(payload) > MAX_BATCH_BYTES else Reason.TOO_MANY
        return [Rejected(reason, str(error), payload)]
    trusted = {key_id: known.key for key_id, known in keys.items()}
    source = source_of(address.site, address.device)
    if vouched is None:
        return [_verify(line, source=source, trusted=trusted, keys=keys) for line in lines]
    names = list(keys)
    return [
        _of_device(
            envelope.payload_of_plain(line), line, source=source, key_id=names[by - 1], key=keys[names[by - 1]]
        )
        if by
        else _verify(line, source=source, trusted=trusted, keys=keys)
        for line, by in zip(lines, vouched, strict=False)  # a line break may have followed the last line
    ]


def _verify(
    line: bytes, *, source: str, trusted: Mapping[str, envelope.VerifyingKey], keys: Mapping[str, DeviceKey]
) -> Verified | Rejected:
    try:
        signed = envelope.decode(line)
    except envelope.EnvelopeError as error:
        return Rejected(Reason.MALFORMED, str(error), line)
    key_id = next((each.keyid for each in signed.signatures if each.keyid in trusted), None)
    if key_id is None:
        return Rejected(Reason.UNKNOWN_KEY, "no signature is of a key of this device", line)
    try:
        payload = envelope.verify(signed, keys=trusted)
    except envelope.EnvelopeError as error:
        other = signed.payload_type != envelope.EVENT_TYPE
        return Rejected(Reason.WRONG_TYPE if other else Reason.FORGED, str(error), line)
    return _of_device(payload, line, source=source, key_id=key_id, key=keys[key_id])


def _of_device(payload: bytes, line: bytes, *, source: str, key_id: str, key: DeviceKey) -> Verified | Rejected:
    try:
        head, event = read(payload)
    except WireError as error:
        return Rejected(Reason.MALFORMED_SIGNED, str(error), line)
    if head.source != source:
        return Rejected(Reason.WRONG_SOURCE, "the event's source is another device than its topic's", line)
    if not key.covers(head.epoch):
        return Rejected(Reason.KEY_OUTSIDE_EPOCHS, "the key is not believed in this epoch", line)
    return Verified(head, event, hashlib.sha256(payload).digest(), key_id, line)


def read(payload: bytes) -> tuple[AnyEvent | EventHeader, AnyEvent | None]:
    """Read an event completely, or only its head if this software does not know its type or body.

    Raises:
        WireError: Not even a head.
    """
    at_once = event_at_once(payload)
    if at_once is not None:
        return at_once, at_once
    document = parse(payload, max_bytes=MAX_EVENT_BYTES)
    try:
        event = EVENT.validate_python(document)
        refuse_variants(event, document)
    except (ValidationError, WireError):
        return _head(document), None
    return event, event


def _head(document: object) -> EventHeader:
    try:
        return EventHeader.model_validate(document)
    except ValidationError:
        raise WireError("the event's head does not hold") from None


def stored(raw: bytes) -> Verified:
    """Read an event again that was verified before it was stored to wait.

    Raises:
        EnvelopeError, WireError: The stored bytes are damaged.
    """
    signed = envelope.decode(raw)
    head, event = read(signed.payload)
    return Verified(head, event, hashlib.sha256(signed.payload).digest(), signed.signatures[0].keyid, raw)
