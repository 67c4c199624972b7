"""The vocabulary of everything on the wire: names, ids, hashes, times and points, each with its one form.

Numbers are integers only (micro-units): every language prints those alike, floats they do not. Trust boundary:
a value of these types is well-formed, not yet authentic.
"""

import base64
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.functional_validators import AfterValidator

MAX_SEQ = 2**31 - 1  # CloudEvents integers are signed 32-bit
MAX_SAFE_INTEGER = 2**53 - 1  # the largest that every JSON reader keeps exact
# 1900 to 2259: Linux sets no clock beyond 2232, nanoseconds in 64 bits end in 2262, and no correction of a
# recorded time can leave what a datetime holds
_DATE = r"(?:(?:19|20|21)[0-9]|22[0-5])[0-9]-[0-9]{2}-[0-9]{2}"


def _calendar_time(value: str) -> str:
    datetime.fromisoformat(value)
    return value


# The points of small order (and what reads as one): under such a "key" a signature made by nobody holds.
_WEAK_SIGNING_KEYS: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


def _strong_key(value: str) -> str:
    raw = base64.urlsafe_b64decode(value + "=")
    if raw[:31] + bytes([raw[31] & 0x7F]) in _WEAK_SIGNING_KEYS:
        raise ValueError("under this key everybody's signature holds")
    return value


def _calendar_day(value: str) -> str:
    date.fromisoformat(value)
    return value


_SLUG = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
Slug = Annotated[str, StringConstraints(pattern=rf"^{_SLUG}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RandomId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Epoch = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}-[0-9a-f]{16}$")]
Source = Annotated[str, StringConstraints(pattern=rf"^clockface://{_SLUG}/{_SLUG}$")]
BootId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,64}$")]
WorkCode = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,40}$")]
# base64url of 32 bytes, unpadded: the last letter's two spare bits are zero, so one key has one text
PublicKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
SigningKey = Annotated[PublicKey, AfterValidator(_strong_key)]  # Ed25519
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.+-]{1,40}$")]
Seq = Annotated[int, Field(ge=1, le=MAX_SEQ)]
Microseconds = Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Time = Annotated[
    str,
    StringConstraints(pattern=rf"^{_DATE}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{6}}Z$"),
    AfterValidator(_calendar_time),
]
Day = Annotated[str, StringConstraints(pattern=rf"^{_DATE}$"), AfterValidator(_calendar_day)]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$", max_length=200)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
Language = Annotated[str, StringConstraints(pattern=r"^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4})?$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Base64 = Annotated[  # padded, spare bits zero: one text for each bytes
    str,
    StringConstraints(
        pattern=r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$",
        max_length=96 * 1024,
    ),
]
Pem = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=\- \n]+$", max_length=32 * 1024)]
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
RosterVersion = Annotated[int, Field(ge=0, le=MAX_SEQ)]


class Wire(BaseModel):
    """A part of a document: frozen, no unknown fields, no conversions (a number is not a text)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class EventPoint(Wire):
    """A point in a device's history: an event and its hash."""

    epoch: Epoch
    seq: Seq
    hash: Sha256


def expires_within(issued: str, expires: str, *, longest: timedelta) -> None:
    """Hold a document's life to a bound, so that nobody can keep one for years and then deliver it.

    Raises:
        ValueError: It ends before it begins, or lives longer than `longest`.
    """
    life = datetime.fromisoformat(expires) - datetime.fromisoformat(issued)
    if not timedelta(0) < life <= longest:
        raise ValueError("expires must be after issued, and not too long after")


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with six decimals: one text for each moment.

    Raises:
        ValueError: The time is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("an event's time needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
