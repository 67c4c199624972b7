"""What an authority has revoked, and up to which event a lost kiosk's signature counts: `revoked.json`.

It stands beside the revocation list, which keeps a device out of the broker, and is for people: the receiver
reads neither. What it is to believe no longer, `clockface-office device revoke` tells it.
"""

import json
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sync.office.authority.errors import AuthorityUnavailable
from sync.wire.fields import Epoch, Seq

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
