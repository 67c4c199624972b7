"""Events as people list and follow them: nothing is missed, also when numbers are committed out of order."""

import threading
from collections.abc import Callable
from datetime import date

import pytest

from sync.office.database import Database, arrivals, schema
from sync.office.listing import EXPORT_COLUMNS, Wanted, follow, newest
from tests.sync.office.cli.office import HOSTILE
from tests.sync.office.test_timesheet import ANA, Office


def filled(database: Database) -> Office:
    with database.write() as connection:
        office = Office(connection)
        office.punch("09 08:00")
        office.punch("10 08:00", person="b" * 32)
        office.punch("11 08:00", type="clockface.person.changed.v1", day=None)
    return office


@pytest.mark.parametrize(
    ("wanted", "seqs"),
    [
        (Wanted(), [1, 2, 3]),
        (Wanted(person=ANA), [1, 3]),
        (Wanted(kind="attendance.recorded"), [1, 2]),
        (Wanted(kind="clockface.person.changed.v1"), [3]),
        (Wanted(first=date(2026, 11, 10)), [2]),
        (Wanted(last=date(2026, 11, 9)), [1]),
        (Wanted(site="lab", device="door"), [1, 2, 3]),
        (Wanted(site="moon"), []),
        (Wanted(site=HOSTILE, device=HOSTILE, kind=HOSTILE, person=HOSTILE), []),
    ],
)
def test_filters(office_database: Database, wanted: Wanted, seqs: list[int]) -> None:
    filled(office_database)
    up_to = arrivals.settled(office_database)
    with office_database.read() as connection:
        rows = newest(connection, wanted, up_to=up_to, limit=10)
        assert newest(connection, wanted, up_to=up_to, limit=1) == rows[-1:]
    assert [row["seq"] for row in rows] == seqs
    assert all(tuple(row) == EXPORT_COLUMNS for row in rows)


def rounds(*acts: Callable[[], object]) -> Callable[[], bool]:
    """Between two looks something happens; after the last nothing is waited for."""
    left = list(acts)

    def wait() -> bool:
        if not left:
            return False
        left.pop(0)()
        return True

    return wait


def test_a_follower_gets_each_event_once_in_order_over_several_pages(
    office_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.office.listing.PAGE", 2)
    office = filled(office_database)

    def more() -> None:
        with office_database.write() as connection:
            office.connection = connection
            for hour in (10, 11, 12):
                office.punch(f"12 {hour}:00")

    found = list(follow(office_database, Wanted(), position=1, wait=rounds(more, lambda: None)))
    assert [row["seq"] for row in found] == [2, 3, 4, 5, 6]


def test_a_follower_waits_for_an_earlier_number_that_is_not_committed_yet(office_database: Database) -> None:
    if office_database.dialect == "sqlite":
        pytest.skip("one writer at a time: numbers are committed in order")
    office = filled(office_database)
    begun, finish = threading.Event(), threading.Event()

    def slow() -> None:
        with office_database.write() as connection:
            arrivals.announce(connection)
            office.connection = connection
            office.punch("12 08:00")
            begun.set()
            assert finish.wait(30)

    writer = threading.Thread(target=slow)
    writer.start()
    assert begun.wait(30)

    def overtake() -> None:
        with office_database.write() as connection:
            arrivals.announce(connection)
            office.connection = connection
            office.punch("12 09:00")

    def commit() -> None:
        finish.set()
        writer.join(30)

    seen_before_commit: list[int] = []
    found = []
    acts = rounds(overtake, lambda: seen_before_commit.append(len(found)), commit)
    for row in follow(office_database, Wanted(), position=3, wait=acts):
        found.append(row["seq"])
    assert (seen_before_commit, found) == ([0], [4, 5])


def test_the_signed_original_is_not_listed() -> None:
    assert not {"envelope", "hash"} & set(EXPORT_COLUMNS)
    assert set(EXPORT_COLUMNS) - {"site", "device", "epoch", "time", "clock", "received", "removed"} <= {
        column.name for column in schema.events.c
    }
