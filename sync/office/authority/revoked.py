"""What the office is told of revocations: `revoked.json`, written by the authority, read by the receiver.

The revocation list (CRL) keeps a device out of the broker; this says, besides, up to which event its signature
is still trusted: what a thief signs with a stolen device comes after it. Trust boundary: `read_revoked` takes a
file that an administrator copied; it is bounded and strict.
"""

import json
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sync.office.authority.errors import AuthorityUnavailable
from sync.wire.fields import Epoch, Seq

MAX_REVOKED_BYTES: Final = 16 * 1024 * 1024
REVOKED_FILE: Final = "revoked.json"
When = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
Reason = Literal["unspecified", "lost", "stolen", "replaced", "retired"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class LastTrusted(_Model):
    """The last event whose signature counts; a higher seq of that epoch, and a later epoch, do not."""

    epoch: Epoch
    seq: Seq


class Revoked(_Model):
    """One revoked certificate.

    Args:
        serial: Hexadecimal, as `openssl x509 -serial` but in lower case.
        identity: `site/device`, `@office/name` or a broker's names.
        at: When it was revoked, UTC.
        last_trusted: None: nothing was said, and what the device signed is judged as ever.
    """

    serial: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,40}$")]
    identity: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    at: When
    reason: Reason
    last_trusted: LastTrusted | None = None


class RevokedList(_Model):
    """All revocations of an authority, the oldest first."""

    version: Literal[1] = 1
    crl_number: Annotated[int, Field(ge=0)]
    revoked: list[Revoked]

    def last_trusted(self, identity: str) -> LastTrusted | None:
        """The event after which nothing of this device counts, by the latest revocation that names one."""
        for entry in reversed(self.revoked):
            if entry.identity == identity and entry.last_trusted is not None:
                return entry.last_trusted
        return None


def parse_last_trusted(text: str) -> LastTrusted:
    """Read `EPOCH/SEQ`.

    Raises:
        AuthorityUnavailable: It is not of that form.
    """
    epoch, separator, seq = text.partition("/")
    try:
        if separator and seq.isascii() and seq.isdigit() and len(seq) <= 10:
            return LastTrusted(epoch=epoch, seq=int(seq))
    except ValidationError:
        pass
    raise AuthorityUnavailable(
        "the last trusted event is not EPOCH/SEQ, such as 000001-0123456789abcdef/42",
        next_step="clockface-office events --device SITE/DEVICE",
    )


def encode_revoked(revoked: RevokedList) -> bytes:
    """As the file holds it."""
    return (json.dumps(revoked.model_dump(), indent=1) + "\n").encode()


def read_revoked(raw: bytes, *, where: str) -> RevokedList:
    """Read the file's content.

    Raises:
        AuthorityUnavailable: Too large or not well-formed.
    """
    try:
        if len(raw) > MAX_REVOKED_BYTES:
            raise ValueError
        return RevokedList.model_validate_json(raw)
    except ValueError:
        raise AuthorityUnavailable(
            "the list of revocations is not well-formed", where=where, next_step="clockface-office ca crl"
        ) from None
