"""The local protocol: every value that crosses edge's unix sockets, and the errors that come back.

One module on purpose: `sync` and the screen import this and nothing else of edge, so it must not import numpy,
OpenCV or SQLite. Both sides validate: nothing that arrives is trusted, every text and list has a bound, unknown
fields are refused. A change of any shape raises PROTOCOL_VERSION; client and daemon of other versions refuse
each other by name (`ProtocolMismatch`).
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

PROTOCOL_VERSION = 1
PROTOCOL_HEADER = "Clockface-Protocol"
PREFIX = f"/v{PROTOCOL_VERSION}"
PROBLEM_TYPE = "application/problem+json"
COPY_SHA256_HEADER = "Clockface-SHA256"  # of a ledger's copy
STREAM_TYPE = "application/x-ndjson"
PREVIEW_BOUNDARY = "picture"
PREVIEW_TYPE = f"multipart/x-mixed-replace; boundary={PREVIEW_BOUNDARY}"
FACE_HEADER = "Clockface-Face"  # where in a picture the face is that is judged
MAX_PICTURE_BYTES = 256 * 1024
MAX_JSON_BYTES = 64 * 1024
MAX_PHOTO_BYTES = 20 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024
HEARTBEAT_S = 5.0
MAX_PAGE = 1000
MAX_WAIT_S = 30.0
MAX_DELIVERY_BYTES = 256 * 1024  # of a body that holds such an envelope
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


class Role(StrEnum):
    """Who is on the other end: decided by the socket, which its file mode and group guard."""

    STAFF = "staff"
    SCREEN = "screen"
    SYNC = "sync"

    @property
    def socket_name(self) -> str:
        """The socket's file name in `paths.run`."""
        return f"{self.value}.sock"


class Message(BaseModel):
    """Base of everything on the wire: frozen, no unknown fields, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class Problem(Message):
    """An error as RFC 9457 problem details; the client raises the same `ClockfaceError` class from it."""

    type: Annotated[str, StringConstraints(max_length=200)] = "about:blank"
    title: Annotated[str, StringConstraints(max_length=1000)]
    status: int = Field(ge=400, le=599)
    error: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{0,60}$")]
    exit_code: int = Field(ge=1, le=255)
    where: Annotated[str, StringConstraints(max_length=1000)] | None = None
    next_step: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Heartbeat(Message):
    """A line of a stream that says only that both sides live."""

    kind: Literal["heartbeat"] = "heartbeat"


# --- people and consent -------------------------------------------------------------------------------------


class SessionAsked(Message):
    """The device's name, as somebody of staff typed it."""

    device: Annotated[str, StringConstraints(max_length=64)]


class SessionView(Message):
    """Who the caller is.

    Args:
        account: Their account, as the kernel says.
        role: What it may do.
        session_s: For how many more seconds it may do what cannot be undone; 0 without a session.
        needs_none: Whether it needs no session: root and the daemon's own account.
    """

    account: Line
    role: StaffRoleCode
    session_s: float = Field(ge=0)
    needs_none: bool


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


# --- enrolment ----------------------------------------------------------------------------------------------


class Subject(Message):
    """Whom to enrol: a person who is known, or a new one; with a consent if none is recorded yet."""

    person_id: PersonKey | None = None
    profile: PersonProfile | None = None
    consent: ConsentGiven | None = None
    accept_look_alike: bool = Field(default=False, description="For twins; recorded in the audit trail.")
    replace: bool = Field(default=False, description="Erase the person's older templates.")

    def model_post_init(self, _context: Any, /) -> None:
        """Exactly one of person_id and profile."""
        if (self.person_id is None) == (self.profile is None):
            raise ValueError("give either person_id or profile")


class PhotoEnrolment(Subject):
    """Part `request` of POST /v1/enrolments/photo; part `photo` is the picture's bytes."""

    face: Literal["only", "largest"] = Field(
        default="only", description="only: several faces are refused. largest: the nearest person is taken."
    )


class CameraEnrolment(Subject):
    """Body of POST /v1/enrolments/camera; the answer is a stream of `EnrolmentLine`."""

    frames: int = Field(default=3, ge=1, le=20, description="Good and varied frames to take.")
    time_limit_s: float = Field(default=60.0, ge=5.0, le=300.0)


