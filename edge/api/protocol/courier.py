"""What the courier fetches and delivers: signed envelopes and parcels, and documents of the office.

Everything signed travels byte by byte, as an encoded envelope; the courier neither opens nor judges it.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import (
    MAX_DOCUMENT_CHARS,
    MAX_PAGE,
    MAX_WAIT_S,
    Code,
    EpochText,
    PersonKey,
    Sha256,
)


class EnvelopeView(Message):
    """A signed event, as it goes to the office byte by byte."""

    epoch: EpochText
    seq: int = Field(ge=0)
    hash: Sha256
    envelope: Annotated[str, StringConstraints(max_length=48 * 1024)]


class FrontierView(Message):
    """Up to where the office has confirmed; epoch None means nothing yet."""

    epoch: EpochText | None = None
    seq: int | None = None
    hash: Sha256 | None = None
    pending: int = Field(ge=0)


class EnvelopeQuery(Message):
    """Envelopes after a point (none: from the first), waiting up to `wait_s` for one."""

    after_epoch: EpochText | None = None
    after_seq: int | None = Field(default=None, ge=0)
    limit: int = Field(default=100, ge=1, le=MAX_PAGE)
    wait_s: float = Field(default=0.0, ge=0.0, le=MAX_WAIT_S)

    def model_post_init(self, _context: Any, /) -> None:
        """A point is an epoch and a number, or neither."""
        if (self.after_epoch is None) != (self.after_seq is None):
            raise ValueError("give after_epoch and after_seq together, or neither")


class EnvelopeBatch(Message):
    """Envelopes after a point, in the order of (epoch, seq); empty when none came in time."""

    device: Code
    site: Code
    envelopes: tuple[EnvelopeView, ...] = Field(max_length=MAX_PAGE)
    frontier: FrontierView


class ParcelQuery(Message):
    """Parcels that the office has not received, oldest first, waiting up to `wait_s` for one."""

    limit: int = Field(default=20, ge=1, le=100)
    wait_s: float = Field(default=0.0, ge=0.0, le=MAX_WAIT_S)


class ParcelView(Message):
    """A signed parcel, as it goes to the office byte by byte."""

    parcel_id: PersonKey
    envelope: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARS)]


class ParcelBatch(Message):
    """Parcels on their way; the office's signed receipt takes them off."""

    parcels: tuple[ParcelView, ...] = Field(max_length=100)


class TelemetryView(Message):
    """The device's condition as a signed document."""

    envelope: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARS)]


class Delivery(Message):
    """A document that came from the office, as it came; edge alone says whether it holds."""

    envelope: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARS)]


class SendAfter(Message):
    """From where the courier is to send: after this event, or from the first one if both are None."""

    epoch: EpochText | None = None
    seq: int | None = Field(default=None, ge=0)


class DeliveryTaken(Message):
    """What edge made of a document from the office.

    applied: it changed something. repeated: known already, or behind what edge has. refused: it does not hold
    (forged, for another device, expired, not allowed); the reason is a code for logs.
    """

    outcome: Literal["applied", "repeated", "refused"]
    reason: Code = ""
    frontier: FrontierView
    send_after: SendAfter | None = Field(
        default=None, description="The courier must send again from here; None: go on as before."
    )
    result: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARS)] | None = Field(
        default=None, description="A signed result to publish on the results topic."
    )
    answers: PersonKey | None = Field(default=None, description="Which document the result answers.")


class CertificateAsked(Message):
    """The courier's request for its next TLS certificate, for edge to countersign."""

    request_pem: Annotated[str, StringConstraints(max_length=16 * 1024)]


class LinkTold(Message):
    """How the courier's way to the broker is, in its own word: shown to staff, and nothing follows from it."""

    connected: bool
    since: AwareDatetime = Field(description="Since when it is so, by the device's clock.")
    broker: int | None = Field(default=None, ge=1, le=8, description="Which configured address, from 1.")
    reason: Code = Field(default="", description="Why there is no connection.")


class LinkNoted(Message):
    """The courier's word was noted."""


class ParcelMade(Message):
    """A parcel that waits for the courier."""

    parcel_id: PersonKey
