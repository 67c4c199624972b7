"""What a badge says: whose it is and until when, sealed so that only the site's kiosks can make or read it.

One QR code of 33 x 33 modules that a 640 x 480 camera reads from a phone or a card
(docs/decisions/badges.md). It is authenticated encryption (ChaCha20-Poly1305) under a key of the site: no
name, no number, no person's id in the clear, and nothing can be changed or made up. Trust boundary: `read`
takes whatever a camera or a card reader saw.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge.badge import base45
from edge.types.identity import PersonId

PREFIX: Final = "CLK1"  # what it is, and its version: another form bears another prefix
ID_BYTES: Final = 12  # the badge's random id, which is also the nonce
_PERSON_BYTES: Final = 16
_MINUTES_BYTES: Final = 4
_TAG_BYTES: Final = 16
_SEALED_BYTES: Final = ID_BYTES + _PERSON_BYTES + _MINUTES_BYTES + _TAG_BYTES
TOKEN_CHARS: Final = len(PREFIX) + _SEALED_BYTES // 2 * 3
MAX_READ_CHARS: Final = 256  # longer texts are not looked at
_MINUTE: Final = timedelta(minutes=1)
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadgeRefused(Exception):
    """A text that is no badge of this site. It never says what was read."""


@dataclass(frozen=True, slots=True)
class BadgeKey:
    """Seals and opens badges. Never logged."""

    secret: bytes

    @classmethod
    def derived(cls, secret: bytes) -> "BadgeKey":
        """The badge key that belongs to a site key, or to a kiosk's own secret (32 random bytes)."""
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"clockface v1 badge key")
        return cls(kdf.derive(secret))

    def __repr__(self) -> str:
        return "BadgeKey(********)"


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge.

    Args:
        badge_id: 24 hex digits, random.
        person_id: Whose.
        ends_at: Aware; it counts before this moment. None: until it is revoked.
    """

    badge_id: str
    person_id: PersonId
    ends_at: datetime | None = None


def new_badge_id() -> str:
    """A random id."""
    return secrets.token_hex(ID_BYTES)


def whole_minute(moment: datetime) -> datetime:
    """The moment as a token keeps it: rounded up to the minute, UTC."""
    minutes = -(-(moment - _UNIX) // _MINUTE)
    return _UNIX + minutes * _MINUTE


def write(badge: Badge, *, key: BadgeKey, site: str) -> str:
    """The badge as its QR code says it; the same badge gives the same text.

    Raises:
        ValueError: Its end lies before 1970 or after the year 10135.
    """
    minutes = 0 if badge.ends_at is None else (whole_minute(badge.ends_at) - _UNIX) // _MINUTE
    nonce = bytes.fromhex(badge.badge_id)
    try:
        plain = bytes.fromhex(badge.person_id) + minutes.to_bytes(_MINUTES_BYTES, "big")
    except OverflowError:
        raise ValueError("a badge cannot end then") from None
    sealed = ChaCha20Poly1305(key.secret).encrypt(nonce, plain, _bound(site))
    return PREFIX + base45.encode(nonce + sealed)


def read(text: str, *, keys: Iterable[BadgeKey], site: str) -> Badge:
    """Read a badge of this site; whether it has ended or was revoked is for the caller to judge.

    Raises:
        BadgeRefused: Anything else, and every reason is the same one.
    """
    if len(text) != TOKEN_CHARS or not text.startswith(PREFIX):
        raise BadgeRefused
    try:
        raw = base45.decode(text[len(PREFIX) :])
    except base45.Base45Error:
        raise BadgeRefused from None
    nonce, sealed = raw[:ID_BYTES], raw[ID_BYTES:]
    for key in keys:
        try:
            plain = ChaCha20Poly1305(key.secret).decrypt(nonce, sealed, _bound(site))
        except InvalidTag:
            continue
        minutes = int.from_bytes(plain[_PERSON_BYTES:], "big")
        return Badge(
            badge_id=nonce.hex(),
            person_id=PersonId(plain[:_PERSON_BYTES].hex()),
            ends_at=None if minutes == 0 else _UNIX + minutes * _MINUTE,
        )
    raise BadgeRefused


def _bound(site: str) -> bytes:
    return f"clockface badge 1 {site}".encode()
