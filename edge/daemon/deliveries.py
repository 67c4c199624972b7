"""The one door down: documents of the office, each to its kind's desk; what does not hold is refused by code.

Sync carries them and believes nothing. Trust boundary: every byte is hostile until a desk has found the
signature of the right key on it. Forgeries are noted in the audit trail and as an alarm, a bounded number of
times: whoever sends a million fills neither.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.api.protocol.courier import SendAfter
from edge.ports import Clock
from edge.store.store import Store
from sync.wire.canonical import WireError
from sync.wire.documents import Document, open_document, type_of
from sync.wire.envelope import EnvelopeError
from sync.wire.topics import Address

log = structlog.get_logger(__name__)

FORGED = "forged_delivery"
NOTED_EVERY_S = 600.0

D = TypeVar("D", bound=Document)


class Outcome(StrEnum):
    """What became of a document."""

    APPLIED = "applied"
    REPEATED = "repeated"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why a document was refused before its desk looked into it."""

    MALFORMED = "malformed"
    UNKNOWN_KIND = "unknown_kind"
    NO_OFFICE = "no_office"
    FORGED = "forged"
    OTHER_DEVICE = "other_device"


@dataclass(frozen=True, slots=True)
class Taken:
    """A desk's answer.

    Args:
        outcome: What became of the document.
        reason: A code for logs, or empty.
        send_after: From where the courier is to send again; None: go on as before.
        result: A signed result to publish.
        answers: The document that the result answers.
    """

    outcome: Outcome
    reason: str = ""
    send_after: SendAfter | None = None
    result: bytes | None = None
    answers: str | None = None


class Refused(Exception):
    """The document does not hold."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.value)


class Desk(Protocol):
    """Whoever takes one kind of document."""

    @property
    def kind(self) -> type[Document]:
        """What it takes."""
        ...

    def take(self, raw: bytes) -> Taken:
        """Verify and apply a document of this kind; called by one thread at a time.

        Raises:
            Refused: It does not hold.
            StoreError: Nothing was applied; the courier may deliver it again.
        """
        ...


class Deliveries:
    """The door.

    Args:
        desks: One for each kind.
        store: For audit and alarms.
        clock: Source of time.
    """

    def __init__(self, desks: Sequence[Desk], *, store: Store, clock: Clock) -> None:
        self._desks = {desk.kind.payload_type: desk for desk in desks}
        self._store = store
        self._clock = clock
        self._turn = threading.Lock()
        self._noted_s = float("-inf")

    def take(self, raw: bytes) -> Taken:
        """Take one document, whatever it is.

        Raises:
            StoreError: The ledger failed; nothing was applied.
        """
        with self._turn:
            try:
                return self._desk(raw).take(raw)
            except Refused as refusal:
                if refusal.reason is Reason.FORGED:
                    self._note_forgery()
                return Taken(Outcome.REFUSED, refusal.reason.value)

    def _desk(self, raw: bytes) -> Desk:
        try:
            kind = type_of(raw)
        except EnvelopeError:
            raise Refused(Reason.MALFORMED) from None
        desk = self._desks.get(kind)
        if desk is None:
            raise Refused(Reason.UNKNOWN_KIND)
        return desk

    def _note_forgery(self) -> None:
        now_s = self._clock.now().boottime_s
        if now_s - self._noted_s < NOTED_EVERY_S:
            return
        self._noted_s = now_s
        log.warning("delivery_forged", reason=Reason.FORGED)
        self._store.alarms.raise_alarm(FORGED, "a document of the office bears no trusted signature")
        self._store.audit.append("delivery.refused", detail=Reason.FORGED.value)


def opened(kind: type[D], raw: bytes, *, keys: Mapping[str, Ed25519PublicKey] | None, address: Address) -> D:
    """Open a document that one of the office's keys must have signed for this device.

    Args:
        kind: What it must be.
        raw: From anybody.
        keys: Who may sign it; None where the device knows no office yet.
        address: This device.

    Raises:
        Refused: It does not hold, and why.
    """
    if keys is None:
        raise Refused(Reason.NO_OFFICE)
    try:
        document = open_document(kind, raw, keys=keys, address=None)
    except EnvelopeError:
        raise Refused(Reason.FORGED) from None
    except WireError:
        raise Refused(Reason.MALFORMED) from None
    if document.address != address:
        raise Refused(Reason.OTHER_DEVICE)
    return document
