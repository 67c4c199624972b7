"""One-time codes that a person's phone shows: RFC 6238 in any authenticator app, without network or account.

Six digits, thirty seconds, SHA-1: what every app understands. Trust boundary: codes are typed at the screen;
one counts once, within a step before and after, so that a code seen over a shoulder is worth nothing.
"""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

DIGITS: Final = 6
STEP_S: Final = 30
DRIFT_STEPS: Final = 1  # a phone's clock and a typing hand
SECRET_BYTES: Final = 20  # RFC 4226


def new_secret() -> bytes:
    """A secret for a person's phone."""
    return secrets.token_bytes(SECRET_BYTES)


def step_of(moment: datetime) -> int:
    """The counter of a moment."""
    return int(moment.timestamp()) // STEP_S


def code_of(secret: bytes, step: int) -> str:
    """The code of one step."""
    made = HOTP(secret, DIGITS, SHA1(), enforce_key_length=False).generate(step)  # noqa: S303 - RFC 6238's, see above
    return made.decode("ascii")


def accepted_step(code: str, *, secret: bytes, at: datetime, after: int) -> int | None:
    """The step whose code this is; None for a wrong one, or for one that is not newer than step `after`."""
    now, found = step_of(at), None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_of(secret, step), code) and step > after:
            found = step
    return found


def enrolment_uri(secret: bytes, *, label: str, issuer: str) -> str:
    """What an authenticator app reads from a QR code. A secret."""
    text = base64.b32encode(secret).decode("ascii")
    name = f"{quote(issuer, safe='')}:{quote(label, safe='')}"
    return (
        f"otpauth://totp/{name}?secret={text}&issuer={quote(issuer, safe='')}&digits={DIGITS}&period={STEP_S}"
    )