class Enrolled(Message):
    """A template was stored."""

    kind: Literal["enrolled"] = "enrolled"
    person: PersonView
    created: bool = Field(description="Whether the person is new.")
    templates_added: int = Field(ge=0)
    templates_dropped: int = Field(default=0, ge=0, description="Older ones that made room.")
    look_alike: PersonKey | None = Field(default=None, description="Accepted look-alike.")
    unlike_own: bool = Field(default=False, description="Scores below the threshold with the person's others.")


class EnrolmentProgress(Message):
    """Guidance during enrolment from the camera."""

    kind: Literal["progress"] = "progress"
    taken: int = Field(ge=0)
    wanted: int = Field(ge=1)
    faces: int = Field(ge=0)
    coaching: CoachingCode | None = None


class EnrolmentFailed(Message):
    """How an enrolment stream ends when it fails."""

    kind: Literal["failed"] = "failed"
    problem: Problem


EnrolmentLine = Annotated[
    EnrolmentProgress | Enrolled | EnrolmentFailed | Heartbeat, Field(discriminator="kind")
]


# --- what the kiosk shows -----------------------------------------------------------------------------------


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


# --- the ledger ---------------------------------------------------------------------------------------------


class PunchView(Message):
    """A committed attendance record."""

    epoch: EpochText
    seq: int = Field(ge=0)
    hash: Sha256
    person_id: PersonKey
    profile: PersonProfile | None = Field(default=None, description="None once the person has been removed.")
    at: AwareDatetime
    utc_offset_s: int
    trust: TrustCode
    day: date
    direction: DirectionCode
    source: SourceCode
    method: MethodCode
    work_code: Line | None = None
    score: float | None = None
    model_hash: Sha256 | None = None
    delivered: bool | None = Field(default=None, description="Whether the office has confirmed it.")


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


# --- ways in without a face -------------------------------------------------------------------------------


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


class PunchQuery(Message):
    """Which records to list: filters are combined, `after` is the `next_after` of the page before."""

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    person_id: PersonKey | None = None
    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{6,12}-[0-9a-f]{16}:[0-9]{1,18}$")] | None = None
    limit: int = Field(default=200, ge=1, le=MAX_PAGE)


class PunchList(Message):
    """One page of records, oldest first; `next_after` asks for the next one."""

    punches: tuple[PunchView, ...] = Field(max_length=MAX_PAGE)
    next_after: Annotated[str, StringConstraints(max_length=80)] | None = None


class AuditView(Message):
    """One entry of the audit trail."""

    seq: int = Field(ge=0)
    at: AwareDatetime
    actor: Code
    action: Code
    subject: Code = ""
    detail: Annotated[str, StringConstraints(max_length=200)] = ""
    hash: Sha256


class AuditQuery(Message):
    """Which page of the audit trail."""

    after: int = Field(default=0, ge=0)
    limit: int = Field(default=200, ge=1, le=MAX_PAGE)


class AuditList(Message):
    """One page of the audit trail, oldest first."""

    entries: tuple[AuditView, ...] = Field(max_length=MAX_PAGE)
    next_after: int | None = None


class AuditVerified(Message):
    """The audit trail holds.

    Args:
        entries: How many were read.
        head: The newest entry's number and hash, to be compared with a note made elsewhere.
        handed_in: Up to which entry the office was told; 0: of none.
    """

    entries: int = Field(ge=0)
    head: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}:[0-9a-f]{64}$")] | None
    handed_in: int = Field(ge=0)


class LedgerVerified(Message):
    """What a full check of the ledger looked at, and what does not hold: nothing, if all is well."""

    events: int = Field(ge=0)
    epochs: int = Field(ge=0)
    audit_entries: int = Field(ge=0)
    people: int = Field(ge=0)
    templates: int = Field(ge=0)
    problems: tuple[Annotated[str, StringConstraints(max_length=500)], ...] = Field(max_length=50)
    took_s: float = Field(ge=0)


