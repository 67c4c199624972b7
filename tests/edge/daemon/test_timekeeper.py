"""The ledger's time mark is kept often enough, at once when trust changes, and never too often."""

from edge.daemon.timekeeper import ASK_EVERY_S, MARK_EVERY_S, Timekeeper
from edge.errors import LedgerDiskFull
from edge.types.clock import ClockTrust, Instant
from tests.fakes import ManualClock


class Marks:
    def __init__(self) -> None:
        self.taken: list[Instant] = []
        self.full = False

    def mark(self, now: Instant) -> int:
        if self.full:
            raise LedgerDiskFull("the disk is full")
        self.taken.append(now)
        return 0


def test_the_first_step_marks_and_a_minute_later_the_next():
    marks, clock = Marks(), ManualClock()
    keeper = Timekeeper(clock=clock, marks=marks)
    for second in range(int(MARK_EVERY_S) + 1):
        keeper(float(second))
    assert len(marks.taken) == 2


def test_a_change_of_trust_is_marked_at_once():
    marks, clock = Marks(), ManualClock()
    keeper = Timekeeper(clock=clock, marks=marks)
    keeper(0.0)
    clock.trust(ClockTrust.UNSYNCHRONISED)
    keeper(ASK_EVERY_S)
    assert [instant.trust for instant in marks.taken] == [ClockTrust.SYNCHRONISED, ClockTrust.UNSYNCHRONISED]


def test_a_full_disk_does_not_end_the_loop_and_the_mark_is_tried_again():
    marks, clock = Marks(), ManualClock()
    marks.full = True
    keeper = Timekeeper(clock=clock, marks=marks)
    keeper(0.0)
    marks.full = False
    keeper(ASK_EVERY_S)
    assert len(marks.taken) == 1


class CountingClock(ManualClock):
    __slots__ = ("asked",)

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def now(self) -> Instant:
        self.asked += 1
        return self.instant


def test_a_frame_rate_of_steps_asks_the_clock_once_a_second():
    clock = CountingClock()
    keeper = Timekeeper(clock=clock, marks=Marks())
    for step in range(30):
        keeper(step / 15)
    assert clock.asked == 2
