"""The chain of signed events: how one is appended, and what is demanded of one that is read.

The heart of "exactly once": (epoch, seq) without gaps, each event carrying the hash of the one before, signed
over its canonical plaintext and committed in one transaction. Trust boundary: rows come from a file; a
payload is believed only when its hash, its identity and its place agree with the row.
"""

import base64
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import ValidationError

from clockface.errors import SecretWrong
from edge import __version__
from edge.errors import LedgerCorrupt, LedgerRetired, StoreError
from edge.store.keys import SigningKey
from edge.store.translation import clock_reading, punch_of, utc_day
from edge.store.vault import Vault
from edge.types.clock import Instant
from edge.types.identity import DeviceId, EpochId, ModelHash
from edge.types.punches import EventId, RecordedPunch
from sync.wire import envelope
from sync.wire import events as wire
from sync.wire.canonical import WireError
from sync.wire.canonical import digest as digest_of
from sync.wire.fields import EventPoint, format_time

EpochReason = Literal["provisioned", "restored", "replaced", "refused"]
GENESIS = bytes.fromhex(wire.GENESIS)
COLUMNS = (
    "position, epochs.epoch, seq, hash, prev_hash, epochs.signer, signature, payload, written_by, punch_day "
    "FROM events JOIN epochs ON epochs.ordinal = events.epoch"
)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event: its epoch's ordinal and id, its seq and hash (32 bytes), and who signs the epoch."""

    ordinal: int
    epoch: EpochId
    seq: int
    hash: bytes
    signer: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the ledger holds it, opened and found to match its row. `payload` is personal data."""

    position: int
    id: EventId
    prevhash: str
    payload: bytes
    signer: str
    signature: bytes
    punch_day: int | None

    def __repr__(self) -> str:
        return f"StoredEvent({self.id.epoch}/{self.id.seq}, ********)"

    def envelope(self) -> bytes:
        """The event in its DSSE envelope, as it goes to the office."""
        signature = envelope.Signature(self.signer, self.signature)
        return envelope.encode(envelope.Envelope(self.payload, envelope.EVENT_TYPE, (signature,)))

    def event(self) -> wire.AnyEvent:
        """The event itself.

        Raises:
            LedgerCorrupt: The payload is not an event of a type that this version knows.
        """
        try:
            return wire.read_event(self.payload)
        except WireError as error:
            raise LedgerCorrupt(str(error), where=place(self.id.epoch, self.id.seq)) from None

    def punch(self) -> RecordedPunch:
        """The punch that it records.

        Raises:
            LedgerCorrupt: It records none.
        """
        event = self.event()
        if not isinstance(event, wire.AttendanceRecorded):
            raise LedgerCorrupt("an event is not the punch that it is listed as", where=f"event {event.id}")
        return RecordedPunch(self.id, punch_of(event))


class Chain:
    """Appends to the event table and reads from it; always within a transaction of its caller's.

    An epoch has one signing key, kept with the epoch, not with each event: another key begins another epoch.
    """

    def __init__(self, *, vault: Vault, signing: SigningKey, site: str, device: DeviceId) -> None:
        self._vault = vault
        self._signing = signing
        self._device = device
        self._source = wire.source_of(site, device)
        self._ended: bool | None = None  # whether the newest event says that nothing follows; None: look

    def head(self, connection: sqlite3.Connection) -> Head:
        """The newest event.

        Raises:
            LedgerCorrupt: There is none; a ledger always has its first epoch's first event.
        """
        head = self._head_or_none(connection)
        if head is None:
            raise LedgerCorrupt("the ledger holds no event, not even its first", where="events")
        return head

    def begin_epoch(
        self,
        connection: sqlite3.Connection,
        *,
        reason: EpochReason,
        at: Instant,
        models: Sequence[ModelHash] = (),
    ) -> EventId:
        """Open a new epoch under the current signing key, with a signed event that says why.

        The id is an ordinal and 64 random bits: the ordinal orders the epochs of one history, the random part
        keeps two restores of the same backup, which would both count on to the same ordinal, apart.
        """
        head = self._head_or_none(connection)
        ordinal = 1 if head is None else head.ordinal + 1
        epoch = EpochId(f"{ordinal:06d}-{secrets.token_hex(8)}")
        connection.execute(
            "INSERT INTO epochs (ordinal, epoch, signer, public_key) VALUES (?, ?, ?, ?)",
            (ordinal, epoch, self._signing.key_id, self._signing.public),
        )
        previous = None
        if head is not None:
            previous = EventPoint(epoch=head.epoch, seq=head.seq, hash=head.hash.hex())
        event = wire.EpochBegun(
            **self._attributes(epoch, 1, GENESIS, at),
            data=wire.EpochBegunData(
                clock=clock_reading(at),
                reason=reason,
                previous=previous,
                public_key=base64.urlsafe_b64encode(self._signing.public).decode("ascii").rstrip("="),
                software=__version__,
                models=list(models),
            ),
        )
        return self._insert(connection, event, ordinal=ordinal)

    def append(
        self,
        connection: sqlite3.Connection,
        make: Callable[[dict[str, Any]], wire.AnyEvent],
        *,
        at: Instant,
    ) -> EventId:
        """Add the next event of the current epoch.

        Args:
            connection: In a write transaction.
            make: Builds the event from its CloudEvents attributes.
            at: The event's time.

        Raises:
            StoreError: The event holds something that the wire cannot carry.
            SecretWrong: The epoch belongs to another signing key.
            LedgerRetired: The newest event says that nothing follows.
        """
        head = self.head(connection)
        if self.ended(connection):
            raise LedgerRetired(
                "this device went out of use with its last event, and nothing follows that",
                where=place(head.epoch, head.seq),
                next_step="clockface provision retire, to the end",
            )
        if head.signer != self._signing.key_id:
            raise wrong_signer(head.signer, self._signing.key_id)
        try:
            event = make(self._attributes(head.epoch, head.seq + 1, head.hash, at))
        except (ValidationError, ValueError, OverflowError) as error:
            fields = error.errors() if isinstance(error, ValidationError) else []
            names = ", ".join(str(each["loc"][-1]) for each in fields if each["loc"]) or "a value"
            raise StoreError(
                f"an event cannot carry this: {names}", where=place(head.epoch, head.seq + 1)
            ) from None
        return self._insert(connection, event, ordinal=head.ordinal)

    def ended(self, connection: sqlite3.Connection) -> bool:
        """Whether the newest event says that nothing follows it."""
        if self._ended is None:
            row = connection.execute(f"SELECT {COLUMNS} ORDER BY position DESC LIMIT 1").fetchone()
            kind = None if row is None else orjson.loads(self.open_row(row).payload)["type"]
            self._ended = kind == wire.DEVICE_RETIRED
        return self._ended

    def open_row(self, row: tuple[Any, ...]) -> StoredEvent:
        """Open a row of `COLUMNS` and hold it against its payload.

        Raises:
            LedgerCorrupt: Altered, or moved from another place.
            SecretWrong: DATA_ENCRYPTION_KEY lacks the key that wrote it.
        """
        position, epoch, seq, digest, prev_hash, signer, signature, token, written_by, punch_day = row
        where = place(epoch, seq)
        payload = self._vault.open(token, written_by, where=where)
        if digest_of(payload) != digest.hex():
            raise LedgerCorrupt("an event does not match its hash", where=where)
        if _identity(payload) != (epoch, seq, prev_hash.hex(), self._source):
            raise LedgerCorrupt("an event belongs to another place or device", where=where)
        return StoredEvent(
            position=position,
            id=EventId(self._device, EpochId(epoch), seq, digest.hex()),
            prevhash=prev_hash.hex(),
            payload=payload,
            signer=signer,
            signature=signature,
            punch_day=punch_day,
        )

    def _head_or_none(self, connection: sqlite3.Connection) -> Head | None:
        row = connection.execute(
            "SELECT events.epoch, epochs.epoch, seq, hash, epochs.signer FROM events "
            "JOIN epochs ON epochs.ordinal = events.epoch ORDER BY position DESC LIMIT 1"
        ).fetchone()
        return None if row is None else Head(row[0], EpochId(row[1]), row[2], row[3], row[4])

    def _attributes(self, epoch: EpochId, seq: int, previous: bytes, at: Instant) -> dict[str, Any]:
        return {
            "id": wire.event_name(epoch, seq),
            "source": self._source,
            "time": format_time(at.wall),
            "epoch": epoch,
            "seq": seq,
            "prevhash": previous.hex(),
        }

    def _insert(self, connection: sqlite3.Connection, event: wire.AnyEvent, *, ordinal: int) -> EventId:
        if isinstance(event, wire.DeviceRetired | wire.EpochBegun):
            self._ended = None  # and not True or False: the transaction may yet be undone
        payload = wire.canonical(event)
        digest = digest_of(payload)
        punch = isinstance(event, wire.AttendanceRecorded)
        connection.execute(
            "INSERT INTO events (epoch, seq, punch_day, uncorrected, hash, prev_hash, signature, payload, "
            "written_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                ordinal,
                event.seq,
                utc_day(event.at) if punch else None,
                int(event.data.clock.trust != "synchronised"),
                bytes.fromhex(digest),
                bytes.fromhex(event.prevhash),
                self._signing.private.sign(envelope.pae(envelope.EVENT_TYPE, payload)),
                self._vault.seal(payload),
                self._vault.number,
            ),
        )
        return EventId(self._device, EpochId(event.epoch), event.seq, digest)


def _identity(payload: bytes) -> tuple[object, ...]:
    """Where a payload says it belongs; `StoredEvent.event` reads all of it, and strictly."""
    try:
        document = orjson.loads(payload)
    except ValueError:
        return ()
    if not isinstance(document, dict):
        return ()
    return tuple(document.get(name) for name in ("epoch", "seq", "prevhash", "source"))


def place(epoch: str, seq: int) -> str:
    """Names an event in a message."""
    return f"event {epoch}/{seq}"


def wrong_signer(expected: str, found: str) -> SecretWrong:
    """The error for a signing key that did not begin the current epoch."""
    return SecretWrong(
        f"the signing key {found} is not the one of the ledger's current epoch, {expected}",
        where="device_signing_key",
        next_step="bring the right key back; a replaced key needs a new epoch",
    )