class EnvelopeView(Message):
    """A signed event, as it goes to the office byte by byte."""

    epoch: EpochText
    seq: int = Field(ge=0)
    hash: Sha256
    envelope: Annotated[str, StringConstraints(max_length=48 * 1024)]


class FrontierView(Message):
    """Up to where the office has confirmed; epoch None means nothing yet."""

    epoch: EpochText | None = None
    seq: int | None = None
    hash: Sha256 | None = None
    pending: int = Field(ge=0)


class EnvelopeQuery(Message):
    """Envelopes after a point (none: from the first), waiting up to `wait_s` for one."""

    after_epoch: EpochText | None = None
    after_seq: int | None = Field(default=None, ge=0)
    limit: int = Field(default=100, ge=1, le=MAX_PAGE)
    wait_s: float = Field(default=0.0, ge=0.0, le=MAX_WAIT_S)

    def model_post_init(self, _context: Any, /) -> None:
        """A point is an epoch and a number, or neither."""
        if (self.after_epoch is None) != (self.after_seq is None):
            raise ValueError("give after_epoch and after_seq together, or neither")


class EnvelopeBatch(Message):
    """Envelopes after a point, in the order of (epoch, seq); empty when none came in time."""

    device: Code
    site: Code
    envelopes: tuple[EnvelopeView, ...] = Field(max_length=MAX_PAGE)
    frontier: FrontierView


class ParcelQuery(Message):
    """Parcels that the office has not received, oldest first, waiting up to `wait_s` for one."""

    limit: int = Field(default=20, ge=1, le=100)
    wait_s: float = Field(default=0.0, ge=0.0, le=MAX_WAIT_S)


class ParcelView(Message):
    """A signed parcel, as it goes to the office byte by byte."""

    parcel_id: PersonKey
    envelope: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARS)]


class ParcelBatch(Message):
    """Parcels on their way; the office's signed receipt takes them off."""

    parcels: tuple[ParcelView, ...] = Field(max_length=100)


class TelemetryView(Message):
    """The device's condition as a signed document."""

    envelope: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARS)]


class Delivery(Message):
    """A document that came from the office, as it came; edge alone says whether it holds."""

    envelope: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARS)]


class SendAfter(Message):
    """From where the courier is to send: after this event, or from the first one if both are None."""

    epoch: EpochText | None = None
    seq: int | None = Field(default=None, ge=0)


class DeliveryTaken(Message):
    """What edge made of a document from the office.

    applied: it changed something. repeated: known already, or behind what edge has. refused: it does not hold
    (forged, for another device, expired, not allowed); the reason is a code for logs.
    """

    outcome: Literal["applied", "repeated", "refused"]
    reason: Code = ""
    frontier: FrontierView
    send_after: SendAfter | None = Field(
        default=None, description="The courier must send again from here; None: go on as before."
    )
    result: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARS)] | None = Field(
        default=None, description="A signed result to publish on the results topic."
    )
    answers: PersonKey | None = Field(default=None, description="Which document the result answers.")


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


class RestartAsked(Message):
    """The daemon will end, for systemd to start it again, when nobody has been in front of it for a while."""

    pid: int = Field(ge=1)
    quiet_s: float = Field(ge=0.0)


class CertificateAsked(Message):
    """The courier's request for its next TLS certificate, for edge to countersign."""

    request_pem: Annotated[str, StringConstraints(max_length=16 * 1024)]


class ParcelMade(Message):
    """A parcel that waits for the courier."""

    parcel_id: PersonKey


# --- status -------------------------------------------------------------------------------------------------


class CameraStatus(Message):
    """How the camera is."""

    source: Code
    state: CameraCode
    since_s: float
    frames: int = Field(ge=0)
    fps: float = Field(ge=0)
    reopened: int = Field(ge=0)
    problem: Annotated[str, StringConstraints(max_length=500)] = ""


class ModelStatus(Message):
    """A loaded model, as its file's hash names it."""

    name: Code
    sha256: Sha256


class GalleryStatus(Message):
    """Templates in memory for one recognition chain."""

    model_hash: Sha256
    people: int = Field(ge=0)
    templates: int = Field(ge=0)
    threshold: float
    threshold_supported: bool = Field(description="False: the gallery outgrew the measurement.")


