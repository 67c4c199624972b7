"""A person, their profile, consent and templates: personal data, encrypted at rest, never logged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.types.faces import Embedding
from edge.types.identity import ModelHash, PersonId, TemplateId


@dataclass(frozen=True, slots=True)
class Profile:
    """Who a person is: personal data, encrypted at rest, never logged.

    Args:
        name: As in the staff list.
        number: The employee number, unique on the device.
        greeting: How the person wants to be greeted; empty means not by name.
        language: BCP 47 tag, or empty for the device's.
    """

    name: str
    number: str
    greeting: str = ""
    language: str = ""

    def __repr__(self) -> str:
        return "Profile(********)"


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the ledger knows them."""

    person_id: PersonId
    profile: Profile
    enabled: bool
    enrolled_at: datetime
    templates: Mapping[ModelHash, int] = field(default_factory=dict)
    consented: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's recorded consent to biometric processing.

    Args:
        text_version: Which text was agreed to.
        language: BCP 47 tag of the text.
        given_at: Aware time.
        how: "paper", "screen" or "imported".
        taken_by: Who took it (an operator's account name).
        proof: Where the evidence of an imported one lies, such as a document's number; empty otherwise.
    """

    text_version: str
    language: str
    given_at: datetime
    how: str
    taken_by: str
    proof: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A person's enrolled embedding and what it belongs to. Never logged.

    Args:
        template_id: Random id.
        person_id: Whose.
        model_hash: The recognition chain that made it; templates of other chains are never compared with it.
        vector: (dim,) float32, L2-normalised.
    """

    template_id: TemplateId
    person_id: PersonId
    model_hash: ModelHash
    vector: Embedding

    def __repr__(self) -> str:
        return "Template(********)"
