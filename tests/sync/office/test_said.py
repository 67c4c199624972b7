"""What people say at a kiosk of their own records: disowned ones do not count, missing ones wait."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import insert, select

from sync.office.corrections import decide, listed
from sync.office.database import Database, schema
from sync.office.ingest import Limits, ingest
from sync.office.registry import load_devices
from sync.office.timesheet import from_us, sheet, to_us
from sync.office.verification import Verified, verify_message
from tests.sync.office.kiosk import START, Kiosk

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
ANA, BEN = "ab" * 16, "cd" * 16


def take(database: Database, kiosk: Kiosk, *raws: bytes, now: datetime = NOW) -> None:
    with database.write() as connection:
        device = load_devices(connection, [kiosk.address])[kiosk.address]
        events = verify_message(b"\n".join(raws), address=kiosk.address, keys=device.keys)
        verified = [each for each in events if isinstance(each, Verified)]
        assert len(verified) == len(raws)
        ingest(connection, [(device, verified)], now_us=to_us(now), limits=Limits())


def registered(database: Database, *people: str) -> Kiosk:
    kiosk = Kiosk()
    with database.write() as connection:
        kiosk.register(connection)
        for index, person in enumerate(people):
            connection.execute(
                insert(schema.people).values(
                    person=person, employee_number=str(index), name="N", active=True, created_us=0, changed_us=0
                )
            )
    return kiosk


def days(database: Database, kiosk: Kiosk) -> list[str]:
    with database.read() as connection:
        found = sheet(connection, site=kiosk.address.site, first=DAY, last=DAY, now=NOW)
    return [day.person for day in found]


def test_a_disowned_record_stays_and_counts_in_no_report_and_somebody_is_to_look(
    office_database: Database,
) -> None:
    kiosk = registered(office_database)
    begun, mistaken = kiosk.begin(), kiosk.record(person=ANA)
    point = kiosk.point
    assert point is not None
    take(office_database, kiosk, begun, mistaken, kiosk.record(person=BEN))
    assert sorted(days(office_database, kiosk)) == sorted([ANA, BEN])
    take(office_database, kiosk, kiosk.disown(point, person=ANA))
    assert days(office_database, kiosk) == [BEN]
    with office_database.read() as connection:
        stored = connection.execute(select(schema.events.c.person).order_by(schema.events.c.seq)).scalars()
        assert list(stored) == [None, ANA, BEN, ANA]
        alarm = connection.execute(select(schema.alarms.c.kind, schema.alarms.c.detail)).one()
    assert tuple(alarm) == ("not_me", f"{point.epoch}/{point.seq}")


def test_a_record_that_was_issued_again_stays_disowned(office_database: Database) -> None:
    kiosk = registered(office_database)
    begun, mistaken = kiosk.begin(), kiosk.record(person=ANA)
    refused = kiosk.point
    assert refused is not None
    del mistaken  # the office never took it
    again = kiosk.begin("000002-00000000000000bb", reason="refused")
    take(office_database, kiosk, begun, again, kiosk.record(person=ANA, reissues=refused))
    assert days(office_database, kiosk) == [ANA]
    take(office_database, kiosk, kiosk.disown(refused, person=ANA))
    assert days(office_database, kiosk) == []


def test_a_missing_record_is_asked_for_at_the_kiosk_and_counts_once_somebody_approved(
    office_database: Database,
) -> None:
    kiosk = registered(office_database, ANA)
    left = START + timedelta(hours=2)
    take(office_database, kiosk, kiosk.begin(), kiosk.record(person=ANA), kiosk.ask(moment=left, person=ANA))
    with office_database.write() as connection:
        [request] = listed(connection)
        assert (request.person, request.requested_by.split(":")[0]) == (ANA, "kiosk")
        assert from_us(request.time_us or 0) == left
        [before] = sheet(connection, site=kiosk.address.site, first=DAY, last=DAY, now=NOW)
        decide(connection, request.id, approve=True, note="", by="berta", now=NOW)
        [after] = sheet(connection, site=kiosk.address.site, first=DAY, last=DAY, now=NOW)
    assert (before.last_out, after.last_out) == (None, left)


def test_requests_of_strangers_and_for_times_to_come_do_not_reach_the_queue(office_database: Database) -> None:
    kiosk = registered(office_database, ANA)
    take(
        office_database,
        kiosk,
        kiosk.begin(),
        kiosk.record(person=ANA),
        kiosk.ask(moment=START, person=BEN),
        kiosk.ask(moment=NOW + timedelta(days=1), person=ANA),
        kiosk.ask(moment=NOW - timedelta(days=4000), person=ANA),
    )
    with office_database.read() as connection:
        assert list(listed(connection, state=None)) == []
        count = connection.execute(select(schema.events.c.seq)).scalars()
    assert len(list(count)) == 5
