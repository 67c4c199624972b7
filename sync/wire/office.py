"""What the office's online key signs: how far it has committed, what it refuses, what it has received.

Only these move a device's frontier; a broker's PUBACK does not. The operator's key signs roster and commands,
never these. Trust boundary: read with `documents.open_document` and the office's online keys.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sync.wire.documents import Document
from sync.wire.fields import EventPoint, Pem, RandomId, Time


class Ack(Document):
    """The office has committed this event and all before it.

    Args:
        committed: The frontier that the office holds for this epoch; None if it knows nothing of the device.
        resend: Whether the office misses what follows `committed`, so that the device sends from there again,
            even what it believes delivered (an office that was restored from its backup).
        issued: The office's time.
        echo: The nonce of the newest telemetry that the office had from the device: how fresh `issued` is.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.ack+json"

    kind: Literal["clockface.ack.v1"] = "clockface.ack.v1"
    committed: EventPoint | None = None
    resend: bool = False
    issued: Time
    echo: RandomId | None = None


class Refusal(Document):
    """The office cannot take an authentic event: it stands where another one of the device's stands already.

    The device then opens a new epoch ("refused") and issues again what the office has not committed.

    Args:
        refused: The event, as the device sent it.
        reason: fork: the office holds another event under the same identity. broken_chain: its prevhash is not
            the hash of the event before it.
        committed: What the refused event follows, if the office holds it too; else the newest that it holds of
            this epoch.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.refusal+json"

    kind: Literal["clockface.refusal.v1"] = "clockface.refusal.v1"
    refused: EventPoint
    reason: Literal["fork", "broken_chain"]
    committed: EventPoint | None = None
    issued: Time


class ParcelReceipt(Document):
    """The office has committed these parcels; the device need not keep them."""

    payload_type: ClassVar[str] = "application/vnd.clockface.parcel-receipt+json"

    kind: Literal["clockface.parcel-receipt.v1"] = "clockface.parcel-receipt.v1"
    parcels: Annotated[list[RandomId], Field(min_length=1, max_length=512)]
    issued: Time


class RenewedCertificate(Document):
    """The answer to a certificate request: for sync alone, which holds the TLS key.

    Args:
        request: The id of the request's parcel.
        certificate: The new certificate and its chain, PEM.
        authorities: The certificate authorities to trust from now on, PEM.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.certificate+json"

    kind: Literal["clockface.certificate.v1"] = "clockface.certificate.v1"
    request: RandomId
    certificate: Pem
    authorities: Pem
    issued: Time
