"""The whole configuration, as one frozen, typed tree.

Read once, at start, by `edge.configuration.READER` (a TOML file, then the environment). Every field has a unit,
bounds and a description, and something that it changes; unknown keys are errors. docs/configuration.md is
generated from this file. Nothing secret is a field: keys come from credentials (`edge.store.keys`).
"""

from datetime import time
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from clockface.config import LoggingConfig, Section, Slug, SocketFolder, SocketPath, TimeZone
from edge.signal_settings import LocalTime, SignalsConfig

WorkCode = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=200)]


class DeviceConfig(Section):
    """Who and where this kiosk is."""

    site: Slug = Field(
        default="site", description="The site's name in topics and events: lower-case letters, digits, hyphens."
    )
    name: Slug = Field(default="kiosk", description="The device's name, unique in its site.")
    timezone: TimeZone = Field(
        default="UTC", description="The site's time zone, as in the IANA database (Europe/Madrid)."
    )


class PathsConfig(Section):
    """Where things are kept."""

    state: Path = Field(
        default=Path("/var/lib/clockface"), description="Folder of the ledger and the keys; mode 0700."
    )
    run: SocketFolder = Field(
        default=Path("/run/clockface"), description="Folder of the unix sockets; at most 90 characters long."
    )
    models: Path | None = Field(
        default=None, description="Folder with manifest.toml; unset means the one that Clockface ships."
    )


class KeysConfig(Section):
    """Where keys may come from."""

    allow_environment: bool = Field(
        default=False,
        description="Accept DATA_ENCRYPTION_KEY and FACE_DATA_ENCRYPTION_KEY from the environment. "
        "Development only: "
        "other processes of the same user can read it.",
    )


class RegionConfig(Section):
    """The part of the picture that is looked at, as fractions of its width and height, before rotation."""

    left: float = Field(default=0.0, ge=0.0, lt=1.0, description="Left edge, fraction of the width.")
    top: float = Field(default=0.0, ge=0.0, lt=1.0, description="Upper edge, fraction of the height.")
    width: float = Field(default=1.0, gt=0.0, le=1.0, description="Width, fraction of the width.")
    height: float = Field(default=1.0, gt=0.0, le=1.0, description="Height, fraction of the height.")

    @model_validator(mode="after")
    def _inside(self) -> "RegionConfig":
        if self.left + self.width > 1.0 + 1e-9 or self.top + self.height > 1.0 + 1e-9:
            raise ValueError(
                "the region reaches over the picture's edge: left + width and top + height must be at most 1"
            )
        return self


