"""A site key on paper: sealed under a passphrase, as a text that a person can copy by hand.

The text alone opens nothing, the passphrase alone neither; both together are the site key. scrypt makes each
guess cost 64 MiB and a tenth of a second (RFC 7914). Trust boundary: the text is typed by people; a slip of the
hand is told from a wrong passphrase by a checksum.
"""

import base64
import binascii
import hashlib
import os
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from clockface.errors import SecretInvalid, SecretWrong
from edge.store.sitekey import SiteKey, site_key

VERSION = b"\x01"
SALT_BYTES = 16
NONCE_BYTES = 12
CHECK_BYTES = 3
TEXT_BYTES = 80  # version, salt, nonce, sealed key with its tag, checksum: 128 letters, no padding
MIN_PASSPHRASE = 16
_LOG2_COST = 16
_DOMAIN = b"clockface site key on paper v1\0"


def write_recovery(key: SiteKey, *, site: str, passphrase: str) -> str:
    """Seal a key for the paper: eight lines of four groups of four letters and digits.

    Raises:
        SecretInvalid: The passphrase is too short.
    """
    plain = _normal(passphrase)
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    sealed = ChaCha20Poly1305(_derive(plain, salt)).encrypt(nonce, key.secret, _DOMAIN + site.encode())
    body = VERSION + salt + nonce + sealed
    text = base64.b32encode(body + _check(body)).decode("ascii")
    groups = [text[index : index + 4] for index in range(0, len(text), 4)]
    return "\n".join(" ".join(groups[index : index + 4]) for index in range(0, len(groups), 4))


def read_recovery(text: str, *, site: str, passphrase: str) -> SiteKey:
    """Open what `write_recovery` made.

    Raises:
        SecretInvalid: Not such a text, or a slip of the hand in it.
        SecretWrong: Another passphrase, or another site's text.
    """
    letters = "".join(c for c in text.upper() if c.isalnum()).replace("0", "O").replace("1", "I")
    try:
        raw = base64.b32decode(letters.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    body = raw[:-CHECK_BYTES]
    if len(raw) != TEXT_BYTES or raw[:1] != VERSION or _check(body) != raw[-CHECK_BYTES:]:
        raise SecretInvalid(
            "the recovery text is not complete, or a letter of it is wrong",
            next_step="compare it with the paper, line by line, and repeat",
        )
    salt, nonce = body[1 : 1 + SALT_BYTES], body[1 + SALT_BYTES : 1 + SALT_BYTES + NONCE_BYTES]
    sealed = body[1 + SALT_BYTES + NONCE_BYTES :]
    try:
        secret = ChaCha20Poly1305(_derive(_normal(passphrase), salt)).decrypt(
            nonce, sealed, _DOMAIN + site.encode()
        )
    except InvalidTag:
        raise SecretWrong(
            f"the passphrase is wrong, or the text is not of site {site}", next_step="clockface site recover"
        ) from None
    return site_key(secret)


def _normal(passphrase: str) -> bytes:
    text = " ".join(unicodedata.normalize("NFKC", passphrase).split())
    if len(text) < MIN_PASSPHRASE:
        raise SecretInvalid(
            f"the passphrase has less than {MIN_PASSPHRASE} characters",
            next_step="take five or more words that do not belong together",
        )
    return text.encode("utf-8")


def _derive(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**_LOG2_COST, r=8, p=1).derive(passphrase)


def _check(body: bytes) -> bytes:
    return hashlib.sha256(_DOMAIN + body).digest()[:CHECK_BYTES]
