"""Fernet keys in rotation: the first of a list writes, all of them read.

What a key must be is decided here, before anything is stored with it: 32 random bytes, url-safe base64, not
twice, not one that the internet knows. Trust boundary: key text comes from files and credentials and is
checked like any outside input; neither a message nor a repr ever holds a key.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from itertools import pairwise

from cryptography.fernet import Fernet, InvalidToken

from clockface.errors import SecretInvalid, SecretWrong
from edge.errors import LedgerCorrupt

MAX_KEYS = 8  # a rotation needs two; more than a handful is a list that nobody has tidied
KEY_BYTES = 32
KEY_TEXT_LENGTH = 44
MIN_DISTINCT_BYTES = 16  # 32 random bytes have about 30; fewer than 16 happens once in 10^15 keys
TOKEN_TIME_S = 0  # Fernet's time stamp is in the clear; a constant one tells a thief nothing

# Fingerprints (see `fingerprint`) of keys that stand in public documentation: Fernet's specification, the
# Airflow images' compose files, Airflow's own documentation, and a much-copied tutorial.
PUBLISHED = frozenset(
    {"1f1cbfd2c6bcc355", "96cdc0835b536383", "806467150d683087", "777260d01dd03132", "f59a29cec112c5c5"}
)

NEXT_STEP = "see docs/ledger.md, Keys; on a new device remove the key file and run: clockface init"


def fingerprint(key: bytes) -> str:
    """Name a storage key without telling it: 16 hex digits of a domain-separated SHA-256."""
    return hashlib.sha256(b"clockface storage key id v1\0" + key).hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class FernetRing:
    """The keys of one purpose. `written_by` of a row names one of them.

    Args:
        purpose: "DATA_ENCRYPTION_KEY" or "FACE_DATA_ENCRYPTION_KEY", for messages.
        keys: Fingerprint to Fernet, in the order of the list; the first one writes.
    """

    purpose: str
    keys: dict[str, Fernet]

    @property
    def primary_id(self) -> str:
        """Fingerprint of the key that writes."""
        return next(iter(self.keys))

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt under the first key, into a standard Fernet token whose time stamp is 0."""
        return self.keys[self.primary_id].encrypt_at_time(plaintext, TOKEN_TIME_S)

    def decrypt(self, token: bytes, *, key_id: str, where: str) -> bytes:
        """Open a token that the key named `key_id` wrote.

        Raises:
            SecretWrong: That key is not on the ring.
            LedgerCorrupt: The key is there and the token does not open: it was altered.
        """
        key = self.keys.get(key_id)
        if key is None:
            raise SecretWrong(
                f"{self.purpose} does not hold the key {key_id} that wrote this",
                where=where,
                next_step=f"put the old key back into {self.purpose}, after the new one: new,current",
            )
        try:
            return key.decrypt(token)
        except InvalidToken:
            raise LedgerCorrupt(
                "an encrypted value was altered or cut",
                where=where,
                next_step="clockface doctor; if it stays, restore the last backup",
            ) from None

    def alone(self) -> "FernetRing":
        """A ring of the writing key and no other: what is read with it needs no old key."""
        return FernetRing(self.purpose, {self.primary_id: self.keys[self.primary_id]})

    def forget_old(self) -> None:
        """Let go of all keys but the writing one; what they wrote cannot be read any more."""
        for key_id in list(self.keys)[1:]:
            del self.keys[key_id]

    def __repr__(self) -> str:
        return f"FernetRing({self.purpose}, {len(self.keys)} keys, ********)"


def parse_ring(text: str, *, purpose: str, where: str) -> FernetRing:
    """Read a comma-separated list of Fernet keys.

    Raises:
        SecretInvalid: Empty, too many, one of wrong length, encoding or randomness, or one twice.
    """
    parts = [part.strip() for part in text.strip().split(",")]
    if len(parts) > MAX_KEYS:
        raise _invalid(f"{purpose} lists {len(parts)} keys; at most {MAX_KEYS} are read", where)
    keys: dict[str, Fernet] = {}
    for position, part in enumerate(parts, start=1):
        raw = _decode(part, name=f"key {position} of {purpose}", where=where)
        key_id = fingerprint(raw)
        if key_id in keys:
            raise _invalid(f"{purpose} lists the same key twice", where)
        keys[key_id] = Fernet(part.encode("ascii"))
    return FernetRing(purpose, keys)


def refuse_shared(data: FernetRing, face: FernetRing, *, where: str) -> None:
    """Refuse one key for two purposes.

    Raises:
        SecretInvalid: The lists share a key.
    """
    if data.keys.keys() & face.keys.keys():
        raise _invalid("DATA_ENCRYPTION_KEY and FACE_DATA_ENCRYPTION_KEY share a key; they must differ", where)


def _decode(text: str, *, name: str, where: str) -> bytes:
    if not text:
        raise _invalid(f"{name} is empty", where)
    if len(text) != KEY_TEXT_LENGTH:
        raise _invalid(f"{name} has {len(text)} characters; a Fernet key has {KEY_TEXT_LENGTH}", where)
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if len(raw) != KEY_BYTES or base64.urlsafe_b64encode(raw).decode("ascii") != text:
        raise _invalid(f"{name} is not url-safe base64 of {KEY_BYTES} bytes", where)
    if _guessable(raw):
        raise _invalid(f"{name} is not random", where)
    if fingerprint(raw) in PUBLISHED:
        raise _invalid(f"{name} is a published example that everybody knows", where)
    return raw


def _guessable(raw: bytes) -> bool:
    steps = {(after - before) % 256 for before, after in pairwise(raw)}
    typed = all(
        32 <= byte < 127 for byte in raw
    )  # a pass phrase in base64; random bytes are that once in 10^13
    return len(set(raw)) < MIN_DISTINCT_BYTES or len(steps) == 1 or typed


def _invalid(what: str, where: str) -> SecretInvalid:
    return SecretInvalid(what, where=where, next_step=NEXT_STEP)
