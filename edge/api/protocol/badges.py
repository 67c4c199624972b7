"""Ways in without a face, as staff give them out: badges, PINs, codes, cards.

What a badge or a code says is a secret of its person's: it stands in one answer and is never logged.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import BadgeKeyText, CardText, Code, PersonKey, PinDigits, WayCode


class BadgeView(Message):
    """A badge that this kiosk gave out."""

    badge_id: BadgeKeyText
    person_id: PersonKey
    issued_at: AwareDatetime
    issued_by: Code
    ends_at: AwareDatetime | None = None
    revoked: bool = False


class BadgeAsked(Message):
    """A badge for a person; `ends_at` makes it a day badge."""

    person_id: PersonKey
    ends_at: AwareDatetime | None = None


class BadgeIssued(Message):
    """A badge and what its QR code says: a secret of the person's."""

    badge: BadgeView
    token: Annotated[str, StringConstraints(max_length=256)]

    def __repr__(self) -> str:
        return "BadgeIssued(********)"

    __str__ = __repr__


class BadgeQuery(Message):
    """Whose badges to list; None: everybody's."""

    person_id: PersonKey | None = None


class BadgeList(Message):
    """Badges in the order in which they were given out."""

    badges: tuple[BadgeView, ...] = Field(max_length=20_000)


class PinSet(Message):
    """A person's new PIN; None takes it away."""

    pin: PinDigits | None

    def __repr__(self) -> str:
        return "PinSet(********)"

    __str__ = __repr__


class WaySet(Message):
    """A person's own way in; None: the site's."""

    way: WayCode | None


class CardSet(Message):
    """A card for a person, as its reader types it; None takes all cards away."""

    card: CardText | None


class WaysView(Message):
    """How a person comes in without a face."""

    person_id: PersonKey
    way: WayCode
    own_way: bool
    pin_set: bool
    code_set: bool
    badges: int = Field(ge=0, description="Badges given out here that count now.")


class CodeSecret(Message):
    """What an authenticator app reads from a QR code, once: a secret."""

    uri: Annotated[str, StringConstraints(max_length=1000)]

    def __repr__(self) -> str:
        return "CodeSecret(********)"

    __str__ = __repr__
