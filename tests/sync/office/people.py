"""People and templates for the office's tests, as kiosks hand them in."""

from sqlalchemy import Connection, select

from sync.office.database import Database, schema
from sync.office.registry import Device, load_devices
from sync.office.roster import Roster
from sync.wire.parcels import PersonParcel, TemplateParcel
from sync.wire.roster import ConsentGiven, PersonDetails
from tests.sync.office.kiosk import Kiosk

NOW_US = 1_770_000_000_000_000
AT = "2026-03-02T06:00:00.000000Z"
GIVEN = ConsentGiven(text_version="1", language="en", how="paper", given_at="2026-03-01T06:00:00.000000Z")
ANN, BEN = "a" * 32, "b" * 32


def details(number: str = "17", *, name: str = "Ann Example", consent: bool = True) -> PersonDetails:
    return PersonDetails(name=name, number=number, language="en", consent=GIVEN if consent else None)


def registered(database: Database, *kiosks: Kiosk) -> list[Device]:
    with database.write() as connection:
        for kiosk in kiosks:
            kiosk.register(connection)
        known = load_devices(connection, [kiosk.address for kiosk in kiosks])
    return [known[kiosk.address] for kiosk in kiosks]


def person_parcel(device: Device, person: str, *, at: str = AT, number: int = 1) -> PersonParcel:
    """A parcel whose content the test hands over as opened already."""
    address = device.address
    return PersonParcel(
        site=address.site, device=address.device, id=f"{number:032x}", at=at, person=person, sealed=""
    )


def template_parcel(device: Device, person: str, template: str, *, sealed: str = "c2VhbGVk") -> TemplateParcel:
    address = device.address
    return TemplateParcel(
        site=address.site,
        device=address.device,
        id=template,
        at=AT,
        person=person,
        template=template,
        model="c" * 64,
        site_key="d" * 32,
        sealed=sealed,
    )


def roster(connection: Connection, *, by: str = "clara", at_us: int = NOW_US) -> Roster:
    return Roster(connection, by=by, at_us=at_us)


def changes(connection: Connection, site: str = "mill") -> list[tuple[int, str, str]]:
    """What was given out: version, kind, and whom or which template it is about by its first letter."""
    table = schema.roster_changes
    rows = connection.execute(select(table).where(table.c.site == site).order_by(table.c.version))
    return [(row.version, row.kind, (row.template_id or row.person)[0]) for row in rows]
