"""The values that cross Clockface's seams, in the order in which they come to be.

All are frozen. Pixels are counted from the image's upper left corner; arrays say shape, dtype, colour order and
range. A value that holds an image, a template or a person's data must never be logged: `clockface.logs`
refuses it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:  # the command line and sync know these values without images, and start without numpy
    import numpy as np
    from numpy.typing import NDArray

PersonId = NewType("PersonId", str)  # 32 hex digits, random; the only name of a person outside the ledger
TemplateId = NewType("TemplateId", str)  # 32 hex digits, random
DeviceId = NewType("DeviceId", str)  # lower-case letters, digits, hyphen
EpochId = NewType("EpochId", str)  # "000001-9f86d081884c7d65": ordinal, then 64 random bits
TrackId = NewType("TrackId", int)
ModelHash = NewType("ModelHash", str)  # SHA-256 in hex of a model, or of a chain of models

if TYPE_CHECKING:
    BgrImage = NDArray[np.uint8]  # (height, width, 3), blue green red, 0 to 255
    Points = NDArray[np.float32]  # (n, 2), x and y in pixels
    Embedding = NDArray[np.float32]  # (dim,), L2-normalised
else:
    BgrImage = Points = Embedding = Any


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a camera.

    Args:
        image: (h, w, 3) uint8 BGR, already rotated, mirrored and cut to the region of interest. Read-only.
        captured_s: When it was taken: seconds of CLOCK_BOOTTIME, or of the recording for a fast replay.
        index: Counts the source's frames from 0; gaps are frames that nobody looked at.
    """

    image: BgrImage
    captured_s: float
    index: int


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; may reach over the image's edge."""

    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def overlap(self, other: "Box") -> float:
        """Intersection over union with another box, in [0, 1]."""
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        shared = max(0.0, right - max(self.left, other.left)) * max(0.0, bottom - max(self.top, other.top))
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face that a detector found.

    Args:
        box: The face from brow to chin, in pixels of the frame.
        score: The detector's confidence in [0, 1].
        keypoints: (6, 2) float32 pixels: the person's right eye, left eye, nose tip, mouth centre,
            right ear tragion, left ear tragion.
    """

    box: Box
    score: float
    keypoints: Points


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Where a face's parts are.

    Args:
        five: (5, 2) float32 pixels: right eye, left eye, nose tip, right and left mouth corner of the person,
            which is left to right in an unmirrored picture: the points that alignment uses.
        mesh: (468, 3) float32 mesh in pixels (z on the scale of x), or None where no mesh model runs.
        presence: The model's confidence in [0, 1] that a face is there.
    """

    five: Points
    mesh: "NDArray[np.float32] | None"
    presence: float


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """One face in one frame, tied to the track of one person.

    Args:
        track_id: The same as long as the same person is followed; never used again.
        first_seen_s: Capture time of the track's first frame.
        detection: What the detector found in this frame.
    """

    track_id: TrackId
    first_seen_s: float
    detection: Detection


class Coaching(StrEnum):
    """Why a face is not good enough yet, in words that a screen can turn into a request."""

    COME_CLOSER = "come_closer"
    STEP_BACK = "step_back"
    MOVE_INTO_VIEW = "move_into_view"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOOK_HERE = "look_here"
    HOLD_STILL = "hold_still"
    UNCOVER_FACE = "uncover_face"
    ONE_AT_A_TIME = "one_at_a_time"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    TURN_A_LITTLE = "turn_a_little"


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of one face, and whether it is good enough.

    Args:
        coaching: None when good enough; else the first reason, most useful one first.
        face_px: Width of the face box in pixels.
        yaw_deg: Turn of the head, positive to the person's left.
        pitch_deg: Nod of the head, positive up.
        roll_deg: Tilt in the picture's plane, clockwise positive.
        sharpness: Variance of the aligned grey face's second derivative in the direction that has least of it;
            no unit, higher is sharper; defocus and motion both lower it.
        brightness: Mean grey level of the face in [0, 1].
        contrast: Standard deviation of the face's grey levels in [0, 1].
    """

    coaching: Coaching | None
    face_px: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    brightness: float
    contrast: float

    @property
    def acceptable(self) -> bool:
        """Whether the face may go on to liveness and embedding."""
        return self.coaching is None


class LivenessState(StrEnum):
    """What is known about presence so far; only LIVE opens."""

    LIVE = "live"
    UNDECIDED = "undecided"
    NOT_LIVE = "not_live"


@dataclass(frozen=True, slots=True)
class LivenessVerdict:
    """The liveness seam's answer for one track.

    Args:
        state: Only `LIVE` lets a match count.
        reason: A short code ("off_by_policy", "no_liveness_model", "flat_motion"), never free text.
        score: The layer's score in [0, 1] where it has one.
        asks: What the person is asked to do, while a challenge runs.
        hints: What would help, where nothing is asked: it binds nobody and gives no more time.
    """

    state: LivenessState
    reason: str
    score: float | None = None
    asks: Coaching | None = None
    hints: Coaching | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The gallery's answer to one probe.

    Args:
        person_id: Whose template is nearest; None for an empty gallery.
        score: Cosine in [-1, 1] with that person's nearest template.
        runner_up: Cosine with the nearest template of any other person; -1 where there is none.
    """

    person_id: PersonId | None
    score: float
    runner_up: float

    @property
    def margin(self) -> float:
        """How far the nearest person is ahead of the next one."""
        return self.score - self.runner_up


