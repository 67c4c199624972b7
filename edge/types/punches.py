"""An attendance record: as the rules made it, and as the ledger committed it.

Until there is a `RecordedPunch` nobody may say that anything was recorded.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from edge.types.clock import Instant
from edge.types.identity import DeviceId, EpochId, ModelHash, PersonId


class Direction(StrEnum):
    """In or out, or left to the office to derive."""

    IN = "in"
    OUT = "out"
    UNSTATED = "unstated"


class DirectionSource(StrEnum):
    """Where a direction comes from."""

    FIXED = "fixed"  # this kiosk only records this direction
    CHOSEN = "chosen"  # the person chose on the screen
    ASSUMED = "assumed"  # from what this kiosk knows
    NONE = "none"  # unstated


class Method(StrEnum):
    """How a person was identified."""

    FACE = "face"
    BADGE = "badge"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Punch:
    """One attendance record as the rules made it, before it has an identity in the ledger.

    Args:
        person_id: Who.
        at: When, by all clocks.
        direction: In, out or unstated.
        source: Where the direction comes from.
        method: How the person was identified.
        day: The attendance day it counts for (a night shift counts for the day on which it began).
        work_code: What for, where the site uses codes.
        score: Cosine of the match, for FACE.
        model_hash: The chain that matched, for FACE.
    """

    person_id: PersonId
    at: Instant
    direction: Direction
    source: DirectionSource
    method: Method
    day: date
    work_code: str | None = None
    score: float | None = None
    model_hash: ModelHash | None = None


@dataclass(frozen=True, slots=True)
class EventId:
    """The identity of an event in the world: (device, epoch, seq), with the hash of its canonical plaintext."""

    device: DeviceId
    epoch: EpochId
    seq: int
    hash: str  # SHA-256 in hex


@dataclass(frozen=True, slots=True)
class RecordedPunch:
    """A punch that the ledger has committed: only now may the screen say so."""

    id: EventId
    punch: Punch
