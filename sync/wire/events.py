"""What goes over the wire: events as CloudEvents 1.0 JSON, in one canonical form (RFC 8785), chained by hash.

This schema is the contract of device and office; both import it and it imports neither. Trust boundary:
`read_header` and `read_event` take hostile bytes; what they return is well-formed, not yet authentic.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.functional_validators import model_validator

from sync.wire.canonical import encode, parse, read_at_once, refuse, refuse_variants
from sync.wire.fields import (
    MAX_SAFE_INTEGER,
    BootId,
    Day,
    Epoch,
    EventPoint,
    Microseconds,
    RandomId,
    Seq,
    Sha256,
    SigningKey,
    Source,
    Time,
    Version,
    Wire,
    WorkCode,
)

MAX_EVENT_BYTES = 16 * 1024
GENESIS = "0" * 64  # prevhash of an epoch's first event

EPOCH_BEGUN: Final = "clockface.epoch.begun.v1"
ATTENDANCE_RECORDED: Final = "clockface.attendance.recorded.v1"
CLOCK_CORRECTED: Final = "clockface.clock.corrected.v1"
PERSON_CHANGED: Final = "clockface.person.changed.v1"
ATTENDANCE_VOIDED: Final = "clockface.attendance.voided.v1"
CORRECTION_REQUESTED: Final = "clockface.correction.requested.v1"
DEVICE_TESTED: Final = "clockface.device.tested.v1"
DEVICE_RETIRED: Final = "clockface.device.retired.v1"


class ClockReading(Wire):
    """How the time of an event was read; the wall time itself is the event's `time`.

    Args:
        trust: How far the wall time can be believed.
        utc_offset_s: The site's offset from UTC at that time, seconds.
        boot_id: The kernel's random id of the boot.
        boottime_us: CLOCK_BOOTTIME, microseconds.
    """

    trust: Literal["synchronised", "holdover", "unsynchronised"]
    utc_offset_s: Annotated[int, Field(ge=-64_800, le=64_800)]
    boot_id: BootId
    boottime_us: Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]


class EpochBegunData(Wire):
    """Why an epoch began, on what it follows, and the key that signs it."""

    clock: ClockReading
    reason: Literal["provisioned", "restored", "replaced", "refused"]
    previous: EventPoint | None = None
    public_key: SigningKey
    software: Version
    models: Annotated[list[Sha256], Field(max_length=16)] = Field(default_factory=list)


class AttendanceData(Wire):
    """Who was recorded, and how. A person is a random id; the score is a cosine in millionths.

    `reissues` names the event that the office refused (a device restored behind Clockface's back went on where
    another history had been): the same record under a new identity, so that it counts once.
    """

    clock: ClockReading
    person: RandomId
    direction: Literal["in", "out", "unstated"]
    direction_source: Literal["fixed", "chosen", "assumed", "none"]
    method: Literal["face", "badge", "pin"]
    day: Day
    work_code: WorkCode | None = None
    score_millionths: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | None = None
    model: Sha256 | None = None
    reissues: EventPoint | None = None


class CorrectedRange(Wire):
    """Events of one epoch and boot whose wall time was off by the same amount: true = recorded + correction."""

    epoch: Epoch
    first_seq: Seq
    last_seq: Seq
    correction_us: Microseconds

    @model_validator(mode="after")
    def _ordered(self) -> "CorrectedRange":
        if self.last_seq < self.first_seq:
            raise ValueError("last_seq must not be before first_seq")
        return self


class ClockCorrectedData(Wire):
    """The clock became trusted: what the times of earlier events of the same boot should have been."""

    clock: ClockReading
    ranges: Annotated[list[CorrectedRange], Field(min_length=1, max_length=64)]


class PersonChangedData(Wire):
    """What staff did to a person at the kiosk that the whole site must follow; the person is a random id.

    With removed and biometrics_removed, `backups_until` is the day by which the last of the device's own
    backups that may hold what was erased is removed; absent where it knows of none.
    """

    clock: ClockReading
    person: RandomId
    change: Literal["removed", "biometrics_removed", "disabled", "enabled"]
    backups_until: Day | None = None


class AttendanceVoidedData(Wire):
    """Somebody who was recorded said at once that it was not them: that record counts for nobody.

    `voids` names it as the device made it. Where the office holds the record only as it was issued again, that
    one is meant.
    """

    clock: ClockReading
    person: RandomId
    voids: EventPoint
    reason: Literal["not_me"]


class CorrectionRequestedData(Wire):
    """Somebody who was just recorded says at the kiosk that an earlier record is missing; the office decides.

    `asked_with` names the record by which they were identified, `moment` the time at which they came or went.
    """

    clock: ClockReading
    person: RandomId
    asked_with: EventPoint
    direction: Literal["in", "out"]
    moment: Time


class DeviceTestedData(Wire):
    """Staff look whether events arrive: means nothing but that it came. `test` tells tests apart."""

    clock: ClockReading
    test: RandomId


class DeviceRetiredData(Wire):
    """The device goes out of use: the last event that it signs, before its keys are destroyed."""

    clock: ClockReading
    reason: Literal["retired", "moved"]


class _Head(Wire):
    """What every event carries: CloudEvents' attributes and our extensions epoch, seq and prevhash."""

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Field(max_length=64)]
    source: Source
    time: Time
    datacontenttype: Literal["application/json"] = "application/json"
    epoch: Epoch
    seq: Seq
    prevhash: Sha256

    @model_validator(mode="after")
    def _consistent(self) -> "_Head":
        if self.id != event_name(self.epoch, self.seq):
            raise ValueError("id must be epoch/seq")
        if (self.seq == 1) != (self.prevhash == GENESIS):
            raise ValueError("prevhash must be zeros in an epoch's first event, and nowhere else")
        return self

    @property
    def at(self) -> datetime:
        """The event's wall time as an aware UTC time."""
        return datetime.fromisoformat(self.time)


