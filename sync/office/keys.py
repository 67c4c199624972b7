"""The office's keys: online (acknowledgements), sealing (opens what is sealed to us), operator (commands).

Each lies in a file of its own, because each has another holder: the receiver has the first two and never the
operator's. Trust boundary: the files are ours alone (`clockface.secretfiles`); the operator's may have a pass
phrase.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clockface.errors import SecretInvalid, SecretWrong
from clockface.secretfiles import make_private_folder, read_secret, write_secret

MADE_BY: Final = "clockface-office init"

PrivateKey = Ed25519PrivateKey | X25519PrivateKey


@dataclass(frozen=True, slots=True, repr=False)
class ReceiverKeys:
    """What the receiver holds."""

    online: Ed25519PrivateKey
    sealing: X25519PrivateKey


def read_receiver_keys(*, online: Path, sealing: Path) -> ReceiverKeys:
    """Read the receiver's keys.

    Raises:
        SecretError: Missing, open to others, or not such a key.
    """
    opener = _read(sealing, ask=None)
    if not isinstance(opener, X25519PrivateKey):
        raise _another_kind(sealing)
    return ReceiverKeys(read_signing_key(online), opener)


def read_signing_key(path: Path, *, ask: Callable[[], str] | None = None) -> Ed25519PrivateKey:
    """Read an Ed25519 key.

    Args:
        path: Its file.
        ask: Asks for the pass phrase if there is one.

    Raises:
        SecretError: Missing, open to others, not such a key, or the pass phrase is wrong.
    """
    key = _read(path, ask=ask)
    if not isinstance(key, Ed25519PrivateKey):
        raise _another_kind(path)
    return key


def _read(path: Path, *, ask: Callable[[], str] | None) -> object:
    text = read_secret(path, made_by=MADE_BY).encode()
    encrypted = b"ENCRYPTED PRIVATE KEY" in text
    if encrypted and ask is None:
        raise SecretInvalid("a key without a person is under a pass phrase", where=str(path))
    try:
        key = serialization.load_pem_private_key(text, ask().encode() if encrypted and ask else None)
    except (ValueError, TypeError):
        if encrypted:
            raise SecretWrong("the pass phrase does not open the key", where=str(path)) from None
        raise SecretInvalid("this is not a private key in PEM", where=str(path)) from None
    return key


def _another_kind(path: Path) -> SecretInvalid:
    return SecretInvalid("this is another kind of key", where=str(path), next_step=MADE_BY)


def make_key(path: Path, key: PrivateKey, *, passphrase: str = "") -> bool:
    """Write a key unless one is there. Returns whether it was written.

    Raises:
        SecretUnwritable: The folder cannot be made or written.
    """
    make_private_folder(path.parent, made_by=MADE_BY)
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return write_secret(path, pem.decode("ascii"))
