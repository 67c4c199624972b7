"""The daemon's operations: ledger, gallery and the loop's memory change together; also over a socket."""

import os
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from edge.api.client import EdgeClient
from edge.api.protocol.courier import EnvelopeQuery, FrontierView
from edge.api.protocol.enrolment import PhotoEnrolment
from edge.api.protocol.ledger import AuditQuery
from edge.api.protocol.people import PeopleQuery, PersonProfile
from edge.api.protocol.punches import PunchQuery
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config.device import ApiConfig
from edge.errors import LedgerDiskFull, NumberTaken, PersonUnknown, PhotoRefused, StoreError
from edge.store.chain import COLUMNS
from edge.types.identity import PersonId
from edge.types.punches import Direction, DirectionSource, Method, Punch, RecordedPunch
from sync.wire.events import PersonChanged
from tests.edge.daemon.kiosk import CONSENT, OPERATOR, TestKiosk, astronaut, jpeg, new, portrait

ADA = PersonProfile(name="Ada Lovelace", number="1815", greeting="Ada", language="en")


def _enrol(kiosk: TestKiosk, number: str = "1815") -> str:
    return kiosk.service.enrol_photo(new(number), astronaut(), OPERATOR).person.person_id


def _punch(kiosk: TestKiosk, person: str, direction: Direction = Direction.IN) -> RecordedPunch:
    at = kiosk.clock.advance(60)
    return kiosk.store.events.record(
        Punch(
            person_id=PersonId(person),
            at=at,
            direction=direction,
            source=DirectionSource.FIXED,
            method=Method.FACE,
            day=date(2026, 3, 2),
            score=0.7,
            model_hash=next(iter(kiosk.recogniser.galleries)),
        )
    )