class EpochBegun(_Head):
    """An epoch's first event."""

    type: Literal["clockface.epoch.begun.v1"] = EPOCH_BEGUN
    data: EpochBegunData

    @model_validator(mode="after")
    def _first(self) -> "EpochBegun":
        if self.seq != 1:
            raise ValueError("an epoch begins with seq 1")
        return self


class AttendanceRecorded(_Head):
    """Somebody was recorded."""

    type: Literal["clockface.attendance.recorded.v1"] = ATTENDANCE_RECORDED
    data: AttendanceData


class ClockCorrected(_Head):
    """The clock became trusted, and what that says of earlier events."""

    type: Literal["clockface.clock.corrected.v1"] = CLOCK_CORRECTED
    data: ClockCorrectedData


class PersonChanged(_Head):
    """A person was removed, disabled or enabled here, or withdrew from biometrics."""

    type: Literal["clockface.person.changed.v1"] = PERSON_CHANGED
    data: PersonChangedData


class AttendanceVoided(_Head):
    """A record was not of the person whom it names."""

    type: Literal["clockface.attendance.voided.v1"] = ATTENDANCE_VOIDED
    data: AttendanceVoidedData


class CorrectionRequested(_Head):
    """A person asks for a record that is missing."""

    type: Literal["clockface.correction.requested.v1"] = CORRECTION_REQUESTED
    data: CorrectionRequestedData


class DeviceTested(_Head):
    """Staff tried the way to the office."""

    type: Literal["clockface.device.tested.v1"] = DEVICE_TESTED
    data: DeviceTestedData


class DeviceRetired(_Head):
    """Nothing follows from this device."""

    type: Literal["clockface.device.retired.v1"] = DEVICE_RETIRED
    data: DeviceRetiredData


AnyEvent = (
    EpochBegun
    | AttendanceRecorded
    | ClockCorrected
    | PersonChanged
    | AttendanceVoided
    | CorrectionRequested
    | DeviceTested
    | DeviceRetired
)
Event = Annotated[AnyEvent, Field(discriminator="type")]
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Event)


class EventHeader(_Head):
    """What a receiver needs to advance, also for an event whose type or body it does not know yet."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    # Required here, since no rewriting of the whole document follows that would miss them.
    specversion: Literal["1.0"]
    datacontenttype: Literal["application/json"]
    type: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,100}$")]


def event_name(epoch: str, seq: int) -> str:
    """CloudEvents' id of an event, unique within its source."""
    return f"{epoch}/{seq}"


def source_of(site: str, device: str) -> str:
    """CloudEvents' source of a device's events."""
    return f"clockface://{site}/{device}"


def canonical(event: AnyEvent) -> bytes:
    """The event's canonical bytes: what is hashed, signed, stored and sent."""
    return encode(event)


def read_header(payload: bytes) -> EventHeader:
    """Read the identity of an event of any type from hostile bytes.

    Raises:
        WireError: Not canonical JSON of at most 16 KiB with a well-formed head.
    """
    document = parse(payload, max_bytes=MAX_EVENT_BYTES)
    try:
        return EventHeader.model_validate(document)
    except ValidationError as error:
        refuse(error)


def event_at_once(payload: bytes) -> AnyEvent | None:
    """An event of a known type that is, byte for byte, what we would write of it; else None."""
    return read_at_once(EVENT.validate_json, payload, max_bytes=MAX_EVENT_BYTES)


def read_event(payload: bytes) -> AnyEvent:
    """Read an event of a known type from hostile bytes, completely.

    Raises:
        WireError: Not canonical, or a field is unknown, missing or out of bounds.
    """
    at_once = event_at_once(payload)
    return read_event_closely(payload) if at_once is None else at_once


def read_event_closely(payload: bytes) -> AnyEvent:
    """The long way of `read_event`, with the same result."""
    document = parse(payload, max_bytes=MAX_EVENT_BYTES)
    try:
        event = EVENT.validate_python(document)
    except ValidationError as error:
        refuse(error)
    refuse_variants(event, document)
    return event
