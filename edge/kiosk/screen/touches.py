"""What the page may say: the few things that people do at the screen, as types. Everything else closes it.

Trust boundary: the page's web socket. Digits of a PIN are in here for the moment of their way to edge, and in
no log and no error.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import EpochText, Line, Number, PersonKey, PinDigits
from edge.kiosk.screen.config import Language


class Touched(Message):
    """Somebody is there."""

    do: Literal["touched"]


class Spoken(Message):
    """Somebody asks for a language."""

    do: Literal["speak"]
    language: Language


class Chosen(Message):
    """In or out, a work code, or both."""

    do: Literal["choose"]
    direction: Literal["in", "out"] | None = None
    work_code: Annotated[Line, StringConstraints(min_length=1)] | None = None


class Typed(Message):
    """A PIN or code for a question, or after an employee number."""

    do: Literal["pin"]
    prompt: PersonKey | None = None
    number: Number | None = None
    pin: PinDigits

    def model_post_init(self, _context: object, /) -> None:
        """It answers a question or follows a number."""
        if (self.prompt is None) == (self.number is None):
            raise ValueError("give either prompt or number")

    def __repr__(self) -> str:
        return "Typed(********)"

    __str__ = __repr__


class Held(Message):
    """Somebody still types."""

    do: Literal["hold"]
    prompt: PersonKey


class Cancelled(Message):
    """Whoever was asked does not want to."""

    do: Literal["cancel"]
    prompt: PersonKey


class Disowned(Message):
    """That was not me."""

    do: Literal["not_me"]
    epoch: EpochText
    seq: int = Field(ge=1)


class Missing(Message):
    """An earlier record is missing; the time is the site's."""

    do: Literal["missing"]
    epoch: EpochText
    seq: int = Field(ge=1)
    direction: Literal["in", "out"]
    days_ago: int = Field(ge=0, le=31)
    hour: int = Field(ge=0, le=23)
    minute: int = Field(ge=0, le=59)


Touch = Touched | Spoken | Chosen | Typed | Held | Cancelled | Disowned | Missing
TOUCH: Final[TypeAdapter[Touch]] = TypeAdapter(Annotated[Touch, Field(discriminator="do")])
