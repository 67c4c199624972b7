"""From a picture to a verdict: models, quality, liveness, decision."""

from typing import Literal

from pydantic import Field, field_validator

from clockface.config import Section


class InferenceConfig(Section):
    """Which models run, and on what."""

    threads: int = Field(
        default=1, ge=1, le=8, description="Threads a model; more than 1 is slower for models this small."
    )
    delegate: Literal["cpu", "edgetpu", "gpu"] = Field(
        default="cpu",
        description="cpu: XNNPACK. edgetpu: Coral's libedgetpu. gpu: the TFLite GPU delegate library.",
    )
    detector: Literal["blazeface-short", "blazeface-full", "mediapipe"] = Field(
        default="blazeface-short",
        description="blazeface-short: faces wider than about 15 % of the picture. blazeface-full: from 8 %, "
        "three times slower. mediapipe: the first of them run by MediaPipe's own task, always on the CPU; "
        "needs the set mediapipe (scripts/setup mediapipe).",
    )
    detection_score: float = Field(
        default=0.5, ge=0.1, le=0.99, description="Least confidence of a face, 0 to 1."
    )
    chain: Literal["fused", "mobilefacenet"] = Field(
        default="fused",
        description="The recognition chain that new templates are made with. fused: two networks, the "
        "default accuracy. mobilefacenet: the first of them alone, for half the time.",
    )
    previous_chain: Literal["fused", "mobilefacenet"] | None = Field(
        default=None,
        description="A chain that people still have templates of: it matches those who have none of "
        "the new one, and a recognition beyond doubt gives them one.",
    )


class QualityConfig(Section):
    """What a face must be like before it is matched.

    Measured on 1,227 photographs (lfw-dev) and on copies made small, blurred, moving, dark and flat: where more
    than about one genuine comparison in ten is lost, the limit is. 20 of the photographs are refused.
    """

    min_face_px: float = Field(default=50.0, ge=24.0, le=1000.0, description="Least width of the face, pixels.")
    max_face_fraction: float = Field(
        default=0.8, gt=0.2, le=1.0, description="Greatest width, fraction of the picture's."
    )
    max_yaw_deg: float = Field(default=38.0, ge=5.0, le=90.0, description="Greatest turn of the head, degrees.")
    max_pitch_deg: float = Field(
        default=35.0, ge=5.0, le=90.0, description="Greatest nod of the head, degrees."
    )
    max_roll_deg: float = Field(
        default=35.0, ge=5.0, le=90.0, description="Greatest tilt of the head, degrees."
    )
    min_sharpness: float = Field(
        default=4.0,
        ge=0.0,
        description="Least variance of the aligned face's second derivative in its most blurred direction.",
    )
    min_brightness: float = Field(default=0.08, ge=0.0, le=1.0, description="Least mean grey level, 0 to 1.")
    max_brightness: float = Field(default=0.9, ge=0.0, le=1.0, description="Greatest mean grey level, 0 to 1.")
    min_contrast: float = Field(
        default=0.03, ge=0.0, le=1.0, description="Least standard deviation of grey levels, 0 to 1."
    )
    min_presence: float = Field(
        default=0.99999,
        ge=0.0,
        le=1.0,
        description="Least confidence of the mesh model that a whole face is there, 0 to 1.",
    )
    min_mouth_detail: float = Field(
        default=0.38,
        ge=0.0,
        le=10.0,
        description="Least edge strength around the mouth, as a multiple of that around the eyes; 0 turns "
        "the check for a covered mouth off.",
    )


LivenessPolicy = Literal["off", "passive", "passive_and_time", "challenge_when_in_doubt", "challenge_always"]


class PersonLivenessConfig(Section):
    """Another liveness policy for one person: a stricter one, or one that they can meet."""

    person: str = Field(pattern=r"^[0-9a-f]{32}$", description="The person's id (clockface people list).")
    policy: LivenessPolicy = Field(description="As `liveness.policy`.")


class LivenessConfig(Section):
    """Presentation attack detection."""

    policy: LivenessPolicy = Field(
        default="passive_and_time",
        description="off: a photograph can clock in, and doctor says so. passive: the look of single frames "
        "decides; weak against good prints. passive_and_time: the face must also move as a head moves in "
        "space, within 1.5 s. challenge_when_in_doubt: whoever did not show that is asked to turn the head "
        "and to come closer. challenge_always: everybody is.",
    )
    people: tuple[PersonLivenessConfig, ...] = Field(
        default=(), description="People for whom another policy holds than for the site."
    )

    @field_validator("people")
    @classmethod
    def _each_once(cls, value: tuple[PersonLivenessConfig, ...]) -> tuple[PersonLivenessConfig, ...]:
        if len({each.person for each in value}) != len(value):
            raise ValueError("one person has two policies")
        return value


class DecisionConfig(Section):
    """How frames become a verdict."""

    max_fpir: float = Field(
        default=0.01,
        gt=0.0,
        lt=1.0,
        description="False positive identification rate of a stranger: picks the operating point "
        "measured for it; a rate without a measured point is an error.",
    )
    frames: int = Field(default=3, ge=1, le=15, description="Frames of one track that must agree.")
    margin: float = Field(
        default=0.05, ge=0.0, le=1.0, description="Least lead of the first over the second person, cosine."
    )
    time_limit_s: float = Field(
        default=3.0, ge=0.5, le=15.0, description="Longest time from first sight to a verdict, seconds."
    )
    people: Literal["nearest", "each", "one"] = Field(
        default="nearest",
        description="Several people in view. nearest: judge the largest face. each: one after the other. "
        "one: ask for one at a time.",
    )
    track_gap_s: float = Field(
        default=0.7, ge=0.1, le=5.0, description="A face unseen for longer ends its track, seconds."
    )