class AlarmView(Message):
    """Something in the ledger that needs staff."""

    kind: Code
    detail: Annotated[str, StringConstraints(max_length=200)]
    raised_at: AwareDatetime


class DeviceTest(Message):
    """The event that tries the way to the office, and how far the office has come."""

    epoch: EpochText
    seq: int = Field(ge=1)
    frontier_epoch: EpochText | None = None
    frontier_seq: int = Field(default=0, ge=0)
    confirmed: bool = Field(description="Whether the office has committed the event.")


class DeviceTestQuery(Message):
    """Which test is asked after."""

    epoch: EpochText
    seq: int = Field(ge=1)


class RetirementAsked(Message):
    """Staff take this device out of use, for good."""

    reason: Literal["retired", "moved"]
    confirm: Line = Field(description="This device's name, as somebody typed it.")


class RetirementView(Message):
    """Whether this device has said its last word, and whether the office has everything."""

    retired: bool
    epoch: EpochText = Field(description="With `seq`: the newest event; once retired, the last.")
    seq: int = Field(ge=1)
    confirmed: bool = Field(description="Whether the office has committed that event.")
    events_pending: int = Field(ge=0)
    parcels_pending: int = Field(ge=0)


class LedgerStatus(Message):
    """What the ledger holds and what the office has not confirmed."""

    epoch: EpochText
    seq: int = Field(ge=0)
    events: int = Field(ge=0)
    pending: int = Field(ge=0)
    oldest_pending_at: AwareDatetime | None = None
    people: int = Field(ge=0)
    alarms: tuple[AlarmView, ...] = Field(default=(), max_length=100)


class OfficeStatus(Message):
    """The kiosk's tie to its office and its site."""

    name: Line | None = Field(default=None, description="As the office calls itself; None before provisioning.")
    parcels_pending: int = Field(default=0, ge=0, description="Parcels that the office has not received.")
    roster_version: int = Field(default=0, ge=0, description="Of the roster that is applied here; 0: none.")
    out_of_service: Line | None = Field(
        default=None, description="The operator's reason, or empty text; None while the kiosk is in service."
    )
    site_key: PersonKey | None = Field(default=None, description="Names the key that seals templates.")
    templates_waiting: int = Field(default=0, ge=0, description="Templates that came under a key not here yet.")


class ClockStatus(Message):
    """What the device knows of the time."""

    wall: AwareDatetime
    utc_offset_s: int
    boottime_s: float
    trust: TrustCode


class StageTiming(Message):
    """Time that one stage of the pipeline takes, over the last frames."""

    stage: Code
    median_ms: float = Field(ge=0)
    p95_ms: float = Field(ge=0)
    count: int = Field(ge=0)


class SignalStatus(Message):
    """Light, buzzer, door or sound, as far as it is configured."""

    name: Literal["light", "buzzer", "door", "sound"]
    problem: Annotated[str, StringConstraints(max_length=600)] | None = Field(
        default=None, description="Why it does not work; None when it does."
    )


class Status(Message):
    """The daemon's condition; no personal data."""

    version: Code
    protocol: int = PROTOCOL_VERSION
    device: Code
    site: Code
    pid: int = Field(ge=1)
    uptime_s: float = Field(ge=0)
    resident_mb: float = Field(ge=0)
    camera: CameraStatus
    liveness_policy: Literal[
        "off", "passive", "passive_and_time", "challenge_when_in_doubt", "challenge_always"
    ]
    fault: Annotated[str, StringConstraints(max_length=80)] | None = Field(
        default=None, description="Why nobody is recognised by face; None when the face path is in service."
    )
    models: tuple[ModelStatus, ...]
    galleries: tuple[GalleryStatus, ...]
    ledger: LedgerStatus
    office: OfficeStatus = OfficeStatus()
    clock: ClockStatus
    stages: tuple[StageTiming, ...]
    signals: tuple[SignalStatus, ...] = Field(default=(), max_length=4)
    consent_text_version: VersionTag
    ways: tuple[OfferedWay, ...] = Field(
        default=(), max_length=2, description="What this kiosk offers besides the face."
    )
    directions: bool = Field(default=False, description="Whether people may choose in or out.")
    work_codes: tuple[Line, ...] = Field(
        default=(), max_length=MAX_WORK_CODES, description="Codes that they may choose."
    )


