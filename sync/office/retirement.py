"""What a kiosk's own last event does at the office: it is out of use from then on, and its site's key is due.

The receiver calls this once for the event, within its transaction. Trust boundary: the event is authentic; a
kiosk can only take itself away by it, and whoever forces it to gains nothing else.
"""

from sqlalchemy import Connection, update

from sync.office import audit
from sync.office.database import schema
from sync.office.registry import Device
from sync.office.revocation import demand_site_key
from sync.wire.events import DeviceRetired


def take_retirement(connection: Connection, device: Device, event: DeviceRetired, *, now_us: int) -> bool:
    """Retire a kiosk that says so itself. Returns whether it was in use until then."""
    devices = schema.devices
    changed = connection.execute(
        update(devices)
        .where(devices.c.id == device.id, devices.c.state == "active")
        .values(state="retired", ended_us=now_us, ended_by=device.subject)
    )
    if changed.rowcount != 1:
        return False
    audit.append(
        connection,
        at_us=now_us,
        actor=device.subject,
        action="device.retired",
        subject=device.subject,
        detail=event.data.reason,
    )
    demand_site_key(connection, device.address, now_us=now_us)
    return True
