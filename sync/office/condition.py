"""What devices tell of themselves: birth and death of their couriers, and telemetry that edge signs.

Trust boundary: a state is as true as the broker, and a death counts only for the session that it names; of
telemetry only edge's part is signed, and only that part decides anything here.
"""

import json
from typing import Any

from sqlalchemy import Connection, select

from sync.office.alarms import AlarmKind, insert, raise_alarm
from sync.office.database import schema
from sync.office.evidence import record_fork
from sync.office.histories import load_epochs
from sync.office.history import Settled, settled
from sync.office.registry import Device
from sync.office.renewed import note_in_use
from sync.office.resume import note_version
from sync.office.rows import microseconds, parse_moment
from sync.office.verification import Reason, Rejected
from sync.wire.canonical import WireError, encode, read
from sync.wire.documents import open_document
from sync.wire.envelope import EnvelopeError
from sync.wire.fields import EventPoint
from sync.wire.health import State, Telemetry, TelemetryMessage

MAX_STATE_BYTES = 4096
MAX_TELEMETRY_BYTES = 256 * 1024


def take_state(connection: Connection, device: Device, payload: bytes, *, now_us: int) -> Rejected | State:
    """Note that a courier's session began or ended."""
    try:
        state = read(State, payload, max_bytes=MAX_STATE_BYTES)
    except WireError as error:
        return Rejected(Reason.MALFORMED, str(error), payload)
    health = schema.device_health
    known = connection.execute(
        select(health.c.session).where(health.c.device_id == device.id)
    ).scalar_one_or_none()
    if not state.online and known is not None and known != state.session:
        return state  # the will of an earlier session, late
    values = {
        "online": state.online,
        "session": state.session,
        "session_us": microseconds(parse_moment(state.since)),
        "software": state.software,
        "last_seen_us": now_us,
    }
    _write(connection, device, values)
    return state


def take_telemetry(
    connection: Connection, device: Device, payload: bytes, *, now_us: int
) -> Rejected | Telemetry | None:
    """Store edge's signed telemetry with the courier's part beside it; None if edge's part is absent."""
    try:
        message = read(TelemetryMessage, payload, max_bytes=MAX_TELEMETRY_BYTES)
        told = None
        if message.edge is not None:
            told = open_document(
                Telemetry, message.edge.encode(), keys=device.public_keys, address=device.address
            )
    except (WireError, EnvelopeError) as error:
        return Rejected(Reason.MALFORMED, str(error), payload)
    values: dict[str, Any] = {"last_seen_us": now_us}
    if told is not None:
        document = {
            "edge": json.loads(encode(told)),
            "courier": message.courier.model_dump(mode="json", exclude_none=True),
        }
        oldest = told.oldest_pending
        values |= {
            "telemetry": json.dumps(document, separators=(",", ":")),
            "telemetry_us": now_us,
            "software": told.software,
            "pending": told.pending,
            "oldest_pending_us": None if oldest is None else microseconds(parse_moment(oldest)),
            "roster_version": told.roster_version,
        }
        note_version(connection, device, told.roster_version, now_us=now_us)
    _write(connection, device, values)
    expires = parse_moment(message.courier.certificate_expires)
    note_in_use(connection, device, expires_us=microseconds(expires), now_us=now_us)
    return told


def _write(connection: Connection, device: Device, values: dict[str, Any]) -> None:
    statement = insert(connection, schema.device_health).values(device_id=device.id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["device_id"], set_=values))


def compare_frontier(
    connection: Connection, device: Device, told: Telemetry, *, now_us: int
) -> tuple[Settled, bool]:
    """Hold what the device believes delivered against what is committed here.

    Returns:
        What to acknowledge, and whether the office misses what the device believes delivered: it was restored
        from a backup.
    """
    epochs = load_epochs(connection, [device.id])[device.id]
    here = settled(told.head.epoch, epochs)
    believed = told.frontier
    if believed is None:
        return here, False
    known = epochs.get(believed.epoch)
    if known is None or known.frontier_seq < believed.seq:
        return (here if here.committed is not None else _newest(epochs)), True
    _compare_hash(connection, device, believed, epoch_id=known.id, now_us=now_us)
    return here, not settled(believed.epoch, epochs).complete


def _newest(epochs: dict[str, Any]) -> Settled:
    begun = [epoch for epoch in epochs.values() if epoch.begun]
    if not begun:
        return Settled(None, complete=False, path=())
    return settled(max(begun, key=lambda epoch: epoch.id).name, epochs)


def _compare_hash(
    connection: Connection, device: Device, believed: EventPoint, *, epoch_id: int, now_us: int
) -> None:
    events = schema.events
    known = connection.execute(
        select(events.c.hash).where(events.c.epoch_id == epoch_id, events.c.seq == believed.seq)
    ).scalar_one()
    if bytes(known).hex() == believed.hash:
        return
    other = bytes.fromhex(believed.hash)
    record_fork(
        connection,
        epoch_id=epoch_id,
        seq=believed.seq,
        known=bytes(known),
        other=other,
        found_in="device",
        envelope=None,
        now_us=now_us,
    )
    raise_alarm(
        connection,
        AlarmKind.FORK,
        subject=f"{device.subject}/{believed.epoch}",
        device_id=device.id,
        detail=f"{believed.epoch}/{believed.seq}",
        now_us=now_us,
    )