class CameraConfig(Section):
    """Which camera, and how it is read."""

    source: Literal["v4l2", "picamera2", "gstreamer", "remote", "replay"] = Field(
        default="v4l2",
        description="v4l2: USB and V4L2 cameras; picamera2: Raspberry Pi CSI; gstreamer: Jetson CSI or "
        "any pipeline; "
        "remote: frames of clockface-capture (network cameras); replay: a recording.",
    )
    device: str = Field(
        default="/dev/video0",
        description="v4l2: device path or index; a path of /dev/v4l/by-id stays the same "
        "when the camera is plugged elsewhere. picamera2, and gstreamer without a pipeline: camera number.",
    )
    width_px: int = Field(default=640, ge=160, le=4096, description="Width asked of the camera, pixels.")
    height_px: int = Field(default=480, ge=120, le=4096, description="Height asked of the camera, pixels.")
    fps: float = Field(default=15.0, ge=1.0, le=120.0, description="Frames a second asked of the camera.")
    pipeline: str = Field(
        default="",
        max_length=2000,
        description="gstreamer: the pipeline up to but without the appsink; empty means nvarguscamerasrc "
        "(Jetson CSI).",
    )
    socket: SocketPath | None = Field(default=None, description="remote: the unix socket of clockface-capture.")
    replay_path: Path | None = Field(default=None, description="replay: a video file or a folder of pictures.")
    replay_pace: Literal["realtime", "fast"] = Field(
        default="realtime",
        description="replay: at the recording's own speed, or every frame as fast as it is taken.",
    )
    replay_loop: bool = Field(default=False, description="replay: begin again at the end.")
    rotation_deg: Literal[0, 90, 180, 270] = Field(
        default=0, description="Clockwise rotation of the picture, degrees."
    )
    mirror: bool = Field(default=False, description="Flip the picture left to right after rotation.")
    exposure_us: int | None = Field(
        default=None, ge=50, le=1_000_000, description="Fixed exposure in microseconds; unset means automatic."
    )
    region: RegionConfig = Field(
        default=RegionConfig(), description="The part of the picture that is looked at."
    )
    freeze_after_s: float = Field(
        default=3.0,
        ge=0.5,
        le=60.0,
        description="Without a new frame, or with the same one, for this long: frozen, reopened. At least "
        "the time of two and a half frames.",
    )
    reopen_max_s: float = Field(
        default=30.0,
        ge=1.0,
        le=600.0,
        description="Longest pause between attempts to open a camera that is gone, seconds.",
    )

    @model_validator(mode="after")
    def _complete(self) -> "CameraConfig":
        if self.source == "replay" and self.replay_path is None:
            raise ValueError("source = replay needs replay_path")
        if self.source == "remote" and self.socket is None:
            raise ValueError("source = remote needs socket")
        if self.exposure_us is not None and (self.source in {"replay", "remote"} or self.pipeline):
            raise ValueError(
                "exposure_us changes nothing for source = replay or remote, or with a pipeline of your own: "
                "unset it, or write the exposure into the pipeline"
            )
        return self


class IdleConfig(Section):
    """How the kiosk rests while nobody is there: frames in which nothing moves are not judged."""

    after_s: float = Field(
        default=10.0,
        ge=0.0,
        le=3600.0,
        description="Without a face and without motion for this long, seconds: rest; 0: never rest.",
    )
    look_every_s: float = Field(
        default=0.5,
        ge=0.1,
        le=5.0,
        description="While resting one frame is judged this often, whatever it shows, seconds.",
    )
    levels: float = Field(
        default=8.0,
        ge=2.0,
        le=64.0,
        description="By how many of 256 grey levels a 1,200th of the picture must differ to count as moved; "
        "three of them end the rest, with the same frame.",
    )


class PreviewConfig(Section):
    """The mirror on the screen: pictures for the screen's socket, made only while somebody watches."""

    offered: bool = Field(default=True, description="Whether the screen may show people themselves.")
    size_px: int = Field(default=320, ge=96, le=640, description="Longer side of the picture, pixels.")
    fps: float = Field(default=15.0, ge=1.0, le=30.0, description="Most pictures a second.")


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


class ShiftConfig(Section):
    """A shift that may cross midnight."""

    name: str = Field(min_length=1, max_length=40, description="Shown in exports.")
    starts: LocalTime = Field(description="Local time at which it begins.")
    ends: LocalTime = Field(
        description="Local time at which it ends; earlier than `starts` means the next day."
    )


class AttendanceConfig(Section):
    """How a verdict becomes an attendance record."""

    direction: Literal["in", "out", "assume", "choose", "unstated"] = Field(
        default="assume",
        description="in, out: this kiosk records only that. assume: the opposite of the person's last "
        "record here, unless they choose another on the screen. choose: the person chooses on the screen, up "
        "to 15 s before or 10 s after; who does not is recorded as unstated. unstated: the office derives it.",
    )
    sole_kiosk: bool = Field(
        default=True,
        description="Whether this is the site's only kiosk; with others, an assumed direction is recorded "
        "as unstated.",
    )
    repeat_s: float = Field(
        default=60.0,
        ge=0.0,
        le=86_400.0,
        description="The same person within this time is not recorded again, seconds.",
    )
    day_starts: LocalTime = Field(
        default=time(4, 0), description="Local time at which the attendance day begins, outside shifts."
    )
    shift_slack_s: float = Field(
        default=7200.0,
        ge=0.0,
        le=28_800.0,
        description="How long before and after a shift a record still counts for it, seconds.",
    )
    open_for_s: float = Field(
        default=57_600.0,
        ge=3600.0,
        le=172_800.0,
        description="After an in this old without an out, the next record is an in again, seconds.",
    )
    shifts: tuple[ShiftConfig, ...] = Field(
        default=(), description="The site's shifts; none means days by `day_starts`."
    )
    work_codes: tuple[WorkCode, ...] = Field(
        default=(),
        max_length=100,
        description="Codes that may accompany a record, chosen on the screen; others are refused.",
    )
    not_me_s: int = Field(
        default=15,
        ge=0,
        le=60,
        description="How long after a record its person may say on the screen that it was not them, seconds; "
        "0: not at all.",
    )
    correction_s: int = Field(
        default=60,
        ge=0,
        le=300,
        description="How long after a record its person may ask on the screen for one that is missing, "
        "seconds; 0: not at all.",
    )


