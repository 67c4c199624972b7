"""What comes beside events: states, telemetry, results and parcels, each taken once and answered."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import insert, select, update

from sync.office.batch import Outcome
from sync.office.database import Database, schema
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.link import Arrival
from sync.office.outbox import due, note_sent
from sync.office.watch import Watch, WatchSettings
from sync.wire.canonical import encode
from sync.wire.commands import Removed, Result
from sync.wire.documents import sign_document
from sync.wire.fields import EventPoint, format_time
from sync.wire.health import State
from sync.wire.parcels import CrashParcel, PersonParcel
from sync.wire.roster import PersonDetails
from sync.wire.sealing import seal, to_text
from sync.wire.topics import Channel
from tests.sync.office.kiosk import START, Kiosk
from tests.sync.office.telemetry import telemetry_of

SEALING = X25519PrivateKey.generate()
NOW = format_time(START)


class Desk:
    """An intake, and a kiosk that it knows."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.kiosk = Kiosk()
        with database.write() as connection:
            self.device_id = self.kiosk.register(connection)
        self.where = {"site": self.kiosk.address.site, "device": self.kiosk.address.device}
        self.intake = Intake(database, sealing=SEALING, limits=Limits())
        self.now_us = 1_000_000

    def take(self, channel: Channel, payload: bytes) -> Outcome:
        self.now_us += 1_000_000
        return self.intake.take([Arrival(self.kiosk.address.topic(channel), payload)], now_us=self.now_us)

    def rows(self, statement: Any) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(statement))

    def health(self) -> Any:
        return self.rows(select(schema.device_health))[0]

    def state(self, session: str, *, online: bool) -> None:
        state = State(session=session, online=online, since=NOW, software="0.1.0")
        self.take(Channel.STATE, encode(state))

    def telemetry(self, *, frontier: EventPoint | None = None) -> Outcome:
        return self.take(Channel.TELEMETRY, telemetry_of(self.kiosk, frontier=frontier))


@pytest.fixture
def desk(office_database: Database) -> Desk:
    return Desk(office_database)


def test_a_death_counts_only_for_its_own_session(desk: Desk) -> None:
    desk.state("1" * 32, online=True)
    desk.state("2" * 32, online=True)
    desk.state("1" * 32, online=False)
    assert desk.health().online is True
    desk.state("2" * 32, online=False)
    assert desk.health().online is False


def test_what_was_verified_ahead_counts_only_under_the_keys_that_still_hold(desk: Desk) -> None:
    arrivals = [Arrival(desk.kiosk.address.topic(Channel.EVENTS), desk.kiosk.begin())]
    ahead = [desk.intake.begin(arrivals).result() for _ in range(2)]
    keys = schema.device_keys
    with desk.database.write() as connection:
        connection.execute(update(keys).values(withdrawn_us=1))
    refused = desk.intake.take(arrivals, now_us=desk.now_us, prepared=ahead[0])
    assert dict(refused.counts) == {"unknown_device": 1}
    assert desk.rows(select(schema.events)) == []
    with desk.database.write() as connection:
        connection.execute(update(keys).values(withdrawn_us=None))
    taken = desk.intake.take(arrivals, now_us=desk.now_us, prepared=ahead[1])
    assert taken.committed == {desk.kiosk.address: [desk.kiosk.point]}


def test_one_epoch_too_many_ends_in_quarantine_with_an_alarm(office_database: Database) -> None:
    desk = Desk(office_database)
    desk.intake = Intake(office_database, sealing=SEALING, limits=Limits(epochs_per_device=1))
    desk.take(Channel.EVENTS, desk.kiosk.begin())
    outcome = desk.take(Channel.EVENTS, desk.kiosk.begin("000002-00000000000000bb"))
    assert outcome.counts["too_many_epochs"] == 1
    assert [row.reason for row in desk.rows(select(schema.quarantine))] == ["too_many_epochs"]
    assert [row.kind for row in desk.rows(select(schema.alarms))] == ["too_many_epochs"]


def test_telemetry_is_stored_and_answered_with_what_is_committed(desk: Desk) -> None:
    desk.take(Channel.EVENTS, desk.kiosk.begin())
    outcome = desk.telemetry(frontier=desk.kiosk.point)
    assert outcome.committed == {desk.kiosk.address: [desk.kiosk.point]}
    assert set(outcome.nonces) == {desk.kiosk.address}
    assert outcome.missing == set()
    assert (desk.health().pending, desk.health().roster_version) == (3, 4)


def test_an_office_from_its_backup_notices_what_the_device_believes_delivered(desk: Desk) -> None:
    desk.take(Channel.EVENTS, desk.kiosk.begin())
    here = desk.kiosk.point
    desk.kiosk.records(5)
    outcome = desk.telemetry(frontier=desk.kiosk.point)
    assert outcome.missing == {desk.kiosk.address}
    assert outcome.committed == {desk.kiosk.address: [here]}


def test_telemetry_of_somebody_else_is_refused(desk: Desk) -> None:
    desk.kiosk.begin()
    desk.kiosk.key = Kiosk().key
    assert desk.telemetry().counts == {"malformed": 1}


def test_person_details_are_opened_and_stored_once(desk: Desk) -> None:
    parcel = PersonParcel(**desk.where, id="1" * 32, at=NOW, person="2" * 32, sealed="AA==")
    details = encode(PersonDetails(name="Ada", number="17"))
    sealed = to_text(seal(details, to=SEALING.public_key(), info=parcel.info))
    raw = sign_document(parcel.model_copy(update={"sealed": sealed}), key=desk.kiosk.key)
    for _ in range(2):
        assert desk.take(Channel.PARCELS, raw).receipts == {desk.kiosk.address: ["1" * 32]}
    [person] = desk.rows(select(schema.people))
    assert (person.person, person.name, person.employee_number) == ("2" * 32, "Ada", "17")
    [row] = desk.rows(select(schema.parcels))
    assert (row.outcome, row.envelope) == ("stored", None)


