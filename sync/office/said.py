"""What people said at a kiosk about their own records: "that was not me", "I forgot to check out".

The receiver calls these once for each event, within its transaction. Trust boundary: a kiosk is believed that
somebody whom it had identified said so; a disowned record is taken out of reports at once, since it can only
take away what that kiosk had given, and a missing one waits for somebody at the office to decide.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select

from sync.office import audit
from sync.office.alarms import AlarmKind, raise_alarm
from sync.office.attendance import CorrectionKind, local_day
from sync.office.corrections import MAX_AGE
from sync.office.database import schema
from sync.office.registry import Device
from sync.office.timesheet import from_us, rules_of, to_us
from sync.wire.events import AttendanceVoided, CorrectionRequested

REASON: Final = "asked for at the kiosk by the person"


def take_void(
    connection: Connection, device: Device, event: AttendanceVoided, *, epoch_id: int, now_us: int
) -> None:
    """Leave a disowned record out of every report from now on, and let somebody look: a face was mistaken."""
    events, voided = schema.events, event.data.voids
    event_id = connection.execute(
        select(events.c.id).where(events.c.epoch_id == epoch_id, events.c.seq == event.seq)
    ).scalar_one()
    connection.execute(
        insert(schema.voids).values(
            event_id=event_id,
            device_id=device.id,
            epoch=voided.epoch,
            seq=voided.seq,
            hash=bytes.fromhex(voided.hash),
        )
    )
    raise_alarm(
        connection,
        AlarmKind.NOT_ME,
        subject=device.subject,
        device_id=device.id,
        detail=f"{voided.epoch}/{voided.seq}",
        now_us=now_us,
    )


def take_request(connection: Connection, device: Device, event: CorrectionRequested, *, now_us: int) -> bool:
    """Put a request into the queue of corrections. Returns whether it could be.

    Not if the office knows nobody of that id, or for a time that lies ahead or years ago; the event stays.
    """
    data, site = event.data, device.address.site
    moment, now = datetime.fromisoformat(data.moment), from_us(now_us)
    people, requests = schema.people, schema.correction_requests
    known = connection.execute(select(people.c.person).where(people.c.person == data.person)).first()
    if known is None or not now - MAX_AGE <= moment <= now:
        return False
    day, by = local_day(moment, rules_of(connection, site)), f"kiosk:{device.subject}"
    number = connection.execute(
        insert(requests)
        .values(
            site=site,
            person=data.person,
            day=day.isoformat(),
            kind=CorrectionKind.ADD_EVENT.value,
            time_us=to_us(moment),
            direction=data.direction,
            reason=REASON,
            requested_by=by,
            requested_us=now_us,
            state="pending",
        )
        .returning(requests.c.id)
    ).scalar_one()
    audit.append(
        connection,
        at_us=now_us,
        actor=by,
        action="correction.requested",
        subject=data.person,
        detail=f"{number} {CorrectionKind.ADD_EVENT} {day}",
    )
    return True
