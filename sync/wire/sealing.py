"""Sealing: details to one reader (HPKE, RFC 9180), templates under a site key (ChaCha20-Poly1305, RFC 8439).

Every sealed text is bound to what it belongs to, so it cannot be moved to another person, device or document.
Trust boundary: `unseal` and `unseal_template` take bytes from anybody; all failures are one error.
"""

import base64
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SITE_KEY_BYTES = 32
NONCE_BYTES = 12
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_DOMAIN = b"clockface v1 "


class SealError(ValueError):
    """Sealed for somebody or something else, altered, or a key that nothing can be sealed to."""


@dataclass(frozen=True, slots=True)
class TemplateIdentity:
    """What a sealed template is bound to: site, person and template ids, and the chain's SHA-256 in hex."""

    site: str
    person: str
    template: str
    model: str

    def _bound(self) -> bytes:
        return _DOMAIN + f"template {self.site} {self.person} {self.template} {self.model}".encode()


def seal(plaintext: bytes, *, to: X25519PublicKey, info: bytes) -> bytes:
    """Seal to one reader; `info` says what it belongs to and must be given again to open it.

    Raises:
        SealError: The reader's key is one of the few that share no secret: nobody's honest key.
    """
    try:
        return _SUITE.encrypt(plaintext, to, info=_DOMAIN + info)
    except ValueError:
        raise SealError("the reader's sealing key is not one that can be sealed to") from None


def unseal(sealed: bytes, *, key: X25519PrivateKey, info: bytes) -> bytes:
    """Open what was sealed to us.

    Raises:
        SealError: For another key or another `info`, or altered.
    """
    try:
        return _SUITE.decrypt(sealed, key, info=_DOMAIN + info)
    except (InvalidTag, ValueError):
        raise SealError("what was sealed does not open") from None


def seal_template(plaintext: bytes, *, site_key: bytes, identity: TemplateIdentity) -> bytes:
    """Seal a template under the site key (32 bytes): nonce, then ciphertext and tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + ChaCha20Poly1305(site_key).encrypt(nonce, plaintext, identity._bound())


def unseal_template(sealed: bytes, *, site_key: bytes, identity: TemplateIdentity) -> bytes:
    """Open a template of the site.

    Raises:
        SealError: Under another site key, of another identity, or altered.
    """
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return ChaCha20Poly1305(site_key).decrypt(nonce, body, identity._bound())
    except (InvalidTag, ValueError):
        raise SealError("a sealed template does not open") from None


def site_key_id(site_key: bytes) -> str:
    """Name a site key: 32 hex digits of a domain-separated SHA-256."""
    return hashlib.sha256(_DOMAIN + b"site key id\0" + site_key).hexdigest()[:32]


def to_text(data: bytes) -> str:
    """Base64, as `fields.Base64`."""
    return base64.b64encode(data).decode("ascii")


def from_text(text: str) -> bytes:
    """Read `fields.Base64`.

    Raises:
        SealError: Not base64 in its one form.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise SealError("not base64") from None
    if to_text(data) != text:
        raise SealError("not canonical base64")
    return data
