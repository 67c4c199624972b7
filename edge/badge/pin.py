"""PINs: how they are kept, and which are too easy to guess.

A PIN has few digits, so whoever takes the ledger and its key can try them all: scrypt makes each try cost 16 MB
and a tenth of a second, and the lock-out (`edge.badge.attempts`) is what protects at the kiosk. Trust boundary:
PINs come from the screen and from staff; they are never logged, and kept only as a salted hash.
"""

import hmac
import os
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
# 16 MB and 0.11 s of one core of the machine that these lines were written on.
_COST: Final = 2**14
_BLOCK: Final = 8
_LANES: Final = 1


@dataclass(frozen=True, slots=True)
class PinHash:
    """A PIN as it is kept, with what it was hashed with: a later release may ask for more."""

    salt: bytes
    hash: bytes
    cost: int = _COST
    block: int = _BLOCK
    lanes: int = _LANES

    def as_fields(self) -> dict[str, Any]:
        """For the ledger."""
        return {
            "salt": self.salt.hex(),
            "hash": self.hash.hex(),
            "cost": self.cost,
            "block": self.block,
            "lanes": self.lanes,
        }

    @classmethod
    def of_fields(cls, fields: dict[str, Any]) -> "PinHash":
        """From the ledger."""
        return cls(
            bytes.fromhex(fields["salt"]),
            bytes.fromhex(fields["hash"]),
            fields["cost"],
            fields["block"],
            fields["lanes"],
        )

    def __repr__(self) -> str:
        return "PinHash(********)"


_NOBODYS: Final = PinHash(bytes(_SALT_BYTES), bytes(_HASH_BYTES))  # no PIN has a hash of zeros


def hashed(pin: str) -> PinHash:
    """Hash a PIN with fresh salt."""
    salt = os.urandom(_SALT_BYTES)
    return PinHash(salt, _derive(pin, salt, cost=_COST, block=_BLOCK, lanes=_LANES))


def fits(pin: str, kept: PinHash | None) -> bool:
    """Whether it is this PIN; takes as long where there is none, so that nobody learns who has one."""
    known = kept if kept is not None else _NOBODYS
    found = _derive(pin, known.salt, cost=known.cost, block=known.block, lanes=known.lanes)
    return hmac.compare_digest(found, known.hash) and kept is not None


def too_easy(pin: str, *, number: str) -> bool:
    """Whether it is among the first that somebody tries: one digit, a run, a pair again, part of the number."""
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    return (
        (len(steps) <= 1 and steps <= {0, 1, 9})
        or len(set(pin)) == 1
        or pin == pin[:2] * (len(pin) // 2)
        or (pin in number)
    )


def _derive(pin: str, salt: bytes, *, cost: int, block: int, lanes: int) -> bytes:
    return Scrypt(salt=salt, length=_HASH_BYTES, n=cost, r=block, p=lanes).derive(pin.encode("ascii"))
