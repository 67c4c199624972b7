"""People and their consent, as staff give and see them. Personal data: never logged."""

from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import (
    MAX_PAGE,
    Code,
    ConsentHow,
    LanguageTag,
    Line,
    Named,
    Number,
    OptionalTag,
    PersonKey,
    Sha256,
    VersionTag,
)


class PersonProfile(Message):
    """Personal data of one person, as staff give it. Never logged."""

    name: Named
    number: Number
    greeting: Annotated[Line, StringConstraints(max_length=100)] = ""
    language: OptionalTag = ""

    def __repr__(self) -> str:
        return "PersonProfile(********)"

    __str__ = __repr__


class ConsentGiven(Message):
    """A consent that staff have taken; who took it is the peer's account, never a field."""

    text_version: VersionTag
    language: LanguageTag
    how: ConsentHow
    given_at: AwareDatetime | None = Field(default=None, description="None means now, by the device's clock.")
    proof: Named | None = Field(
        default=None, description="imported: where the evidence lies, such as a document's number."
    )

    def model_post_init(self, _context: Any, /) -> None:
        """An imported consent is somebody else's word: it says where the evidence lies."""
        if self.how == "imported" and self.proof is None:
            raise ValueError("an imported consent needs a proof: where the evidence lies")


class ConsentView(Message):
    """A recorded consent."""

    text_version: Code
    language: Code
    how: Code
    given_at: AwareDatetime
    taken_by: Code
    proof: Line = ""


class PersonView(Message):
    """A person as staff see them."""

    person_id: PersonKey
    profile: PersonProfile
    enabled: bool
    enrolled_at: AwareDatetime
    consented: bool
    consent: ConsentView | None = None
    consent_outdated: bool = Field(default=False, description="It is to another text than the one in force.")
    templates: dict[Sha256, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)


class PeopleQuery(Message):
    """Which people to list: all of them page by page, or the one with an employee number."""

    number: Number | None = None
    after: PersonKey | None = None
    limit: int = Field(default=200, ge=1, le=MAX_PAGE)


class PeopleList(Message):
    """One page of people; `next_after` asks for the next one."""

    people: tuple[PersonView, ...] = Field(max_length=MAX_PAGE)
    next_after: PersonKey | None = None


class EnabledSet(Message):
    """Disable or enable a person."""

    enabled: bool


class Removed(Message):
    """What removing a person, or withdrawing their consent, erased."""

    person_id: PersonKey
    templates: int = Field(ge=0)
    backups_until: date | None = Field(
        default=None, description="By then the last of this device's backups that may hold them is removed."
    )
    retired_ledgers: int = Field(
        default=0,
        ge=0,
        description="Ledgers that a restore put aside hold them until they are destroyed.",
    )
