"""What a kiosk does not confirm is alarmed and ordered again; what it confirms is cleared."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from sync.office import operators, outbox
from sync.office.database import Database, schema
from sync.office.operators import Role
from sync.office.orders import issue
from sync.office.receipts import ASK_AGAIN_US, missing_receipts, watch
from sync.office.roster import columns_of
from sync.office.rows import microseconds
from sync.wire.commands import Identify
from tests.sync.office.people import ANN, details, roster
from tests.sync.office.test_signer import KEY, NOW, Site

HOUR_US = 3_600_000_000


@pytest.fixture
def site(office_database: Database) -> Site:
    made = Site(office_database)
    with made.database.write() as connection:
        roster(connection, at_us=microseconds(NOW)).put(ANN, columns_of(details()), sites=["mill"])
    made.push()
    for device in made.devices:
        made.deliver(device)
    with made.database.write() as connection:
        roster(connection, at_us=microseconds(NOW)).remove(ANN)
    made.push()
    return made


def look(site: Site) -> Sequence[tuple[str, str]]:
    """Watch once; returns what is open."""
    with site.database.write() as connection:
        watch(connection, now_us=microseconds(site.now), receipts_after_us=24 * HOUR_US)
        alarms = schema.alarms
        rows = connection.execute(
            select(alarms.c.kind, alarms.c.subject)
            .where(alarms.c.cleared_us.is_(None))
            .order_by(alarms.c.subject)
        )
        return [(row.kind, row.subject) for row in rows]


def test_a_receipt_that_does_not_come_in_time_alarms_until_it_comes(site: Site) -> None:
    gate, dock = site.devices
    site.deliver(gate)
    site.now += timedelta(hours=23)
    assert look(site) == []
    site.now += timedelta(hours=2)
    assert look(site) == [("removal_receipt_late", "mill/dock")]
    site.deliver(dock)
    assert look(site) == []


def test_an_erasure_whose_answer_was_lost_is_ordered_again(site: Site) -> None:
    gate, dock = site.devices
    site.deliver(gate)
    site.deliver(dock, answered=lambda _: False)
    with site.database.write() as connection:
        known = site.known[1]
        outbox.take_result(connection, known, dock.result("e" * 32, "done"), now_us=microseconds(site.now))
        assert [each.applied for each in missing_receipts(connection)] == [True]
        table = schema.outbox
        connection.execute(table.update().values(withdrawn_us=1))  # nobody will publish it again
    assert (look(site), site.push()) == ([], 0)
    site.now += timedelta(microseconds=ASK_AGAIN_US + 1)
    look(site)
    assert site.push() == 2
    site.deliver(dock)
    with site.database.read() as connection:
        assert missing_receipts(connection) == []


def test_a_command_that_expires_without_an_answer_alarms(site: Site) -> None:
    with site.database.write() as connection:
        operators.grant(connection, "ana", Role.ADMINISTRATOR, by="test", at_us=0)
        issue(
            connection,
            site.known[0],
            Identify(),
            key=KEY,
            by="ana",
            now=site.now,
            life=timedelta(minutes=10),
        )
    site.now += timedelta(minutes=5)
    assert look(site) == []
    site.now += timedelta(minutes=6)
    assert look(site) == [("command_unanswered", "mill/gate")]