def test_a_crash_report_is_filed(desk: Desk) -> None:
    crash = CrashParcel(
        **desk.where,
        id="3" * 32,
        at=NOW,
        process="edge",
        software="0.1.0",
        error=["ValueError"],
        frames=[],
        times=2,
    )
    desk.take(Channel.PARCELS, sign_document(crash, key=desk.kiosk.key))
    [row] = desk.rows(select(schema.crash_reports))
    assert (row.process, row.times) == ("edge", 2)


def test_a_document_is_published_until_it_is_answered(desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.execute(
            insert(schema.outbox).values(
                device_id=desk.device_id,
                channel="commands",
                number=1,
                document_id="4" * 32,
                kind="identify",
                envelope=b"{}",
                created_us=0,
                created_by="test",
            )
        )
        [document] = due(connection, now_us=10)
        note_sent(connection, [document.id], now_us=10)
        assert due(connection, now_us=11) == []
        assert len(due(connection, now_us=11, device_ids=frozenset({desk.device_id}))) == 1
        assert len(due(connection, now_us=60_000_000)) == 1
    result = Result(
        **desk.where,
        answers="4" * 32,
        outcome="done",
        roster_version=9,
        removed=[Removed(person="5" * 32, templates=2)],
        at=NOW,
    )
    desk.take(Channel.RESULTS, sign_document(result, key=desk.kiosk.key))
    with desk.database.read() as connection:
        assert due(connection, now_us=60_000_000_000) == []
    [receipt] = desk.rows(select(schema.removal_receipts))
    assert (receipt.person, receipt.templates_erased, receipt.roster_version) == ("5" * 32, 2, 9)


def test_silence_and_stalled_events_are_alarmed_and_cleared(desk: Desk) -> None:
    watch = Watch(WatchSettings(silent_after_s=100, stalled_after_s=50))
    desk.take(Channel.EVENTS, desk.kiosk.begin())
    desk.kiosk.record()
    desk.telemetry()

    def look(now_s: int) -> tuple[int, int]:
        with desk.database.write() as connection:
            seen = watch.look(connection, now_us=now_s * 1_000_000, connected=True)
        return seen.silent, seen.stalled

    assert look(3) == (0, 0)
    assert look(60) == (0, 1)
    assert look(200) == (1, 1)
    desk.now_us = 201_000_000
    desk.take(Channel.EVENTS, desk.kiosk.sent[-1])
    assert look(203) == (0, 0)
    alarms = schema.alarms
    rows = desk.rows(select(alarms).where(alarms.c.cleared_us.is_(None)))
    assert [row.kind for row in rows] == ["roster_ahead"]  # no roster was given out here


def test_a_certificate_near_its_end_is_alarmed_until_the_courier_tells_of_another(desk: Desk) -> None:
    watch = Watch(WatchSettings(silent_after_s=1e9))
    devices, alarms, day = schema.devices, schema.alarms, 86_400_000_000

    def look(now_us: int) -> list[str]:
        with desk.database.write() as connection:
            watch.look(connection, now_us=now_us, connected=True)
        found = desk.rows(select(alarms).where(alarms.c.cleared_us.is_(None)))
        return [row.detail for row in found if row.kind == "certificate_expires"]

    assert look(day) == []
    with desk.database.write() as connection:
        connection.execute(update(devices).values(certificate_not_after_us=100 * day))
    assert look(69 * day) == []
    assert look(71 * day) == ["29 days left"]
    assert look(101 * day) == ["expired"]
    desk.take(Channel.EVENTS, desk.kiosk.begin())
    desk.telemetry()  # another certificate is in use, which the office has not issued
    assert look(101 * day) == []


def test_a_full_disk_and_a_board_that_is_held_back_are_alarmed_until_the_kiosk_says_otherwise(
    desk: Desk,
) -> None:
    watch = Watch(WatchSettings(silent_after_s=1e9))
    alarms = schema.alarms

    def look(**told: Any) -> dict[str, str]:
        desk.take(Channel.TELEMETRY, telemetry_of(desk.kiosk, **told))
        with desk.database.write() as connection:
            watch.look(connection, now_us=desk.now_us, connected=True)
        found = desk.rows(select(alarms).where(alarms.c.cleared_us.is_(None)))
        return {row.kind: row.detail for row in found if row.kind in {"disk_fills_up", "board_held_back"}}

    desk.take(Channel.EVENTS, desk.kiosk.begin())
    assert look(disk_free_percent=21, alarms=["fork"]) == {}
    assert look(disk_free_percent=20) == {"disk_fills_up": "80 % used"}
    both = look(disk_free_percent=9, alarms=["under_voltage", "board_throttled"])
    assert both == {"disk_fills_up": "91 % used", "board_held_back": "board_throttled, under_voltage"}
    assert look(disk_free_percent=50) == {}
    assert look() == {}  # a kiosk that cannot tell


def test_a_retired_device_is_taken_and_alarmed(desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.execute(update(schema.devices).values(state="retired"))
    outcome = desk.take(Channel.EVENTS, desk.kiosk.begin())
    assert outcome.counts["committed"] == 1
    assert [row.kind for row in desk.rows(select(schema.alarms))] == ["retired_device_sends"]
