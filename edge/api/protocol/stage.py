"""What the kiosk shows: scenes, verdicts, announcements, and the room's light.

Lines of a stream, told apart by `kind`. A greeting is personal: the screen's and staff's sockets alone have it.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edge.api.protocol.exchange import Heartbeat, Message
from edge.api.protocol.fields import (
    MAX_MESSAGES,
    CoachingCode,
    Code,
    Line,
    NoticeCode,
    OfferedWay,
    OptionalTag,
    OutcomeCode,
    PersonKey,
)
from edge.api.protocol.punches import PunchView


class VerdictView(Message):
    """The decision on one track."""

    outcome: OutcomeCode
    decided_s: float
    first_seen_s: float | None = None
    track_id: int | None = None
    person_id: PersonKey | None = None
    score: float | None = None
    margin: float | None = None
    frames_matched: int = Field(default=0, ge=0)
    frames_agreed: int = Field(default=0, ge=0)
    coaching: CoachingCode | None = None
    reason: Code = ""


class Outline(Message):
    """The face that is being judged, in pixels of the frame."""

    left: float
    top: float
    width: float
    height: float


class SceneLine(Message):
    """What one frame shows. The newest replaces older ones that a slow listener has not read."""

    kind: Literal["scene"] = "scene"
    captured_s: float
    faces: int = Field(ge=0)
    outline: Outline | None = None
    coaching: CoachingCode | None = None


class VerdictLine(Message):
    """A verdict, as the decision gave it; never dropped for a listener."""

    kind: Literal["verdict"] = "verdict"
    verdict: VerdictView


class PinPrompt(Message):
    """A question to whoever showed a badge: the PIN, or the code that their phone shows."""

    prompt_id: PersonKey
    asks: Literal["pin", "code"]


class AnnouncementLine(Message):
    """What the employee is told; RECORDED only after the ledger's commit."""

    kind: Literal["announcement"] = "announcement"
    notice: NoticeCode
    verdict: VerdictView | None = None
    recorded: "PunchView | None" = None
    coaching: CoachingCode | None = None
    greeting: Annotated[str, StringConstraints(max_length=200)] | None = None
    detail: Code = ""
    messages: tuple[Line, ...] = Field(
        default=(),
        max_length=MAX_MESSAGES,
        description="message: all that the office wants everybody to see now, none when the last has ended. "
        "recorded, already_recorded: those for this person.",
    )
    seconds: int = Field(
        default=0,
        ge=0,
        le=300,
        description="identify: how long to show which kiosk this is. enter_pin: how long it is asked. "
        "badge_refused: how long to wait.",
    )
    prompt: PinPrompt | None = Field(
        default=None, description="enter_pin: what is asked. Of a result: a question that still stands."
    )
    ways: tuple[OfferedWay, ...] = Field(
        default=(), max_length=2, description="What this kiosk offers besides the face."
    )
    not_me_s: int = Field(
        default=0, ge=0, le=60, description="recorded: how long the person may say that it was not them."
    )
    correction_s: int = Field(
        default=0, ge=0, le=300, description="recorded: how long they may ask for a record that is missing."
    )
    language: OptionalTag = Field(default="", description="Of the person; empty for the device's.")


class RoomView(Message):
    """How bright it is in front of the kiosk."""

    brightness: float | None = Field(
        default=None, ge=0.0, le=1.0, description="Mean grey level of the newest frame; None before the first."
    )


StageLine = Annotated[SceneLine | VerdictLine | AnnouncementLine | Heartbeat, Field(discriminator="kind")]
