"""The signed envelope around every event: DSSE v1 (Dead Simple Signing Envelope) with Ed25519.

Why DSSE: the signature covers the exact bytes together with their type, so nobody has to canonicalise before
verifying. Trust boundary: `decode` takes bytes from anybody and believes nothing; `verify` alone gives trust.
Source: the DSSE protocol and envelope specifications, version 1.0.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

EVENT_TYPE = "application/vnd.clockface.event+json"
MAX_PAYLOAD_BYTES = 16 * 1024  # of an event, which is about 1 kB; a larger one is nobody's honest work
MAX_ENVELOPE_BYTES = 2 * MAX_PAYLOAD_BYTES
MAX_TYPE_LENGTH = 128
MAX_SIGNATURES = 4
MAX_KEYID_LENGTH = 128
SIGNATURE_BYTES = 64
# What `encode` writes of one signature, with texts that need no escape: read without a JSON reader, in half the
# time. Everything else, other forms of the same envelope included, is read the long way.
_PLAIN_TEXT = re.compile(r"[ !#-\[\]-~]*")
_PLAIN = re.compile(
    rb'\{"payload":"([A-Za-z0-9+/]*={0,2})","payloadType":"([ !#-\[\]-~]{0,128})",'
    rb'"signatures":\[\{"keyid":"([ !#-\[\]-~]{0,128})","sig":"([A-Za-z0-9+/]{86}==)"\}\]\}'
)


class EnvelopeError(ValueError):
    """Not a well-formed envelope, or no signature on it holds. The message holds nothing of its content."""


class VerifyingKey(Protocol):
    """A public key: OpenSSL's (`Ed25519PublicKey`), or another library's that refuses no less."""

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Hold a signature of 64 bytes against data.

        Raises:
            InvalidSignature: It does not hold.
        """


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature.

    Args:
        keyid: Hint which key made it; never proof.
        sig: 64 bytes.
    """

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its type and 1 to 4 signatures. Well-formed, not yet believed."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]


def public_bytes(key: Ed25519PublicKey) -> bytes:
    """The raw 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def signing_key_id(key: Ed25519PublicKey) -> str:
    """Name a public key: 32 hex digits of a domain-separated SHA-256."""
    return hashlib.sha256(b"clockface signing key id v1\0" + public_bytes(key)).hexdigest()[:32]


def spoken(key_id: str) -> str:
    """A fingerprint in groups of four, as people read it to each other."""
    return " ".join(key_id[start : start + 4] for start in range(0, len(key_id), 4))


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(
    payload: bytes,
    *,
    key: Ed25519PrivateKey,
    payload_type: str = EVENT_TYPE,
    max_payload_bytes: int = MAX_PAYLOAD_BYTES,
) -> Envelope:
    """Sign a payload; an event is at most 16 KiB.

    Raises:
        EnvelopeError: The payload is too large for any receiver.
    """
    if len(payload) > max_payload_bytes:
        raise EnvelopeError(f"the payload is larger than {max_payload_bytes} bytes")
    signature = Signature(signing_key_id(key.public_key()), key.sign(pae(payload_type, payload)))
    return Envelope(payload, payload_type, (signature,))


def verify(envelope: Envelope, *, keys: Mapping[str, VerifyingKey], payload_type: str = EVENT_TYPE) -> bytes:
    """Return the payload if one of the trusted `keys` (by key id) signed it as `payload_type`.

    Raises:
        EnvelopeError: Another type, no signature of a trusted key, or one of a trusted key that is forged.
    """
    if envelope.payload_type != payload_type:
        raise EnvelopeError("the payload is of another type than expected")
    message = pae(envelope.payload_type, envelope.payload)
    trusted = [(keys[s.keyid], s.sig) for s in envelope.signatures if s.keyid in keys]
    if not trusted:
        raise EnvelopeError("no signature is of a trusted key")
    for key, sig in trusted:
        try:
            key.verify(sig, message)
        except InvalidSignature:
            raise EnvelopeError("a signature does not hold") from None
    return envelope.payload


def encode(envelope: Envelope) -> bytes:
    """Write an envelope as compact JSON, standard base64 with padding; an event's is at most 32 KiB."""
    texts = [envelope.payload_type, *(each.keyid for each in envelope.signatures)]
    if all(_PLAIN_TEXT.fullmatch(text) for text in texts):
        return _encode_plain(envelope)
    return _encode_any(envelope)


