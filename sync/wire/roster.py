"""The roster on its way to a device: who belongs to the site, with templates that only its kiosks can open.

Each site's changes are numbered without a gap. A document carries the changes after `base` up to `version`; a
device applies it if it has at least `base`, so a lost or repeated document harms nothing and a transfer resumes
where it ended. Changes are sealed to the device (HPKE), since names stand in them and a broker reads along;
templates within them are sealed once more, under the site key, which the office never has.
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field
from pydantic.functional_validators import model_validator

from sync.wire.documents import Document
from sync.wire.fields import (
    Base64,
    KeyId,
    Language,
    RandomId,
    RosterVersion,
    Sha256,
    Text,
    Time,
    Version,
    Wire,
    expires_within,
)

MAX_ROSTER_LIFE: Final = timedelta(days=366)
MAX_REVOKED: Final = 128  # badges of one person; the latest stay

BadgeId = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]


class ConsentGiven(Wire):
    """The consent behind a person's templates, as it was taken.

    `proof` says where the evidence of an imported one lies, such as a document's number.
    """

    text_version: Version
    language: Language
    how: Literal["paper", "screen", "imported"]
    given_at: Time
    proof: Annotated[Text, Field(min_length=1)] | None = None


class PersonDetails(Wire):
    """Personal data of one person: only ever sealed.

    Args:
        name: As staff know them.
        number: The employee number.
        greeting: How they chose to be greeted; empty means the time alone.
        language: Of the screen after recognition; empty means the device's.
        enabled: Whether they may be recorded.
        consent: In force, or None: no templates may be kept.
        badges_revoked: The person's badges that count no more, at any kiosk; absent for none.
    """

    name: Annotated[Text, Field(min_length=1)]
    number: Annotated[Text, Field(min_length=1, max_length=64)]
    greeting: Annotated[Text, Field(max_length=100)] = ""
    language: Language = ""
    enabled: bool = True
    consent: ConsentGiven | None = None
    badges_revoked: Annotated[list[BadgeId], Field(min_length=1, max_length=MAX_REVOKED)] | None = None


class PutPerson(Wire):
    """A person belongs to the site, with these details."""

    op: Literal["put_person"] = "put_person"
    version: RosterVersion
    person: RandomId
    details: PersonDetails


class PutTemplate(Wire):
    """A template of a person of the site.

    Args:
        template: The template's random id.
        model: The recognition chain that made it.
        site_key: Which site key seals it.
        sealed: `sealing.seal_template`'s bytes, base64.
    """

    op: Literal["put_template"] = "put_template"
    version: RosterVersion
    person: RandomId
    template: RandomId
    model: Sha256
    site_key: KeyId
    sealed: Base64


class RemoveTemplates(Wire):
    """A person's templates are to go, the person stays (a consent withdrawn)."""

    op: Literal["remove_templates"] = "remove_templates"
    version: RosterVersion
    person: RandomId


class RemoveTemplate(Wire):
    """One template of a person is to go: a newer one has replaced it. The consent stands."""

    op: Literal["remove_template"] = "remove_template"
    version: RosterVersion
    person: RandomId
    template: RandomId


class RemovePerson(Wire):
    """A person is to be erased; the device's result is the receipt."""

    op: Literal["remove_person"] = "remove_person"
    version: RosterVersion
    person: RandomId


Change = Annotated[
    PutPerson | PutTemplate | RemoveTemplate | RemoveTemplates | RemovePerson, Field(discriminator="op")
]


class RosterChanges(Wire):
    """What is sealed in a roster document, ordered by version."""

    changes: Annotated[list[Change], Field(max_length=256)]


class RosterDocument(Document):
    """Changes of the site's roster for one device; signed with the operator's key.

    Args:
        base: The version that the device must have at least.
        version: The version that it has afterwards; never before `base`.
        expires: From this moment on the device refuses it; at most 366 days after `issued`.
        sealed: `RosterChanges`, sealed to the device's sealing key with `info` below, base64.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.roster+json"

    kind: Literal["clockface.roster.v1"] = "clockface.roster.v1"
    id: RandomId
    base: RosterVersion
    version: RosterVersion
    issued: Time
    expires: Time
    sealed: Base64

    @model_validator(mode="after")
    def _forward(self) -> "RosterDocument":
        if self.version < self.base:
            raise ValueError("version must not be before base")
        expires_within(self.issued, self.expires, longest=MAX_ROSTER_LIFE)
        return self

    @property
    def info(self) -> bytes:
        """What the sealed changes are bound to."""
        return f"roster {self.site}/{self.device} {self.id} {self.base} {self.version}".encode()
