"""A disk that fills up: said, then room is made of what the office has, then nobody is asked to try in vain."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.daemon.room import CALM_S, CODE, RETRY_S, Level, Room, level_of, may_reopen
from edge.errors import LedgerDiskFull, StoreError
from edge.store import store as stores
from edge.types.clock import ClockTrust
from edge.types.identity import PersonId
from edge.types.punches import EventId, Punch, RecordedPunch
from tests.edge.store.given import enrolled, punch
from tests.fakes import ManualClock

DAY_S = 86_400.0
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


@dataclass
class Disk:
    """Says how full it is."""

    free_percent: int = 50
    broken: bool = False

    def usage(self, _folder: Path) -> tuple[int, int, int]:
        if self.broken:
            raise OSError
        free = self.free_percent * 2**20
        return 100 * 2**20, 100 * 2**20 - free, free


@dataclass
class Place:
    store: stores.Store
    clock: ManualClock
    root: Path
    disk: Disk = field(default_factory=Disk)
    trouble: StoreError | None = None

    def __post_init__(self) -> None:
        self.room = Room(store=self.store, clock=self.clock, ledger=self, usage=self.disk.usage, root=self.root)

    def record(self, made: Punch) -> RecordedPunch:
        if self.trouble is not None:
            raise self.trouble
        return self.store.events.record(made)

    def go_on(self, seconds: float = 61.0) -> set[str]:
        """Let the loop step after a while; which alarms stand then."""
        self.room(self.clock.advance(seconds).boottime_s)
        return {alarm.kind for alarm in self.store.alarms.raised()}

    def punches(self, person_id: PersonId, *, days: int) -> list[EventId]:
        made = [punch(person_id, self.clock.advance(DAY_S)) for _ in range(days)]
        return [self.room.record(each).id for each in made]


@pytest.fixture
def place(store: stores.Store, clock: ManualClock, tmp_path: Path) -> Place:
    clock.trust(ClockTrust.SYNCHRONISED)
    return Place(store, clock, tmp_path / "root")


def test_levels_count_what_an_ordinary_account_may_still_write() -> None:
    assert level_of(used=799, free=201) is Level.ROOMY
    assert level_of(used=800, free=200) is Level.FILLING
    assert level_of(used=899, free=101) is Level.FILLING
    assert level_of(used=900, free=100) is Level.TIGHT
    assert level_of(used=1000, free=0) is level_of(used=0, free=0) is Level.TIGHT


def test_what_a_file_system_keeps_for_itself_is_neither_used_nor_free() -> None:
    assert level_of(used=20, free=20) is Level.ROOMY  # of 100: 60 are kept


def test_alarms_follow_the_disk_and_clear_themselves(place: Place) -> None:
    assert place.go_on() == set()
    place.disk.free_percent = 15
    assert place.go_on() == {"disk_80_percent"}
    place.disk.free_percent = 5
    assert place.go_on() == {"disk_90_percent"}
    place.disk.broken = True
    assert place.go_on() == {"disk_90_percent"}  # nothing is known: nothing changes
    place.disk.broken, place.disk.free_percent = False, 60
    assert place.go_on() == set()


def test_at_90_percent_the_oldest_confirmed_events_go_and_no_other(place: Place) -> None:
    person_id = enrolled(place.store)
    ids = place.punches(person_id, days=100)
    place.store.frontier.advance(ids[49])
    place.disk.free_percent = 11
    place.go_on()
    before = place.store.events.count()
    assert before > 100
    place.disk.free_percent = 9
    for _ in range(5):
        place.go_on()
    assert place.store.frontier.pruned(ids[48])
    assert not place.store.frontier.pruned(ids[49])
    place.store.frontier.advance(ids[99])
    for _ in range(5):
        place.go_on()
    left = before - place.store.events.count()
    assert 68 <= left <= 70  # and 31 days stay, delivered or not
    assert place.store.verify().problems == ()


def test_nothing_goes_under_a_clock_that_cannot_be_trusted(place: Place) -> None:
    ids = place.punches(enrolled(place.store), days=60)
    place.store.frontier.advance(ids[-1])
    before = place.store.events.count()
    place.disk.free_percent = 1
    place.clock.trust(ClockTrust.UNSYNCHRONISED)
    place.go_on()
    assert place.store.events.count() == before


def test_a_commit_without_room_closes_the_kiosk_until_there_is_some(place: Place) -> None:
    person_id = enrolled(place.store)
    made = punch(person_id, place.clock.now())
    place.disk.free_percent = 0
    place.go_on()
    assert place.room.closed() is None  # it may have room in its own file: a commit says so, not the disk
    place.trouble = LedgerDiskFull("the disk is full")
    with pytest.raises(LedgerDiskFull):
        place.room.record(made)
    assert place.room.closed() == CODE
    place.go_on(2.0)
    assert place.room.closed() == CODE
    place.disk.free_percent, place.trouble = 5, None
    place.go_on(2.0)
    assert place.room.closed() is None
    assert place.room.record(made).punch == made


def test_another_trouble_closes_nothing_and_a_disk_that_stays_full_is_tried_again() -> None:
    assert not may_reopen(free=0, closed_for_s=RETRY_S - 1)
    assert may_reopen(free=0, closed_for_s=RETRY_S)
    assert may_reopen(free=2**20, closed_for_s=0.0)


def test_low_voltage_and_heat_are_alarms_that_stay_a_while(place: Place) -> None:
    file = place.root / FIRMWARE
    file.parent.mkdir(parents=True)
    for bits, kinds in ((0x1, {"under_voltage"}), (0x6, {"under_voltage", "board_throttled"})):
        file.write_text(f"{bits:x}\n")
        assert place.go_on() == kinds
    file.write_text("50000\n")  # since boot, and not now
    assert place.go_on(CALM_S - 30) == {"board_throttled"}
    assert place.go_on() == set()
