"""What people choose, type and say at the screen, and what became of it.

The screen sends these and nothing else; a PIN in one of them is never logged.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import EpochText, Line, Number, PersonKey, PinDigits


class IntentChosen(Message):
    """What a person chose on the screen: a direction, a work code, or both at once."""

    direction: Literal["in", "out"] | None = None
    work_code: Annotated[Line, StringConstraints(min_length=1)] | None = None

    def model_post_init(self, _context: Any, /) -> None:
        """Something must have been chosen."""
        if self.direction is None and self.work_code is None:
            raise ValueError("give direction, work_code or both")


class IntentTaken(Message):
    """What became of a choice.

    waiting: it completes the record of the person who was asked. next: it goes to whoever is identified next,
    within 15 s. nobody: the person in view is recorded already.
    """

    goes_to: Literal["waiting", "next", "nobody"]


class PinEntered(Message):
    """Digits typed at the screen: the answer to a prompt, or the PIN after an employee number. Never logged."""

    prompt_id: PersonKey | None = None
    number: Number | None = None
    pin: PinDigits

    def model_post_init(self, _context: Any, /) -> None:
        """It answers a prompt or follows a number."""
        if (self.prompt_id is None) == (self.number is None):
            raise ValueError("give either prompt_id or number")

    def __repr__(self) -> str:
        return "PinEntered(********)"

    __str__ = __repr__


class PinTaken(Message):
    """What became of it.

    accepted: the announcement of the record follows on the stage. refused: as for anybody, known here or not;
    wait_s says how long until the next try, if not at once. wait: too many wrong ones; nothing was tried.
    closed: the kiosk is out of service by order.
    """

    outcome: Literal["accepted", "refused", "wait", "closed"]
    wait_s: float = Field(default=0.0, ge=0.0, le=86_400.0)


class PromptGone(Message):
    """A prompt that nobody answers any more."""

    prompt_id: PersonKey


class PromptHeld(Message):
    """How long a prompt is still answered, seconds; 0: it is over."""

    left_s: float = Field(ge=0.0, le=300.0)


class Disavowal(Message):
    """The person who was just recorded says that it was not them; names the record as it was announced."""

    epoch: EpochText
    seq: int = Field(ge=1)


class DisavowalTaken(Message):
    """Whether the record was voided; it stays in the ledger in any case."""

    outcome: Literal["voided", "too_late"]


class CorrectionAsked(Message):
    """The person who was just recorded says that an earlier record is missing; the office decides."""

    epoch: EpochText
    seq: int = Field(ge=1)
    direction: Literal["in", "out"]
    at: AwareDatetime


class CorrectionTaken(Message):
    """Whether it was sent to the office."""

    outcome: Literal["sent", "too_late"]