def test_a_disabled_person_is_not_in_the_gallery_and_an_enabled_one_is_again(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    assert not kiosk.service.set_enabled(person, enabled=False, peer=OPERATOR).enabled
    assert kiosk.gallery_people == 0
    assert kiosk.service.set_enabled(person, enabled=True, peer=OPERATOR).enabled
    assert kiosk.gallery_people == 1
    kiosk.service.set_enabled(person, enabled=True, peer=OPERATOR)
    assert len(next(iter(kiosk.recogniser.galleries.values()))) == 1


def test_a_removed_person_is_gone_everywhere_but_events_keep_the_random_id(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    _punch(kiosk, person)
    assert kiosk.service.remove_person(person, OPERATOR).templates == 1
    assert kiosk.gallery_people == 0
    assert kiosk.store.events.last_punch(PersonId(person)) is None
    with pytest.raises(PersonUnknown):
        kiosk.service.person(person)
    (record,) = kiosk.service.punches(PunchQuery()).punches
    assert (record.person_id, record.profile) == (person, None)


def test_withdrawn_consent_erases_templates_and_keeps_the_person(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    assert kiosk.service.withdraw_consent(person, OPERATOR).templates == 1
    assert kiosk.gallery_people == 0
    view = kiosk.service.person(person)
    assert (view.consented, view.consent, view.templates) == (False, None, {})
    kiosk.service.set_enabled(person, enabled=True, peer=OPERATOR)
    assert kiosk.gallery_people == 0


def test_an_unknown_person_is_an_error_in_every_operation(kiosk: TestKiosk) -> None:
    nobody = "0" * 32
    for act in (
        lambda: kiosk.service.person(nobody),
        lambda: kiosk.service.remove_person(nobody, OPERATOR),
        lambda: kiosk.service.set_enabled(nobody, enabled=True, peer=OPERATOR),
        lambda: kiosk.service.record_consent(nobody, CONSENT, OPERATOR),
        lambda: kiosk.service.withdraw_consent(nobody, OPERATOR),
    ):
        with pytest.raises(PersonUnknown):
            act()


def test_people_are_listed_in_pages_and_found_by_number(kiosk: TestKiosk) -> None:
    ids = [
        kiosk.service.add_person(ADA.model_copy(update={"number": f"N{i}"}), OPERATOR).person_id
        for i in range(5)
    ]
    first = kiosk.service.people(PeopleQuery(limit=2))
    second = kiosk.service.people(PeopleQuery(limit=3, after=first.next_after))
    assert [p.person_id for p in (*first.people, *second.people)] == ids
    assert second.next_after is None
    assert kiosk.service.people(PeopleQuery(number="n3")).people[0].person_id == ids[3]
    assert kiosk.service.people(PeopleQuery(number="N9")).people == ()
    with pytest.raises(NumberTaken):
        kiosk.service.add_person(ADA.model_copy(update={"number": "N3"}), OPERATOR)


def test_the_greeting_is_the_persons_choice(kiosk: TestKiosk) -> None:
    ada = kiosk.service.add_person(ADA, OPERATOR)
    shy = kiosk.service.add_person(ADA.model_copy(update={"number": "2", "greeting": ""}), OPERATOR)
    assert kiosk.service.greeting(PersonId(ada.person_id)) == "Ada"
    assert kiosk.service.greeting(PersonId(shy.person_id)) is None
    assert kiosk.service.greeting(PersonId("0" * 32)) is None


def test_records_come_in_pages_with_names_and_whether_the_office_has_them(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    recorded = [_punch(kiosk, person) for _ in range(5)]
    kiosk.store.frontier.advance(recorded[1].id)
    first = kiosk.service.punches(PunchQuery(limit=3))
    second = kiosk.service.punches(PunchQuery(limit=3, after=first.next_after))
    views = [*first.punches, *second.punches]
    assert [view.seq for view in views] == [each.id.seq for each in recorded]
    assert [view.delivered for view in views] == [True, True, False, False, False]
    assert {view.profile.name for view in views if view.profile} == {"Ada Lovelace"}
    assert second.next_after is None
    late = PunchQuery(since=recorded[3].punch.at.wall, person_id=person)
    assert [view.seq for view in kiosk.service.punches(late).punches] == [r.id.seq for r in recorded[3:]]
    assert kiosk.service.punches(PunchQuery(person_id="0" * 32)).punches == ()


def test_envelopes_follow_a_point_and_tell_what_is_pending(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    punches = [_punch(kiosk, person) for _ in range(3)]
    everything = kiosk.service.envelopes(EnvelopeQuery(limit=100))
    assert everything.frontier == FrontierView(pending=4)
    after = EnvelopeQuery(after_epoch=punches[0].id.epoch, after_seq=punches[0].id.seq)
    batch = kiosk.service.envelopes(after)
    assert [(e.seq, e.hash) for e in batch.envelopes] == [(p.id.seq, p.id.hash) for p in punches[1:]]
    assert everything.envelopes[-1] == batch.envelopes[-1]
    kiosk.store.frontier.advance(punches[2].id)
    assert kiosk.service.envelopes(after).frontier == FrontierView(
        epoch=punches[2].id.epoch, seq=punches[2].id.seq, hash=punches[2].id.hash, pending=0
    )
    with pytest.raises(StoreError):
        kiosk.service.envelopes(EnvelopeQuery(after_epoch="000009-" + "0" * 16, after_seq=1))


def test_every_act_is_in_the_audit_trail_under_the_askers_account(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    kiosk.service.set_enabled(person, enabled=False, peer=OPERATOR)
    kiosk.service.withdraw_consent(person, OPERATOR)
    kiosk.service.remove_person(person, OPERATOR)
    entries = kiosk.service.audit(AuditQuery()).entries
    assert [entry.action for entry in entries if entry.actor == "operator"] == [
        "person.added",
        "consent.recorded",
        "template.added",
        "person.disabled",
        "consent.withdrawn",
        "person.removed",
    ]
    page = kiosk.service.audit(AuditQuery(limit=2))
    assert page.next_after == 2
    assert kiosk.service.audit(AuditQuery(after=2)).entries == entries[2:]


def test_status_says_how_the_daemon_is_and_names_nobody(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    _punch(kiosk, person)
    kiosk.clock.advance(30)
    status = kiosk.service.status()
    assert status.uptime_s == pytest.approx(90)
    assert (status.galleries[0].people, status.galleries[0].templates) == (1, 1)
    assert status.galleries[0].threshold_supported
    assert (status.ledger.people, status.ledger.pending, status.ledger.events) == (1, 2, 2)
    assert {model.name for model in status.models} >= {
        "blazeface-short",
        "face-mesh",
        "face-points",
        "mobilefacenet",
    }
    assert status.resident_mb > 10
    said = status.model_dump_json()
    assert "Ada" not in said
    assert "1815" not in said
    assert person not in said


def test_the_whole_ledger_is_checked_and_a_fault_is_named(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    _punch(kiosk, person)
    found = kiosk.service.verify_ledger()
    assert (found.problems, found.events, found.templates, found.people) == ((), 2, 1, 1)
    with kiosk.store.database.write() as connection:
        connection.execute("UPDATE templates SET vector = zeroblob(300)")
    (problem,) = kiosk.service.verify_ledger().problems
    assert "template" in problem


@pytest.fixture
def served(kiosk: TestKiosk) -> Iterator[EdgeClient]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        server = ApiServer(service=kiosk.service, stage=Stage(), run=Path(folder), config=ApiConfig())
        server.start()
        with EdgeClient(Path(folder)) as client:
            yield client
        server.close()


def test_from_picture_to_record_over_the_socket(kiosk: TestKiosk, served: EdgeClient) -> None:
    done = served.enrol_photo(new(), jpeg(portrait()))
    assert done.person.consent is not None
    with pytest.raises(PhotoRefused, match="enrolled already"):
        served.enrol_photo(PhotoEnrolment(person_id=done.person.person_id), astronaut())
    with pytest.raises(PhotoRefused, match="not a JPEG"):
        served.enrol_photo(new("2"), b"GIF89a" + bytes(100))
    _punch(kiosk, done.person.person_id)
    (record,) = served.all_punches()
    assert record.profile == done.person.profile
    assert served.verify_ledger().problems == ()
    audit = [entry for entry in served.audit().entries if entry.action == "template.added"]
    assert audit[0].actor == done.person.consent.taken_by
    assert os.geteuid() != 0 or audit[0].actor == "root"


def test_who_is_enrolled_over_the_socket_is_in_the_gallery_and_who_is_removed_is_not(
    kiosk: TestKiosk, served: EdgeClient
) -> None:
    person = served.enrol_photo(new(), astronaut()).person.person_id
    gallery = next(iter(kiosk.recogniser.galleries.values()))
    assert PersonId(person) in gallery
    served.remove_person(person)
    assert PersonId(person) not in gallery


def test_an_old_record_stays_in_its_order_when_the_clock_jumps(kiosk: TestKiosk) -> None:
    person = _enrol(kiosk)
    first = _punch(kiosk, person)
    kiosk.clock.jump(-timedelta(days=3).total_seconds())
    second = _punch(kiosk, person)
    views = kiosk.service.punches(PunchQuery()).punches
    assert [view.seq for view in views] == [first.id.seq, second.id.seq]
    assert views[1].at < views[0].at


def _changes(kiosk: TestKiosk) -> list[tuple[str, str]]:
    with kiosk.store.database.read() as connection:
        rows = connection.execute(f"SELECT {COLUMNS} ORDER BY position").fetchall()
    events = [kiosk.store.chain.open_row(row).event() for row in rows]
    return [(e.data.person, e.data.change) for e in events if isinstance(e, PersonChanged)]


def test_what_staff_do_to_a_person_becomes_an_event_of_its_own(kiosk: TestKiosk) -> None:
    person = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id
    for enabled in (False, False, True):
        kiosk.service.set_enabled(person, enabled=enabled, peer=OPERATOR)
    kiosk.service.withdraw_consent(person, OPERATOR)
    kiosk.service.remove_person(person, OPERATOR)
    assert _changes(kiosk) == [
        (person, "disabled"),
        (person, "enabled"),
        (person, "biometrics_removed"),
        (person, "removed"),
    ]
    assert kiosk.store.verify().intact


def test_an_act_and_its_event_are_one_transaction(kiosk: TestKiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    person = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id

    def full(*_: object, **__: object) -> None:
        raise LedgerDiskFull("the disk is full")

    monkeypatch.setattr(kiosk.store.chain, "append", full)
    for act in (kiosk.service.remove_person, kiosk.service.withdraw_consent):
        with pytest.raises(LedgerDiskFull):
            act(person, OPERATOR)
    with pytest.raises(LedgerDiskFull):
        kiosk.service.set_enabled(person, enabled=False, peer=OPERATOR)
    monkeypatch.undo()
    kept = kiosk.service.person(person)
    assert kept.enabled
    assert kept.consented
    assert sum(kept.templates.values()) == 1
    assert kiosk.gallery_people == 1
    assert _changes(kiosk) == []
