"""The storage keys and their rotation: fingerprints and counts, never a key."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import Code


class KeyView(Message):
    """One storage key: its fingerprint and what it wrote; never the key."""

    purpose: Literal["data", "face"]
    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f?]{1,16}$")]
    writes: bool = Field(description="New rows are written with it.")
    held: bool = Field(description="The daemon has it.")
    since: AwareDatetime | None = Field(description="When it began to write; None where nobody noted it.")
    tokens: dict[Code, Annotated[int, Field(ge=0)]] = Field(description="By table and column.")


class RotationView(Message):
    """How far a rotation of the storage keys is."""

    state: Literal["none", "running", "paused", "rewritten", "verified"]
    data_key: Code = Field(description="Fingerprint of the key that writes now.")
    face_key: Code
    done: int = Field(ge=0)
    total: int = Field(ge=0)
    batches: int = Field(ge=0)
    longest_held_ms: float = Field(ge=0.0, description="Longest time that a batch held the ledger since start.")
    fault: Annotated[str, StringConstraints(max_length=500)] | None = None


class KeysView(Message):
    """The storage keys as the daemon has them and the ledger knows them."""

    keys: tuple[KeyView, ...]
    rotation: RotationView


class RotationAsked(Message):
    """What to do with the rotation."""

    action: Literal["start", "pause"]


class KeysVerified(Message):
    """Every token was opened with the writing keys alone, and stored templates were recognised."""

    tokens: int = Field(ge=0)
    recognised: int = Field(ge=0, description="Templates that the gallery recognised as their own person.")
    tried: int = Field(ge=0)
    why_not: Code | None = Field(description="Why none was tried, as a short code.")