class BadgeConfig(Section):
    """Ways in without a face, equal to it: docs/badges.md says what each is worth."""

    method: Literal["badge_pin", "badge_code", "badge", "number_pin", "off"] = Field(
        default="badge_pin",
        description="badge_pin: a badge, then the PIN. badge_code: a badge, then the code that an "
        "authenticator app shows. badge: the badge alone, which a photograph of it replaces. number_pin: "
        "employee number and PIN, no badge. off: none of them. "
        "A person may have a way of their own (clockface badge way).",
    )
    camera: bool = Field(default=True, description="Look for badges in the camera's picture.")
    card_reader: Path | None = Field(
        default=None,
        description="A card reader that types, as its path below /dev/input/by-id; unset: none.",
    )
    prompt_s: float = Field(
        default=30.0, ge=5.0, le=300.0, description="How long a PIN or code is waited for, seconds."
    )
    min_pin_digits: int = Field(default=4, ge=4, le=12, description="Least digits of a new PIN.")


class EnrolmentConfig(Section):
    """What enrolment asks for."""

    consent_text_version: str = Field(
        default="1", min_length=1, max_length=40, description="The consent text now in force."
    )
    outdated_consent: Literal["ask", "stop"] = Field(
        default="ask",
        description="Whoever consented to an earlier text. ask: is recognised on, and listed for staff to ask "
        "(clockface people list --consent-outdated). stop: is not recognised by face until they have agreed to "
        "the text in force; badge and PIN remain, and the templates stay.",
    )
    max_templates: int = Field(default=5, ge=1, le=20, description="Templates kept for one person and model.")
    min_face_px: float = Field(
        default=90.0, ge=40.0, le=1000.0, description="Least width of an enrolled face, pixels."
    )


class RetentionConfig(Section):
    """How long what is not needed any more stays: docs/privacy.md. Applied by clockface-retention.timer."""

    templates_unused_months: int = Field(
        default=12,
        ge=0,
        le=120,
        description="A template that recognised nobody here for this long is erased, months; 0: never. Its "
        "person stays, with badge or PIN, and may be enrolled again.",
    )
    events_days: int = Field(
        default=90,
        ge=0,
        le=3650,
        description="Events are removed from the device after this time, and only if the office has "
        "confirmed them, days; 0: never.",
    )
    audit_days: int = Field(
        default=1095, ge=0, le=3650, description="Entries of the audit trail, days; 0: for ever."
    )
    reports_days: int = Field(
        default=30,
        ge=1,
        le=365,
        description="Crash reports and support bundles that the office never fetched, days.",
    )
    alarms_days: int = Field(
        default=90, ge=1, le=3650, description="Alarms that somebody has cleared, days since they were raised."
    )
    backups_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="Backups in `backup.folder` that this device made, days; the newest always stays.",
    )

    @model_validator(mode="after")
    def _long_enough(self) -> "RetentionConfig":
        if 0 < self.events_days < 31 or 0 < self.audit_days < 31:
            raise ValueError("events_days and audit_days must be 0 or at least 31: rules and checks look back")
        return self


