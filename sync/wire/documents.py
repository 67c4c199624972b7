"""How all documents but events are signed and opened: canonical JSON in a DSSE envelope, a type for each kind.

The payload type is signed too, so a document of one kind can never be taken for one of another, and each kind
names the one key that may sign it. Trust boundary: `open_document` takes bytes from anybody and returns only
what a trusted key has signed for this address.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.wire import envelope
from sync.wire.canonical import WireError, encode, read
from sync.wire.fields import Slug, Wire
from sync.wire.topics import Address

MAX_DOCUMENT_BYTES: Final = 96 * 1024  # of the payload; an envelope is a third larger


class Document(Wire):
    """A signed document of or for one device."""

    payload_type: ClassVar[str]

    site: Slug
    device: Slug

    @property
    def address(self) -> Address:
        """Whose it is, or whom it is for."""
        return Address(self.site, self.device)


D = TypeVar("D", bound=Document)


def sign_document(document: Document, *, key: Ed25519PrivateKey) -> bytes:
    """Sign a document.

    Returns:
        The encoded envelope.

    Raises:
        EnvelopeError: It is larger than 96 KiB.
    """
    payload = encode(document)
    signed = envelope.sign(
        payload, key=key, payload_type=document.payload_type, max_payload_bytes=MAX_DOCUMENT_BYTES
    )
    return envelope.encode(signed)


def open_document(
    kind: type[D], raw: bytes, *, keys: Mapping[str, envelope.VerifyingKey], address: Address | None
) -> D:
    """Open a document of one kind.

    Args:
        kind: What it must be.
        raw: The encoded envelope, from anybody.
        keys: The keys that may sign this kind, by key id.
        address: Whose it must be; None where the caller looks for itself.

    Raises:
        EnvelopeError: Not well-formed, or not signed by one of `keys` as this kind.
        WireError: Signed, and still not such a document, or for another device.
    """
    signed = envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES)
    payload = envelope.verify(signed, keys=keys, payload_type=kind.payload_type)
    document = read(kind, payload, max_bytes=MAX_DOCUMENT_BYTES)
    if address is not None and document.address != address:
        raise WireError("the document is for another device")
    return document


def type_of(raw: bytes) -> str:
    """The payload type that an envelope claims: to choose the door, never to believe it.

    Raises:
        EnvelopeError: Not an envelope.
    """
    return envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES).payload_type


def registry(*kinds: type[Document]) -> dict[str, type[Any]]:
    """Kinds by payload type."""
    return {kind.payload_type: kind for kind in kinds}
