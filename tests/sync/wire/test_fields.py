"""Fields that a pattern alone does not hold."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError

from sync.wire.envelope import public_bytes
from sync.wire.fields import _WEAK_SIGNING_KEYS, SigningKey

KEY: TypeAdapter[str] = TypeAdapter(SigningKey)
NOBODYS_SIGNATURE = b"\x01" + bytes(63)  # the neutral point, and zero


def text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def believes_nobody(raw: bytes) -> bool:
    """Whether some message passes under the key without anybody having signed it."""
    for number in range(200):
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(NOBODYS_SIGNATURE, b"%d" % number)
        except InvalidSignature:
            continue
        return True
    return False


def test_an_honest_key_is_taken_and_believes_only_its_holder() -> None:
    raw = public_bytes(Ed25519PrivateKey.generate().public_key())
    assert KEY.validate_python(text_of(raw)) == text_of(raw)
    assert not believes_nobody(raw)


@pytest.mark.parametrize("raw", sorted(_WEAK_SIGNING_KEYS), ids=lambda raw: raw.hex()[:8])
@pytest.mark.parametrize("sign", [0, 0x80])
def test_a_key_under_which_everybodys_signature_holds_is_refused(raw: bytes, sign: int) -> None:
    weak = raw[:31] + bytes([raw[31] | sign])
    with pytest.raises(ValidationError, match="everybody"):
        KEY.validate_python(text_of(weak))


def test_the_refused_keys_are_weak_indeed() -> None:
    assert sum(believes_nobody(raw) for raw in _WEAK_SIGNING_KEYS) >= 5  # openssl reads the canonical five