class Outcome(StrEnum):
    """How it ended for one track, or what the scene shows when there is no track to judge."""

    RECOGNISED = "recognised"
    UNKNOWN = "unknown"
    UNSURE = "unsure"
    NOT_LIVE = "not_live"
    POOR_QUALITY = "poor_quality"
    SEVERAL_PEOPLE = "several_people"
    NO_FACE = "no_face"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one track, or on a scene without one. A track has exactly one verdict.

    Args:
        outcome: What was decided.
        decided_s: Capture time of the frame that decided.
        track_id: None for NO_FACE and SEVERAL_PEOPLE.
        first_seen_s: Capture time of the track's first frame.
        person_id: Set for RECOGNISED only.
        score: Median cosine of the agreeing frames; None where nothing was matched.
        margin: Median lead over the next person; None where nothing was matched.
        frames_matched: How many frames of the track were matched.
        frames_agreed: How many of them agreed with the outcome.
        coaching: The last reason, for POOR_QUALITY.
        reason: A short code that says why (liveness reason, "time_limit", "left").
        model_hash: The recognition chain that matched.
    """

    outcome: Outcome
    decided_s: float
    track_id: TrackId | None = None
    first_seen_s: float | None = None
    person_id: PersonId | None = None
    score: float | None = None
    margin: float | None = None
    frames_matched: int = 0
    frames_agreed: int = 0
    coaching: Coaching | None = None
    reason: str = ""
    model_hash: ModelHash | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What one frame shows, for the screen: guidance while nothing is decided, verdicts when something is.

    Args:
        captured_s: Capture time of the frame.
        faces: How many faces stand in it.
        outline: The box of the face that is being judged, or None.
        coaching: What to ask of that person, or None.
        verdicts: Verdicts that this frame brought; mostly empty.
        track_id: Whose face `outline` is, or None.
    """

    captured_s: float
    faces: int
    outline: Box | None
    coaching: Coaching | None
    verdicts: tuple[Verdict, ...] = ()
    track_id: TrackId | None = None


class CameraState(StrEnum):
    """How a camera is; only STREAMING gives frames."""

    OPENING = "opening"
    STREAMING = "streaming"
    FROZEN = "frozen"
    LOST = "lost"
    ENDED = "ended"  # a replay that is not looped


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """A camera's condition for health, telemetry and doctor.

    Args:
        state: See `CameraState`.
        since_s: CLOCK_BOOTTIME at which the state began.
        frames: Frames captured since the process began.
        fps: Measured over the last seconds; 0 while none come.
        reopened: How often it was opened again.
        problem: What failed last, in words without personal data; empty when well.
    """

    state: CameraState
    since_s: float
    frames: int
    fps: float
    reopened: int
    problem: str = ""


class ClockTrust(StrEnum):
    """How far the wall clock can be believed (DESIGN section 8)."""

    SYNCHRONISED = "synchronised"
    HOLDOVER = "holdover"
    UNSYNCHRONISED = "unsynchronised"


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of all clocks.

    Args:
        wall: Aware UTC time.
        utc_offset_s: The site's offset from UTC at that time.
        boot_id: The kernel's random id of this boot.
        boottime_s: CLOCK_BOOTTIME, counts through suspend, never jumps.
        trust: How far `wall` can be believed.
    """

    wall: datetime
    utc_offset_s: int
    boot_id: str
    boottime_s: float
    trust: ClockTrust

    def __post_init__(self) -> None:
        if self.wall.tzinfo is None or not math.isfinite(self.boottime_s):
            raise ValueError("an Instant needs an aware wall time and a finite boot time")


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


class Notice(StrEnum):
    """What the screen, sound and light are told."""

    ATTRACT = "attract"
    GUIDANCE = "guidance"
    RECORDED = "recorded"
    ALREADY_RECORDED = "already_recorded"
    NOT_RECOGNISED = "not_recognised"
    SEVERAL_PEOPLE = "several_people"
    OUT_OF_SERVICE = "out_of_service"
    IDENTIFY = "identify"
    MESSAGE = "message"
    ENTER_PIN = "enter_pin"
    BADGE_REFUSED = "badge_refused"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to whoever showed a badge.

    Args:
        prompt_id: 32 hex digits, random: the answer names it.
        asks: "pin", or "code" for the one that their phone shows.
    """

    prompt_id: str
    asks: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an employee is to see. `greeting` is personal data: it goes to the screen's socket and nowhere else.

    Args:
        notice: What kind.
        verdict: The verdict behind it, where there is one.
        recorded: The committed punch, for RECORDED and ALREADY_RECORDED.
        coaching: The request, for GUIDANCE.
        greeting: The name as the person chose to be greeted, or None.
        detail: A short code, for OUT_OF_SERVICE ("no_camera", "ledger_disk_full", "office").
        messages: What the office wants shown. MESSAGE: all that stand for everybody, none when the last has
            ended. RECORDED and ALREADY_RECORDED: those for this person; personal like the greeting.
        seconds: For IDENTIFY: how long to show which kiosk this is. ENTER_PIN: how long it is asked.
            BADGE_REFUSED: how long to wait.
        prompt: For ENTER_PIN.
        ways: What this kiosk offers besides the face: "badge", "pin".
        not_me_s: For RECORDED: for how long the person may say that it was not them, seconds.
        correction_s: For RECORDED: for how long they may ask for a record that is missing, seconds.
        language: Of the person that it is about, as a BCP 47 tag; empty for the device's.
    """

    notice: Notice
    verdict: Verdict | None = None
    recorded: RecordedPunch | None = None
    coaching: Coaching | None = None
    greeting: str | None = None
    detail: str = ""
    messages: tuple[str, ...] = ()
    seconds: int = 0
    language: str = ""
    prompt: Prompt | None = None
    ways: tuple[str, ...] = ()
    not_me_s: int = 0
    correction_s: int = 0


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


JsonObject = dict[str, Any]
