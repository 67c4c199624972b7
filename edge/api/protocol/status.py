"""The daemon's condition, for everybody who may ask. No personal data."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import PROTOCOL_VERSION, Message
from edge.api.protocol.fields import (
    MAX_WORK_CODES,
    CameraCode,
    Code,
    EpochText,
    Line,
    OfferedWay,
    PersonKey,
    Sha256,
    TrustCode,
    VersionTag,
)


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


class LedgerStatus(Message):
    """What the ledger holds and what the office has not confirmed."""

    epoch: EpochText
    seq: int = Field(ge=0)
    events: int = Field(ge=0)
    pending: int = Field(ge=0)
    oldest_pending_at: AwareDatetime | None = None
    people: int = Field(ge=0)
    alarms: tuple[AlarmView, ...] = Field(default=(), max_length=100)


class LinkStatus(Message):
    """The courier's way to the broker, as it told; it is believed in nothing else."""

    connected: bool
    since: AwareDatetime
    broker: int | None = Field(default=None, ge=1, le=8)
    reason: Code = ""
    told_s: float = Field(ge=0, description="Seconds since it said so; it does every half minute.")


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
    link: LinkStatus | None = Field(default=None, description="None while the courier has said nothing.")
    acknowledged_at: AwareDatetime | None = Field(
        default=None, description="When the office's last valid acknowledgement came, since the daemon's start."
    )


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
    retired: bool = Field(default=False, description="Whether its last event says that it is out of use.")
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
