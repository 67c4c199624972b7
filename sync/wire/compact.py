"""A signed document small enough for a QR code: "CF1." and base64url of its compressed payload and signature.

Why: an envelope in JSON carries its payload in base64, which neither compresses nor fits on a terminal. Trust
boundary: `grow` takes hostile text; what it returns is an envelope whose signature nobody has checked yet.
"""

import base64
import binascii
import zlib
from typing import Final

from sync.wire import envelope
from sync.wire.canonical import WireError
from sync.wire.documents import MAX_DOCUMENT_BYTES

PREFIX: Final = b"CF1."
_SIGNATURE_BYTES: Final = 64
_KEY_ID_BYTES: Final = 16


def shrink(raw: bytes) -> bytes:
    """The compact form of an envelope with one signature.

    Raises:
        EnvelopeError: Not such an envelope.
    """
    signed = envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES)
    if len(signed.signatures) != 1:
        raise envelope.EnvelopeError("a compact document has one signature")
    (signature,) = signed.signatures
    head = bytes.fromhex(signature.keyid) + signature.sig
    body = signed.payload_type.encode("ascii") + b"\n" + signed.payload
    packed = zlib.compress(head + body, 9)
    return PREFIX + base64.urlsafe_b64encode(packed).rstrip(b"=")


def grow(text: bytes) -> bytes:
    """The envelope behind a compact form, from hostile bytes.

    Raises:
        WireError: Not a compact form, or one that would grow beyond a document's size.
    """
    try:
        if not text.startswith(PREFIX):
            raise WireError("not a compact document")
        packed = base64.b64decode(
            text[len(PREFIX) :] + b"=" * (-len(text[len(PREFIX) :]) % 4), altchars=b"-_", validate=True
        )
        opener = zlib.decompressobj()
        plain = opener.decompress(packed, MAX_DOCUMENT_BYTES + 1024)
        if not opener.eof or opener.unused_data:
            raise WireError("a compact document does not end where it should")
        head, body = plain[: _KEY_ID_BYTES + _SIGNATURE_BYTES], plain[_KEY_ID_BYTES + _SIGNATURE_BYTES :]
        kind, separator, payload = body.partition(b"\n")
        if not separator or len(head) != _KEY_ID_BYTES + _SIGNATURE_BYTES:
            raise WireError("a compact document is cut short")
        signature = envelope.Signature(head[:_KEY_ID_BYTES].hex(), head[_KEY_ID_BYTES:])
        return envelope.encode(envelope.Envelope(payload, kind.decode("ascii"), (signature,)))
    except (binascii.Error, zlib.error, ValueError, envelope.EnvelopeError) as error:
        if isinstance(error, WireError):
            raise
        raise WireError("not a compact document") from None