AnnouncementLine.model_rebuild()


# --- privacy ------------------------------------------------------------------------------------------------


class RetentionAsked(Message):
    """Remove what is over (`[retention]`), or only say what would go."""

    dry_run: bool = False
    backups: int = Field(default=0, ge=0, description="Backups that the caller removed: for the audit trail.")


class RetentionDone(Message):
    """How many of each went, or would go."""

    dry_run: bool
    templates: int = Field(ge=0, description="Templates that recognised nobody here for too long.")
    people: int = Field(ge=0, description="People whom this left without any: badge or PIN remain.")
    events: int = Field(ge=0, description="Events that the office has confirmed.")
    audit_entries: int = Field(ge=0)
    reports: int = Field(ge=0, description="Crash reports and support bundles that nobody fetched.")
    alarms: int = Field(ge=0, description="Cleared alarms.")
    complete: bool = Field(description="False if the daemon was told to end meanwhile.")
    longest_held_ms: float = Field(ge=0.0, description="Longest time that a batch held the ledger.")


class TemplateHeld(Message):
    """A template as it is listed for its person."""

    template_id: PersonKey
    chain: Sha256
    since: date | None = Field(description="None where it is older than the table of dates.")
    last_match: date | None = Field(description="When its chain last recognised the person here.")
    vector: tuple[float, ...] | None = Field(default=None, max_length=4096)


class DossierAsked(Message):
    """All that is held on one person; with the templates' numbers only where they are asked for."""

    vectors: bool = False


class Dossier(Message):
    """What the ledger holds on one person, besides their events and the audit trail."""

    person: PersonView
    consents: tuple[ConsentView, ...] = Field(max_length=1000, description="Oldest first, withdrawn ones too.")
    templates: tuple[TemplateHeld, ...] = Field(max_length=1000)
    sealed_templates: int = Field(ge=0, description="From other kiosks, which this one cannot open yet.")
    on_roster: bool = Field(description="Whether the central office knows the person.")
    parcels_waiting: int = Field(ge=0, description="On their way to the office.")
    messages: tuple[Line, ...] = Field(default=(), max_length=100, description="Of the office, to be shown.")
    backups_until: date | None = Field(description="When the last backup that exists now is removed.")


class PersonEventQuery(Message):
    """A page of the events about a person; `after` as the page before says."""

    after: int = Field(default=0, ge=0)


class PersonEvent(Message):
    """An event about a person, as it was signed."""

    state: Literal["counts", "voided", "reissued"] = Field(
        description="voided: the person disowned it. reissued: it stands once more under another identity."
    )
    event: Annotated[str, StringConstraints(max_length=16 * 1024)] = Field(description="CloudEvents JSON.")


class PersonEventList(Message):
    """Events about a person, oldest first. A page may be empty and still not be the last."""

    events: tuple[PersonEvent, ...] = Field(max_length=MAX_PAGE)
    next_after: int | None = None


class ProcessingView(Message):
    """What is processed here, in numbers: nobody in it."""

    people: int = Field(ge=0)
    with_face: int = Field(ge=0, description="People with a consent and a template.")
    consents: int = Field(ge=0, description="Consents in force.")
    outdated_consents: int = Field(ge=0, description="Of them, to another text than the one in force.")
    templates: dict[Sha256, Annotated[int, Field(ge=0)]] = Field(description="By recognition chain.")
    events: int = Field(ge=0)
    oldest_event: date | None
    unconfirmed_events: int = Field(ge=0)
    audit_entries: int = Field(ge=0)
    oldest_audit: date | None
    parcels_waiting: int = Field(ge=0)
    office: Line | None = Field(description="Whom the device reports to.")
    last_backup: AwareDatetime | None
    backups_until: date | None
    last_retention: AwareDatetime | None
    retired_ledgers: int = Field(ge=0, description="Ledgers that a restore put aside and nobody destroyed.")
