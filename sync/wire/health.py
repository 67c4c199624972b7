"""How a device is: state from the courier (birth, and death by the broker's will), telemetry signed by edge.

Numbers and codes only. "Online" says that a courier is connected and nothing more; what has arrived is for the
office's own frontier to say, held against the head that edge signs here. Trust boundary: state and courier's
part are as true as the broker; edge's part is signed.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sync.wire.documents import Document
from sync.wire.events import ClockReading
from sync.wire.fields import (
    Code,
    Count,
    EventPoint,
    KeyId,
    RandomId,
    RosterVersion,
    Sha256,
    Time,
    Version,
    Wire,
)


class State(Wire):
    """Birth or death of a courier's session. A death counts only for the session that it names.

    Args:
        session: Random, new at each start of a connection.
        online: True in the birth, false in the will and in an orderly goodbye.
        since: When the session began, by the device's clock.
        orderly: Whether the courier said goodbye itself.
    """

    kind: Literal["clockface.state.v1"] = "clockface.state.v1"
    session: RandomId
    online: bool
    since: Time
    software: Version
    orderly: bool = False


class StageTime(Wire):
    """Time that one stage of the pipeline takes, over the last frames."""

    stage: Code
    median_us: Count
    p95_us: Count


class Telemetry(Document):
    """The device's condition, signed by edge.

    Args:
        nonce: Random; the office's next ack repeats it, which dates the office's time.
        head: The newest event in the ledger.
        frontier: What the device believes delivered.
        removed_to: The last event that the device removed from its ledger, its time being over or the disk
            full; absent while the ledger is whole.
        pending: Events that the office has not confirmed.
        verdicts: How often each verdict was given since the start.
        fault: Why nobody is recognised by face; absent when all is well.
        service: Whether an operator took the kiosk out of service.
        alarms: Kinds of alarms that nobody has cleared.
        office_keys: Ids of the office's online and operator keys that the device believes, sorted.
        temperature_mc: Of the processor, thousandths of a degree Celsius; absent where it cannot be read.
        throttled: Whether the board slowed down for heat or low voltage; absent where it cannot be read.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.telemetry+json"

    kind: Literal["clockface.telemetry.v1"] = "clockface.telemetry.v1"
    nonce: RandomId
    time: Time
    clock: ClockReading
    software: Version
    uptime_s: Count
    models: Annotated[list[Sha256], Field(max_length=16)]
    head: EventPoint
    frontier: EventPoint | None = None
    removed_to: EventPoint | None = None
    pending: Count
    oldest_pending: Time | None = None
    parcels_pending: Count
    verdicts: Annotated[dict[Code, Count], Field(max_length=32)]
    camera: Code
    camera_mfps: Count
    fault: Code | None = None
    service: Literal["in_service", "out_of_service"]
    alarms: Annotated[list[Code], Field(max_length=32)]
    office_keys: Annotated[list[KeyId], Field(max_length=8)] | None = None
    roster_version: RosterVersion
    people: Count
    templates: Count
    resident_bytes: Count
    disk_free_bytes: Count | None = None
    disk_total_bytes: Count | None = None
    temperature_mc: Annotated[int, Field(ge=-100_000, le=200_000)] | None = None
    throttled: bool | None = None
    stages: Annotated[list[StageTime], Field(max_length=32)]


class CourierHealth(Wire):
    """The courier's own part of telemetry; unsigned.

    Args:
        session: As in `State`.
        certificate_expires: End of the TLS certificate.
        certificate_days: Whole days until then; negative when it has expired.
        reconnects: Since the courier's start.
        resends: How often it went back to the frontier.
        broker: Which of the configured addresses it is connected to, counted from 1.
    """

    session: RandomId
    certificate_expires: Time
    certificate_days: Annotated[int, Field(ge=-200_000, le=200_000)]
    reconnects: Count
    resends: Count
    broker: Annotated[int, Field(ge=1, le=8)]
    resident_bytes: Count


class TelemetryMessage(Wire):
    """What goes out on the telemetry topic.

    Args:
        edge: The encoded DSSE envelope of `Telemetry`; absent while edge does not answer.
        courier: The courier's part.
    """

    kind: Literal["clockface.telemetry-message.v1"] = "clockface.telemetry-message.v1"
    edge: Annotated[str, Field(max_length=192 * 1024)] | None = None
    courier: CourierHealth
