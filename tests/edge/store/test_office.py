"""What the ledger keeps for the office: trust, parcels, answers; sealed, bounded, and checked with the rest."""

from pathlib import Path

import pytest

from edge.errors import LedgerCorrupt
from edge.store.parcels import MAX_WAITING, new_id
from edge.store.progress import MAX_RESULTS
from edge.store.store import Store
from sync.wire.fields import format_time
from sync.wire.parcels import CrashParcel, PersonParcel
from sync.wire.topics import Address
from tests.edge.office import NOON, TestOffice
from tests.edge.store.given import KIOSK, SITE, Premises


def crash(number: int = 1) -> CrashParcel:
    return CrashParcel(
        site=SITE,
        device=KIOSK,
        id=f"{number:032x}",
        at=format_time(NOON),
        process="edge",
        software="1",
        error=["OSError"],
        frames=[],
        times=1,
    )


def person(subject: str) -> PersonParcel:
    return PersonParcel(
        site=SITE, device=KIOSK, id=new_id(), at=format_time(NOON), person=subject, sealed="c2VhbGVk"
    )


def altered(store: Store, statement: str) -> tuple[str, ...]:
    with store.database.write() as connection:
        assert connection.execute(statement).rowcount == 1
    return store.verify().problems


def test_trust_survives_a_restart_and_an_edited_row_is_no_trust(store: Store, premises: Premises) -> None:
    office = TestOffice(Address(SITE, KIOSK)).trusted_by(store)
    store.close()
    again = premises.open()
    assert again.office.current() == office.as_trusted()
    with again.database.write() as connection:  # another row's token, of the right key
        connection.execute("UPDATE office SET body = (SELECT number_key FROM identity)")
    with pytest.raises(LedgerCorrupt):
        again.office.current()
    assert any("office" in problem for problem in again.verify().problems)
    again.close()


def test_a_parcel_moved_to_another_row_is_found(store: Store) -> None:
    for number in (1, 2):
        store.parcels.add(crash(number))
    problems = altered(
        store,
        "UPDATE parcels SET envelope = (SELECT envelope FROM parcels WHERE row = 1) WHERE row = 2",
    )
    assert any("another row" in problem for problem in problems)


def test_a_parcel_replaces_an_older_one_of_its_kind_and_subject_only(store: Store) -> None:
    ada, bob = new_id(), new_id()
    for parcel, subject in ((person(ada), ada), (person(bob), bob), (person(ada), ada)):
        store.parcels.add(parcel, subject=subject, replace=True)
    store.parcels.add(crash(), replace=True)
    assert store.parcels.count() == 3
    store.parcels.forget(ada, kinds=(PersonParcel,))
    assert store.parcels.count() == 2


def test_an_office_that_is_gone_for_good_does_not_fill_the_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_WAITING >= 1000
    monkeypatch.setattr("edge.store.parcels.MAX_WAITING", 5)
    store.parcels.add(person(new_id()))
    for number in range(1, 10):
        store.parcels.add(crash(number))
    waiting = [each.parcel_id for each in store.parcels.waiting(limit=100)]
    assert waiting[1:] == [f"{number:032x}" for number in range(5, 10)]


def test_numbers_and_versions_never_go_back(store: Store, premises: Premises) -> None:
    assert store.progress.take_command(3)
    assert not store.progress.take_command(3)
    assert not store.progress.take_command(2)
    assert store.progress.reach_roster(7)
    assert not store.progress.reach_roster(7)
    store.close()
    again = premises.open()
    assert (again.progress.command_number(), again.progress.roster_version()) == (3, 7)
    again.close()


def test_a_repeated_document_gets_the_answer_that_it_got(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_RESULTS >= 100
    monkeypatch.setattr("edge.store.progress.MAX_RESULTS", 3)
    for number in range(5):
        store.progress.answer(f"{number:032x}", b"%d" % number)
    store.progress.answer(f"{4:032x}", b"another")
    assert store.progress.answered(f"{4:032x}") == b"4"
    assert store.progress.answered(f"{0:032x}") is None
    assert altered(store, "UPDATE results SET document_id = 'ff' WHERE row = (SELECT max(row) FROM results)")


def test_a_committed_mark_that_is_not_our_events_is_found(store: Store) -> None:
    store.frontier.advance(store.events.head())
    assert store.verify().intact
    problems = altered(store, "UPDATE committed SET hash = zeroblob(32)")
    assert any("committed" in problem for problem in problems)


def test_nothing_of_it_is_readable_in_the_file(store: Store, premises: Premises) -> None:
    office = TestOffice(Address(SITE, KIOSK)).trusted_by(store)
    store.parcels.add(crash())
    store.progress.answer("0a" * 16, b"CANARY-RESULT")
    store.close()
    content = Path(premises.path).read_bytes()
    for text in (office.as_trusted().name, office.as_trusted().online_keys[0], "OSError", "CANARY-RESULT"):
        assert text.encode() not in content
