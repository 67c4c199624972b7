"""Whatever is changed in the database behind the office's back is found, from the signed originals alone."""

from typing import Any

import pytest
from sqlalchemy import text

from sync.office.database import Database
from sync.office.inspection import Finding, Inspected, inspect
from sync.wire.events import CorrectedRange
from tests.sync.office.ingesting import E1, E2, Office
from tests.sync.office.kiosk import Kiosk


@pytest.fixture
def kiosk(office_database: Database) -> Kiosk:
    office, kiosk = Office(office_database), Kiosk()
    office.register(kiosk)
    office.take(
        kiosk,
        kiosk.begin(E1),
        *kiosk.records(4),
        kiosk.correct([CorrectedRange(epoch=E1, first_seq=2, last_seq=3, correction_us=5)]),
    )
    office.take(kiosk, kiosk.begin(E2, reason="restored"), kiosk.record())
    kiosk.record()
    office.take(kiosk, kiosk.record())  # waits for the one before
    return kiosk


def found(database: Database, **more: Any) -> tuple[list[Finding], Inspected]:
    done = Inspected()
    with database.read() as connection:
        return list(inspect(connection, done=done, **more)), done


def tamper(database: Database, statement: str, **values: object) -> None:
    on = " ON events" if database.dialect == "postgresql" else ""
    with database.write() as connection:
        for trigger in ("events_kept", "events_undeleted"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}{on}"))
        assert connection.execute(text(statement), values).rowcount > 0


def test_what_was_stored_rightly_holds(office_database: Database, kiosk: Kiosk) -> None:
    findings, done = found(office_database)
    assert findings == []
    assert (done.events, done.epochs, done.waiting) == (8, 2, 1)
    assert found(office_database, site="moon")[1].events == 0
    assert found(office_database, device="gate", since_us=1_000_002)[1].events == 2


def test_a_withdrawn_key_still_vouches_for_what_it_signed(office_database: Database, kiosk: Kiosk) -> None:
    with office_database.write() as connection:
        connection.execute(text("UPDATE device_keys SET withdrawn_us = 1"))
    assert found(office_database)[0] == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("time_us = time_us + 1", "columns differ from its original: time_us"),
        ("person = '" + "f" * 32 + "'", "columns differ from its original: person"),
        ("direction = 'out', day = '2026-03-03'", "columns differ from its original: direction, day"),
        ("trust = 'holdover'", "columns differ from its original: trust"),
        ("interpreted = (1 = 0)", "columns differ"),
        ("type = 'x'", "columns differ from its original: type"),
        ("hash = prev_hash", "columns differ from its original: hash"),
        ("prev_hash = hash", "it does not follow the event before it"),
        ("seq = 40", "events 3 to 3 are missing"),
        ("method = 'badge', score_millionths = NULL", "columns differ"),
    ],
)
def test_every_changed_column_is_found(office_database: Database, kiosk: Kiosk, change: str, what: str) -> None:
    if office_database.dialect == "sqlite":
        change = change.replace("(1 = 0)", "0")
    tamper(office_database, f"UPDATE events SET {change} WHERE seq = 3 AND epoch_id = 1")  # noqa: S608
    assert any(what in finding.what for finding in found(office_database)[0])


def test_a_forged_original_a_missing_event_and_a_moved_frontier_are_found(
    office_database: Database, kiosk: Kiosk
) -> None:
    forged = kiosk.sent[2].replace(b'"sig":"', b'"sig":"AAAA', 1)
    tamper(office_database, "UPDATE events SET envelope = :raw WHERE seq = 2 AND epoch_id = 1", raw=forged)
    tamper(office_database, "UPDATE epochs SET frontier_seq = 9 WHERE id = 2")
    tamper(office_database, "UPDATE waiting SET seq = 12")
    findings = found(office_database)[0]
    assert [finding.seq for finding in findings] == [2, None, 12]
    assert "does not hold" in findings[0].what


def test_a_corrected_clock_that_nobody_signed_is_found(office_database: Database, kiosk: Kiosk) -> None:
    tamper(office_database, "UPDATE clock_corrections SET correction_us = 3600000000")
    assert [each.what for each in found(office_database)[0]] == [
        "a corrected clock is stored that the device never signed"
    ]
    tamper(office_database, "DELETE FROM clock_corrections")
    assert [each.what for each in found(office_database)[0]] == [
        "a corrected clock that the device signed is not stored"
    ]