def _encode_plain(envelope: Envelope) -> bytes:
    """What `_encode_any` writes of texts that need no escape."""
    signatures = b",".join(
        b'{"keyid":"%b","sig":"%b"}'
        % (each.keyid.encode("ascii"), binascii.b2a_base64(each.sig, newline=False))
        for each in envelope.signatures
    )
    return b'{"payload":"%b","payloadType":"%b","signatures":[%b]}' % (
        binascii.b2a_base64(envelope.payload, newline=False),
        envelope.payload_type.encode("ascii"),
        signatures,
    )


def _encode_any(envelope: Envelope) -> bytes:
    document = {
        "payload": _to_base64(envelope.payload),
        "payloadType": envelope.payload_type,
        "signatures": [{"keyid": s.keyid, "sig": _to_base64(s.sig)} for s in envelope.signatures],
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def decode(raw: bytes, *, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> Envelope:
    """Read an envelope from hostile bytes; unknown fields are ignored, as DSSE demands.

    Raises:
        EnvelopeError: Larger than twice its payload may be, not JSON, a field missing, of another type, too
            long or not base64.
    """
    if len(raw) > 2 * max_payload_bytes:
        raise EnvelopeError(f"the envelope is larger than {2 * max_payload_bytes} bytes")
    plain = decode_plain(raw)
    if plain is not None and len(plain.payload) <= max_payload_bytes:
        return plain
    return _decode_any(raw, max_payload_bytes=max_payload_bytes)


def _decode_any(raw: bytes, *, max_payload_bytes: int) -> Envelope:
    document = _object(_json(raw), "the envelope")
    payload = _from_base64(_text(document, "payload", 2 * max_payload_bytes), "payload")
    if len(payload) > max_payload_bytes:
        raise EnvelopeError(f"the payload is larger than {max_payload_bytes} bytes")
    signatures = document.get("signatures")
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise EnvelopeError(f"signatures must be a list of 1 to {MAX_SIGNATURES}")
    return Envelope(
        payload, _text(document, "payloadType", MAX_TYPE_LENGTH), tuple(_signature(each) for each in signatures)
    )


def decode_plain(raw: bytes) -> Envelope | None:
    """An envelope in the form in which we write it; None if it is not, which says nothing against it.

    Its size is for the caller to bound.
    """
    found = _PLAIN.fullmatch(raw)
    if found is None:
        return None
    text, kind, keyid, sig_text = found.groups()
    try:
        payload, sig = binascii.a2b_base64(text), binascii.a2b_base64(sig_text)
    except binascii.Error:
        return None
    # base64 is canonical if it is what we would write
    if (
        binascii.b2a_base64(payload, newline=False) != text
        or binascii.b2a_base64(sig, newline=False) != sig_text
    ):
        return None
    return Envelope(payload, kind.decode("ascii"), (Signature(keyid.decode("ascii"), sig),))


def payload_of_plain(raw: bytes) -> bytes:
    """The payload of an envelope that `decode_plain` has read before, and only of such a one."""
    start = len(b'{"payload":"')
    return binascii.a2b_base64(raw[start : raw.index(b'"', start)])


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_without_repeats)
    except EnvelopeError:
        raise
    except (ValueError, RecursionError):
        raise EnvelopeError("the envelope is not JSON") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise EnvelopeError("a field stands twice")
    return document


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EnvelopeError(f"{name} is not a JSON object")
    return value


def _text(document: dict[str, Any], field: str, max_length: int) -> str:
    value = document.get(field)
    if not isinstance(value, str) or len(value) > max_length:
        raise EnvelopeError(f"{field} is not a text of at most {max_length} characters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise EnvelopeError(f"{field} is not valid Unicode") from None
    return value


def _signature(value: object) -> Signature:
    document = _object(value, "a signature")
    sig = _from_base64(_text(document, "sig", 4 * SIGNATURE_BYTES), "sig")
    if len(sig) != SIGNATURE_BYTES:
        raise EnvelopeError(f"sig is not {SIGNATURE_BYTES} bytes")
    keyid = _text(document, "keyid", MAX_KEYID_LENGTH) if "keyid" in document else ""
    return Signature(keyid, sig)


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str, field: str) -> bytes:
    """Standard or URL-safe alphabet (DSSE allows both, not mixed), padded, without stray bits."""
    try:
        raw = text.encode("ascii")
        data = base64.b64decode(raw, altchars=b"-_" if b"-" in raw or b"_" in raw else None, validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise EnvelopeError(f"{field} is not base64") from None
    if text not in (_to_base64(data), base64.urlsafe_b64encode(data).decode("ascii")):
        raise EnvelopeError(f"{field} is not canonical base64")
    return data
