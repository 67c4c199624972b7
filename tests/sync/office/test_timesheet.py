"""Records as the office's database gives them: corrected clocks, reissues, approved corrections."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert

from sync.office.attendance import Flag
from sync.office.database import Database, schema
from sync.office.errors import OfficeError
from sync.office.timesheet import closed, from_us, sheet, to_us
from sync.wire.events import ATTENDANCE_RECORDED

ANA = "a" * 32
DAY = date(2026, 11, 9)
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def local(text: str) -> int:
    return to_us(datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=ZoneInfo("Europe/Madrid")))


class Office:
    """A site with one kiosk and one epoch, filled row by row."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.seq = 0
        connection.execute(
            insert(schema.sites).values(site="lab", name="Lab", time_zone="Europe/Madrid", created_us=0)
        )
        self.device = connection.execute(
            insert(schema.devices)
            .values(site="lab", device="door", state="active", registered_us=0, registered_by="ana")
            .returning(schema.devices.c.id)
        ).scalar_one()
        self.epoch = self.begin("000001-0000000000000001")

    def begin(self, epoch: str) -> int:
        self.seq = 0
        number: int = self.connection.execute(
            insert(schema.epochs)
            .values(
                device_id=self.device,
                epoch=epoch,
                ordinal=int(epoch[:6]),
                first_received_us=0,
                frontier_hash=bytes(32),
            )
            .returning(schema.epochs.c.id)
        ).scalar_one()
        self.epoch = number
        return number

    def punch(self, moment: str, **more: object) -> int:
        self.seq += 1
        values = {
            "device_id": self.device,
            "epoch_id": self.epoch,
            "seq": self.seq,
            "hash": self.seq.to_bytes(32, "big"),
            "prev_hash": bytes(32),
            "type": ATTENDANCE_RECORDED,
            "time_us": local(moment),
            "received_us": local(moment),
            "interpreted": True,
            "trust": "synchronised",
            "person": ANA,
            "direction": "unstated",
            "direction_source": "none",
            "method": "face",
            "day": f"2026-11-{moment[:2]}",
            "envelope": b"{}",
        }
        number: int = self.connection.execute(
            insert(schema.events).values(values | more).returning(schema.events.c.id)
        ).scalar_one()
        return number


def test_a_day_is_read_with_its_hours(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        office.punch("09 08:00")
        office.punch("09 17:00")
        office.punch("12 08:00")
        (day,) = sheet(connection, site="lab", first=DAY, last=DAY, now=NOW)
    assert (day.person, day.worked_s, day.flags) == (ANA, 9 * 3600, ())


def test_a_clock_that_the_device_corrected_counts_corrected_by_its_last_word(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        office.punch("08 08:00", trust="unsynchronised")
        said = office.punch("09 17:00")
        for event, hours in ((said, 5), (said + 1, 24)):
            connection.execute(
                insert(schema.clock_corrections).values(
                    event_id=office.punch(
                        "09 18:00", type="clockface.clock.corrected.v1", person=None, day=None
                    )
                    if event != said
                    else said,
                    epoch_id=office.epoch,
                    first_seq=1,
                    last_seq=1,
                    correction_us=hours * 3_600_000_000,
                )
            )
        (day,) = sheet(connection, site="lab", first=DAY, last=DAY, now=NOW)
    assert (day.first_in, day.worked_s) == (from_us(local("09 08:00")), 9 * 3600)
    assert day.flags == (Flag.CLOCK_CORRECTED,)


def test_a_clock_that_was_years_off_counts_on_the_day_that_it_was(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        began = to_us(datetime(2020, 1, 1, tzinfo=UTC))
        office.punch("09 08:00", time_us=began, day="2020-01-01", trust="unsynchronised")
        said = office.punch("09 17:00")
        connection.execute(
            insert(schema.clock_corrections).values(
                event_id=said,
                epoch_id=office.epoch,
                first_seq=1,
                last_seq=1,
                correction_us=local("09 08:00") - began,
            )
        )
        (day,) = sheet(connection, site="lab", first=DAY, last=DAY, now=NOW)
        old = sheet(connection, site="lab", first=date(2020, 1, 1), last=date(2020, 1, 1), now=NOW)
    assert (day.worked_s, day.flags, old) == (9 * 3600, (Flag.CLOCK_CORRECTED,), [])


def test_a_reissued_event_counts_once(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        office.punch("09 08:00")
        first = "000001-0000000000000001"
        office.begin("000002-0000000000000002")
        lost = {"reissues_epoch": first, "reissues_seq": 7, "reissues_hash": b"\x07" * 32}
        known = {"reissues_epoch": first, "reissues_seq": 1, "reissues_hash": (1).to_bytes(32, "big")}
        office.punch("09 08:00", **known)  # the office has the original
        office.punch("09 17:00", **lost)
        office.begin("000003-0000000000000003")
        office.punch("09 17:00", **lost)  # reissued twice
        (day,) = sheet(connection, site="lab", first=DAY, last=DAY, now=NOW)
    assert len(day.stays) == 1
    assert day.worked_s == 9 * 3600


def test_only_an_approved_correction_counts(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        office.punch("09 08:00")
        connection.execute(insert(schema.people).values(person=ANA, name="Ana", created_us=0, changed_us=0))
        for hour, state in ((16, "refused"), (17, "approved"), (18, "pending")):
            decided = None if state == "pending" else 1
            connection.execute(
                insert(schema.correction_requests).values(
                    person=ANA,
                    site="lab",
                    day=DAY.isoformat(),
                    kind="add_event",
                    time_us=local(f"09 {hour}:00"),
                    direction="out",
                    reason="forgot",
                    requested_by="ben",
                    requested_us=1,
                    state=state,
                    decided_us=decided,
                    decided_by=None if decided is None else "ana",
                )
            )
        (day,) = sheet(connection, site="lab", first=DAY, last=DAY, now=NOW)
    assert (day.worked_s, day.flags) == (9 * 3600, (Flag.CORRECTED,))


def test_other_sites_and_other_people_stay_out(office_database: Database) -> None:
    with office_database.write() as connection:
        office = Office(connection)
        office.punch("09 08:00")
        office.punch("09 08:30", person="b" * 32)
        (day,) = sheet(connection, site="lab", first=DAY, last=DAY, now=NOW, people={ANA})
        with pytest.raises(OfficeError, match="no such site"):
            sheet(connection, site="moon", first=DAY, last=DAY, now=NOW)
    assert day.person == ANA


def test_a_closed_pay_period_is_known_by_its_days(office_database: Database) -> None:
    with office_database.write() as connection:
        Office(connection)
        connection.execute(
            insert(schema.pay_periods).values(
                site="lab", first_day="2026-11-01", last_day="2026-11-15", closed_us=1, closed_by="ana"
            )
        )
        assert closed(connection, "lab", DAY)
        assert not closed(connection, "lab", date(2026, 11, 16))
