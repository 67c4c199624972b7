"""The authority's private key in a file, under a pass phrase: scrypt stretches it, Fernet seals.

Not encrypted PKCS #8 or PKCS #12: cryptography writes the first with 2,048 rounds of PBKDF2, the second with as
many as asked, but beside a checksum of 2,048 rounds that answers the same guesses. Trust boundary: whoever
copies the authority's folder gets this file and may guess as long as he likes.
"""

import base64
import binascii
import os
from typing import Annotated, Final, Literal

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sync.office.authority.errors import AuthorityUnavailable

SCRYPT_N: Final = 2**17  # OWASP's figure with r=8, p=1: 128 MiB and about 0.3 s a guess
_SALT_BYTES: Final = 16


class _Sealed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    kind: Literal["clockface.authority-key.v1"] = "clockface.authority-key.v1"
    scrypt_n: Annotated[int, Field(ge=2, le=2**20)]  # an altered file must not ask for all memory
    salt: Annotated[str, Field(min_length=24, max_length=24)]
    sealed: Annotated[str, Field(max_length=4096)]


def seal_key(key: ec.EllipticCurvePrivateKey, passphrase: str, *, scrypt_n: int = SCRYPT_N) -> bytes:
    """The file's content (JSON)."""
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt = os.urandom(_SALT_BYTES)
    token = Fernet(_stretch(passphrase, salt, scrypt_n)).encrypt(der)
    sealed = _Sealed(scrypt_n=scrypt_n, salt=base64.b64encode(salt).decode(), sealed=token.decode())
    return sealed.model_dump_json(indent=1).encode() + b"\n"


def open_key(content: bytes, passphrase: str, *, where: str) -> ec.EllipticCurvePrivateKey:
    """The key in a file's content.

    Raises:
        AuthorityUnavailable: A wrong pass phrase, or not such a file.
    """
    try:
        sealed = _Sealed.model_validate_json(content)
        salt = base64.b64decode(sealed.salt, validate=True)
        der = Fernet(_stretch(passphrase, salt, sealed.scrypt_n)).decrypt(sealed.sealed)
        key = serialization.load_der_private_key(der, None)
    except InvalidToken:
        raise AuthorityUnavailable(
            "the authority's key does not open: a wrong pass phrase, or an altered file", where=where
        ) from None
    except (ValidationError, binascii.Error, ValueError, TypeError):
        raise _not_one(where) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _not_one(where)
    return key


def _not_one(where: str) -> AuthorityUnavailable:
    return AuthorityUnavailable(
        "this is not an authority's key file",
        where=where,
        next_step="restore the authority's folder from its backup",
    )


def _stretch(passphrase: str, salt: bytes, scrypt_n: int) -> bytes:
    return base64.urlsafe_b64encode(
        Scrypt(salt=salt, length=32, n=scrypt_n, r=8, p=1).derive(passphrase.encode())
    )
