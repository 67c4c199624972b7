"""A kiosk that says it goes out of use is retired at the office; its test events mean nothing else."""

from sqlalchemy import select

from sync.office.database import Database, schema
from tests.sync.office.test_said import registered, take


def test_a_kiosk_that_retires_itself_is_retired_here_and_the_audit_says_so(office_database: Database) -> None:
    kiosk = registered(office_database)
    take(office_database, kiosk, kiosk.begin(), kiosk.test(), kiosk.retire())
    with office_database.read() as connection:
        device = connection.execute(select(schema.devices)).one()
        audited = connection.execute(select(schema.audit.c.action, schema.audit.c.actor)).all()
        kinds = list(connection.execute(select(schema.events.c.type).order_by(schema.events.c.seq)).scalars())
    assert (device.state, device.ended_by) == ("retired", "mill/gate")
    assert ("device.retired", "mill/gate") in [(row.action, row.actor) for row in audited]
    assert kinds[1:] == ["clockface.device.tested.v1", "clockface.device.retired.v1"]


def test_one_that_was_revoked_stays_so(office_database: Database) -> None:
    kiosk = registered(office_database)
    with office_database.write() as connection:
        connection.execute(schema.devices.update().values(state="revoked"))
    take(office_database, kiosk, kiosk.begin(), kiosk.retire())
    with office_database.read() as connection:
        assert connection.execute(select(schema.devices.c.state)).scalar_one() == "revoked"
