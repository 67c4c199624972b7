"""A verified event as the columns of `events`: what reports ask for, beside the signed original.

Trust boundary: values come from an authentic event that the schema read; of one that it could not read only the
head is written.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sync.office.verification import Verified
from sync.wire.events import AttendanceRecorded, AttendanceVoided, CorrectionRequested, PersonChanged

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
ABSENT: Final = dict.fromkeys(
    (
        "utc_offset_s",
        "trust",
        "boot_id",
        "boottime_us",
        "person",
        "direction",
        "direction_source",
        "method",
        "day",
        "work_code",
        "score_millionths",
        "model",
        "change",
        "reissues_epoch",
        "reissues_seq",
        "reissues_hash",
    )
)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, UTC, of an aware time."""
    return (moment - _UNIX) // _MICROSECOND


def parse_moment(text: str) -> datetime:
    """A well-formed time of the wire."""
    return datetime.fromisoformat(text)


def event_row(verified: Verified, *, device_id: int, epoch_id: int, received_us: int) -> dict[str, Any]:
    """The row of one event; every row has the same columns."""
    head, event = verified.head, verified.event
    row: dict[str, Any] = {
        **ABSENT,
        "device_id": device_id,
        "epoch_id": epoch_id,
        "seq": head.seq,
        "hash": verified.hash,
        "prev_hash": verified.prev_hash,
        "type": head.type,
        "time_us": microseconds(head.at),
        "received_us": received_us,
        "interpreted": event is not None,
        "envelope": verified.raw,
    }
    if event is not None:
        clock = event.data.clock
        row["utc_offset_s"], row["trust"] = clock.utc_offset_s, clock.trust
        row["boot_id"], row["boottime_us"] = clock.boot_id, clock.boottime_us
    if isinstance(event, AttendanceRecorded):
        _attendance(row, event)
    elif isinstance(event, PersonChanged):
        row["person"], row["change"] = event.data.person, event.data.change
    elif isinstance(event, AttendanceVoided | CorrectionRequested):
        row["person"] = event.data.person
    return row


def _attendance(row: dict[str, Any], event: AttendanceRecorded) -> None:
    data = event.data
    row["person"], row["method"], row["day"] = data.person, data.method, data.day
    row["direction"], row["direction_source"] = data.direction, data.direction_source
    row["work_code"], row["score_millionths"] = data.work_code, data.score_millionths
    row["model"] = None if data.model is None else bytes.fromhex(data.model)
    if data.reissues is not None:
        row["reissues_epoch"], row["reissues_seq"] = data.reissues.epoch, data.reissues.seq
        row["reissues_hash"] = bytes.fromhex(data.reissues.hash)
