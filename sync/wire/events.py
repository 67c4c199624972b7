"""What goes over the wire: events as CloudEvents 1.0 JSON, in one canonical form (RFC 8785), chained by hash.

This schema is the contract of device and office; both import it and it imports neither. Trust boundary:
`read_header` and `read_event` take hostile bytes; what they return is well-formed, not yet authentic.
Numbers on the wire are integers only (micro-units): every language prints those alike, floats they do not.
"""

import hashlib
import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, Never

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.functional_validators import AfterValidator, model_validator

MAX_EVENT_BYTES = 16 * 1024
MAX_SEQ = 2**31 - 1  # CloudEvents integers are signed 32-bit
MAX_SAFE_INTEGER = 2**53 - 1  # the largest that every JSON reader keeps exact
GENESIS = "0" * 64  # prevhash of an epoch's first event
NOT_CANONICAL = "the event is not in its one canonical form"
_UNPRINTABLE = re.compile(r"[^0-9A-Za-z_]")  # a hostile field name must not reach a log as it came

EPOCH_BEGUN: Final = "clockface.epoch.begun.v1"
ATTENDANCE_RECORDED: Final = "clockface.attendance.recorded.v1"
CLOCK_CORRECTED: Final = "clockface.clock.corrected.v1"


class WireError(ValueError):
    """Bytes that are not a well-formed event. The message names fields, never their content."""


def _calendar_time(value: str) -> str:
    datetime.fromisoformat(value)
    return value


def _calendar_day(value: str) -> str:
    date.fromisoformat(value)
    return value


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RandomId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Epoch = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}-[0-9a-f]{16}$")]
Source = Annotated[str, StringConstraints(pattern=r"^clockface://[a-z0-9-]{1,64}/[a-z0-9-]{1,64}$")]
BootId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,64}$")]
WorkCode = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,40}$")]
PublicKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]  # base64url of 32 bytes, unpadded
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.+-]{1,40}$")]
Seq = Annotated[int, Field(ge=1, le=MAX_SEQ)]
Microseconds = Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Time = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"),
    AfterValidator(_calendar_time),
]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_calendar_day)]


class Wire(BaseModel):
    """A part of an event: frozen, no unknown fields, no conversions (a number is not a text)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


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


class EventPoint(Wire):
    """A point in a device's history: an event and its hash."""

    epoch: Epoch
    seq: Seq
    hash: Sha256


class EpochBegunData(Wire):
    """Why an epoch began, on what it follows, and the key that signs it."""

    clock: ClockReading
    reason: Literal["provisioned", "restored", "replaced", "refused"]
    previous: EventPoint | None = None
    public_key: PublicKey
    software: Version
    models: Annotated[list[Sha256], Field(max_length=16)] = Field(default_factory=list)


class AttendanceData(Wire):
    """Who was recorded, and how. A person is a random id; the score is a cosine in millionths."""

    clock: ClockReading
    person: RandomId
    direction: Literal["in", "out", "unstated"]
    direction_source: Literal["fixed", "chosen", "assumed", "none"]
    method: Literal["face", "badge", "pin"]
    day: Day
    work_code: WorkCode | None = None
    score_millionths: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | None = None
    model: Sha256 | None = None


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


Event = Annotated[EpochBegun | AttendanceRecorded | ClockCorrected, Field(discriminator="type")]
AnyEvent = EpochBegun | AttendanceRecorded | ClockCorrected
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Event)


class EventHeader(_Head):
    """What a receiver needs to advance, also for an event whose type or body it does not know yet."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    type: Annotated[str, Field(min_length=1, max_length=100)]


def event_name(epoch: str, seq: int) -> str:
    """CloudEvents' id of an event, unique within its source."""
    return f"{epoch}/{seq}"


def source_of(site: str, device: str) -> str:
    """CloudEvents' source of a device's events."""
    return f"clockface://{site}/{device}"


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with six decimals: one text for each moment.

    Raises:
        ValueError: The time is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("an event's time needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(event: AnyEvent) -> bytes:
    """The event's canonical bytes (RFC 8785): what is hashed, signed, stored and sent. Absent is not null."""
    return rfc8785.dumps(event.model_dump(mode="json", exclude_none=True))


def digest(payload: bytes) -> str:
    """SHA-256 in hex of canonical bytes: the event's hash and the next one's prevhash."""
    return hashlib.sha256(payload).hexdigest()


def read_header(payload: bytes) -> EventHeader:
    """Read the identity of an event of any type from hostile bytes.

    Raises:
        WireError: Not canonical JSON of at most 16 KiB with a well-formed head.
    """
    document = _json(payload)
    try:
        same = rfc8785.dumps(document) == payload  # refuses repeated fields, NaN and integers over 2^53 too
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise WireError(NOT_CANONICAL)
    try:
        return EventHeader.model_validate(document)
    except ValidationError as error:
        _refuse(error)


def read_event(payload: bytes) -> AnyEvent:
    """Read an event of a known type from hostile bytes, completely.

    Raises:
        WireError: Not canonical, or a field is unknown, missing or out of bounds.
    """
    try:
        event = EVENT.validate_python(_json(payload))
    except ValidationError as error:
        _refuse(error)
    if canonical(event) != payload:
        raise WireError(NOT_CANONICAL)
    return event


def _json(payload: bytes) -> Any:
    if len(payload) > MAX_EVENT_BYTES:
        raise WireError(f"the event is larger than {MAX_EVENT_BYTES} bytes")
    try:
        return json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        raise WireError("the event is not JSON") from None


def _refuse(error: ValidationError) -> Never:
    fields = {
        ".".join(_UNPRINTABLE.sub("?", str(part))[:40] for part in each["loc"]) or "event"
        for each in error.errors()
    }
    raise WireError(f"the event's fields do not hold: {', '.join(sorted(fields)[:8])}") from None