class BackupConfig(Section):
    """Backups that a timer makes."""

    folder: Path | None = Field(
        default=None,
        description="Where clockface backup create writes without --to, and what backups_days applies to; "
        "on another disk. Unset: the timer makes none.",
    )


class TrustConfig(Section):
    """What it takes to make a provisioned device believe another office or certificate authority."""

    reset_file: Path = Field(
        default=Path("/boot/firmware/clockface-reset"),
        description="A file that somebody at the device puts on its boot partition; it is used up.",
    )
    reset_button: int | None = Field(
        default=None, ge=0, le=53, description="GPIO (BCM number) of a button to ground; unset: none."
    )
    reset_hold_s: float = Field(
        default=5.0, ge=1.0, le=30.0, description="How long the button must be held, seconds."
    )


class UpdateConfig(Section):
    """When a staged release may be installed, and whose signature is believed."""

    begins: LocalTime = Field(
        default=time(2, 0), description="Local time from which releases are installed by themselves."
    )
    ends: LocalTime = Field(
        default=time(5, 0),
        description="Local time until which they are; earlier than `begins`: the next day; equal: always.",
    )
    healthy_within_s: float = Field(
        default=120.0,
        ge=10.0,
        le=1800.0,
        description="How long a new version may take to become ready before it is taken back, seconds.",
    )
    release_key: Path = Field(
        default=Path("/etc/clockface/release.pub"),
        description="Public half of the release key (Ed25519, PEM; several blocks while keys change); "
        "without it no release is believed.",
    )


class ApiConfig(Section):
    """The local sockets: each is guarded by its file mode and group."""

    staff_group: str = Field(
        default="", description="Group that may use staff.sock; empty means the daemon's own user only."
    )
    screen_group: str = Field(
        default="", description="Group that may use screen.sock; empty means the daemon's own user only."
    )
    sync_group: str = Field(
        default="", description="Group that may use sync.sock; empty means the daemon's own user only."
    )


Account = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")]


class StaffConfig(Section):
    """Who of the accounts in api.staff_group may do what. Who is named nowhere may look, and change nothing."""

    operators: tuple[Account, ...] = Field(
        default=(),
        max_length=200,
        description="Accounts that look after people: enrol, badges, consent, tests.",
    )
    administrators: tuple[Account, ...] = Field(
        default=(),
        max_length=50,
        description="Accounts that may also erase people, rotate keys, copy the ledger and restart the daemon. "
        "root and the daemon's own account always may.",
    )
    session_s: float = Field(
        default=1800.0,
        ge=60.0,
        le=28_800.0,
        description="How long a session for what cannot be undone lasts (clockface login), seconds.",
    )

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        named = (*self.operators, *self.administrators)
        if len(set(named)) != len(named):
            raise ValueError("an account is named twice in operators and administrators")
        return self


class Config(Section):
    """The tree. Each section is a table of the TOML file."""

    device: DeviceConfig = DeviceConfig()
    paths: PathsConfig = PathsConfig()
    keys: KeysConfig = KeysConfig()
    camera: CameraConfig = CameraConfig()
    idle: IdleConfig = IdleConfig()
    preview: PreviewConfig = PreviewConfig()
    inference: InferenceConfig = InferenceConfig()
    quality: QualityConfig = QualityConfig()
    liveness: LivenessConfig = LivenessConfig()
    decision: DecisionConfig = DecisionConfig()
    attendance: AttendanceConfig = AttendanceConfig()
    badge: BadgeConfig = BadgeConfig()
    enrolment: EnrolmentConfig = EnrolmentConfig()
    retention: RetentionConfig = RetentionConfig()
    backup: BackupConfig = BackupConfig()
    trust: TrustConfig = TrustConfig()
    update: UpdateConfig = UpdateConfig()
    signals: SignalsConfig = SignalsConfig()
    logging: LoggingConfig = LoggingConfig()
    api: ApiConfig = ApiConfig()
    staff: StaffConfig = StaffConfig()
