"""The texts and codes of which messages are made: each bounded, each of a pattern.

Codes are those of `edge.types` (a test compares them), written out here because the protocol imports nothing
else of edge.
"""

from typing import Annotated, Literal

from pydantic import StringConstraints

MAX_PAGE = 1000
MAX_WAIT_S = 30.0
MAX_MESSAGES = 4  # of the office, on the screen at once
MAX_WORK_CODES = 100
MAX_DOCUMENT_CHARS = 192 * 1024  # an encoded envelope of the office or of a parcel

PersonKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
EpochText = Annotated[str, StringConstraints(pattern=r"^[0-9]{6,12}-[0-9a-f]{16}$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
Named = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=200, strip_whitespace=True)]
Number = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=64, strip_whitespace=True)]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$")]
OptionalTag = Annotated[str, StringConstraints(pattern=r"^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4})?$")]
VersionTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Code = Annotated[str, StringConstraints(max_length=80)]

CoachingCode = Literal[
    "come_closer",
    "step_back",
    "move_into_view",
    "too_dark",
    "too_bright",
    "look_here",
    "hold_still",
    "uncover_face",
    "one_at_a_time",
    "turn_left",
    "turn_right",
    "turn_a_little",
]
OutcomeCode = Literal[
    "recognised", "unknown", "unsure", "not_live", "poor_quality", "several_people", "no_face"
]
NoticeCode = Literal[
    "attract",
    "guidance",
    "recorded",
    "already_recorded",
    "not_recognised",
    "several_people",
    "out_of_service",
    "identify",
    "message",
    "enter_pin",
    "badge_refused",
    "voided",
]
DirectionCode = Literal["in", "out", "unstated"]
SourceCode = Literal["fixed", "chosen", "assumed", "none"]
MethodCode = Literal["face", "badge", "pin"]
WayCode = Literal["badge_pin", "badge_code", "badge", "number_pin", "off"]
OfferedWay = Literal["badge", "pin"]
OFFERED_WAYS: tuple[OfferedWay, ...] = ("badge", "pin")
BadgeKeyText = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
PinDigits = Annotated[str, StringConstraints(pattern=r"^[0-9]{4,12}$")]
CardText = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z:-]{4,64}$")]
CameraCode = Literal["opening", "streaming", "frozen", "lost", "ended"]
TrustCode = Literal["synchronised", "holdover", "unsynchronised"]
ConsentHow = Literal["paper", "screen", "imported"]
StaffRoleCode = Literal["viewer", "operator", "administrator"]
