"""What an operator may tell a device, and what the device answers.

A command is addressed, numbered, expiring and signed with the operator's key, so neither broker nor courier nor
receiver can make, alter, redirect or repeat one. Trust boundary: edge verifies and applies; sync only carries.
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field
from pydantic.functional_validators import model_validator

from sync.wire.documents import Document
from sync.wire.fields import (
    MAX_SEQ,
    Code,
    Day,
    RandomId,
    RosterVersion,
    SigningKey,
    Text,
    Time,
    Wire,
    expires_within,
)

MAX_COMMAND_LIFE: Final = timedelta(days=31)


class Restart(Wire):
    """Start the daemon anew."""

    do: Literal["restart"] = "restart"


class OutOfService(Wire):
    """Stop recording, and say so on the screen, until `InService`; survives a restart."""

    do: Literal["out_of_service"] = "out_of_service"
    reason: Text = ""


class InService(Wire):
    """Record again."""

    do: Literal["in_service"] = "in_service"


class Identify(Wire):
    """Show which kiosk this is: screen and light."""

    do: Literal["identify"] = "identify"
    seconds: Annotated[int, Field(ge=1, le=300)] = 30


class ShowMessage(Wire):
    """Show a message on the screen: to everybody, or to one person when they are recognised.

    Args:
        text: Up to 200 characters, without control characters.
        person: Whom it is for; None for everybody.
        until: When it ends.
    """

    do: Literal["show_message"] = "show_message"
    text: Annotated[Text, Field(min_length=1)]
    person: RandomId | None = None
    until: Time


class Configure(Wire):
    """Change settings that the office may change; the device refuses any other.

    Args:
        settings: Setting, such as "attendance.repeat_s", to its value in the form of the environment.
    """

    do: Literal["configure"] = "configure"
    settings: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$")], Text],
        Field(min_length=1, max_length=32),
    ]


class SendSupportBundle(Wire):
    """Send what an engineer needs, without personal data, sealed to the office."""

    do: Literal["send_support_bundle"] = "send_support_bundle"


class TrustKeys(Wire):
    """Believe these keys of the office from now on, and no others of their purpose; the next before their use.

    The device takes other operator keys only if one of them has signed the command, so that whoever signs next
    is believed next as well.

    Args:
        online_keys: Ed25519 keys of acks, refusals, receipts; absent: as before.
        operator_keys: Ed25519 keys of commands, roster and bundles; absent: as before.
    """

    do: Literal["trust_keys"] = "trust_keys"
    online_keys: Annotated[list[SigningKey], Field(min_length=1, max_length=4)] | None = None
    operator_keys: Annotated[list[SigningKey], Field(min_length=1, max_length=4)] | None = None

    @model_validator(mode="after")
    def _apart(self) -> "TrustKeys":
        keys = [*(self.online_keys or ()), *(self.operator_keys or ())]
        if not keys or len(set(keys)) != len(keys):
            raise ValueError("at least one key, every key once, and for one purpose")
        return self


Order = Annotated[
    Restart | OutOfService | InService | Identify | ShowMessage | Configure | SendSupportBundle | TrustKeys,
    Field(discriminator="do"),
]


class Command(Document):
    """An order of an operator.

    Args:
        id: Random; the MQTT correlation data of its result.
        number: Counts up for each device; a device takes none that is not higher than the last.
        expires: From this moment on the device refuses it; at most 31 days after `issued`.
        order: What to do.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.command+json"

    kind: Literal["clockface.command.v1"] = "clockface.command.v1"
    id: RandomId
    number: Annotated[int, Field(ge=1, le=MAX_SEQ)]
    issued: Time
    expires: Time
    order: Order

    @model_validator(mode="after")
    def _life(self) -> "Command":
        expires_within(self.issued, self.expires, longest=MAX_COMMAND_LIFE)
        return self


class Removed(Wire):
    """A person who is gone from this device.

    Args:
        backups_until: By this day the last of the device's own backups that may hold them is removed; absent
            where it knows of none.
    """

    person: RandomId
    templates: Annotated[int, Field(ge=0, le=MAX_SEQ)]
    backups_until: Day | None = None


class Result(Document):
    """What became of a command or of a roster document; signed by the device.

    Args:
        answers: The id of the document that it answers.
        outcome: done; refused (signed, but not allowed); expired; stale (its number was used); gap (a roster
            document that does not follow what the device has); failed (tried in vain).
        detail: A reason for people, without personal data.
        roster_version: The version of the roster that the device now has.
        removed: Receipts: who was erased here, and how many templates.
        parcel: The parcel that carries more (a support bundle's first part).
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.result+json"

    kind: Literal["clockface.result.v1"] = "clockface.result.v1"
    answers: RandomId
    outcome: Literal["done", "refused", "expired", "stale", "gap", "failed"]
    reason: Code | None = None
    detail: Text = ""
    roster_version: RosterVersion
    removed: Annotated[list[Removed], Field(max_length=1000)] = Field(default_factory=list)
    parcel: RandomId | None = None
    at: Time
