"""Announcements, and pins that note everything: what the tests of signals stand on."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from edge.errors import PinRefused
from edge.signals.pins import Line, Pins
from edge.types.announcements import Announcement, Notice
from edge.types.faces import Coaching
from edge.types.identity import DeviceId, EpochId, PersonId
from edge.types.punches import Direction, DirectionSource, EventId, Method, Punch, RecordedPunch
from tests.fakes import FIRST_INSTANT

PATIENCE_S = 10.0


def recorded(method: Method = Method.BADGE, direction: Direction = Direction.IN) -> Announcement:
    punch = Punch(
        PersonId("0" * 32), FIRST_INSTANT, direction, DirectionSource.FIXED, method, day=date(2026, 3, 2)
    )
    event = EventId(DeviceId("door"), EpochId("000001-0123456789abcdef"), 1, "0" * 64)
    return Announcement(Notice.RECORDED, recorded=RecordedPunch(event, punch))


def every_announcement_but_a_record() -> list[Announcement]:
    """Each notice that exists, with all that could look like a record."""
    real = recorded().recorded
    others = [each for each in Notice if each is not Notice.RECORDED]
    return [
        Announcement(Notice.RECORDED),
        *(Announcement(notice, recorded=real, seconds=5, coaching=Coaching.LOOK_HERE) for notice in others),
        *(Announcement(notice) for notice in others),
    ]


@dataclass
class NotingLine(Line):
    """Remembers the levels that it was put to."""

    levels: list[float] = field(default_factory=list)
    broken: bool = False
    stuck: threading.Event | None = None
    closed: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, level: float) -> None:
        if self.broken:
            raise PinRefused("a pin could not be moved", where="BCM 17")
        with self.changed:
            if not self.levels or self.levels[-1] != level:
                self.levels.append(level)
            self.changed.notify_all()
        if self.stuck is not None and level:
            assert self.stuck.wait(PATIENCE_S)

    def close(self) -> None:
        self.closed = True

    def until(self, *levels: float) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: tuple(self.levels) == levels, PATIENCE_S), self.levels


@dataclass
class NotingPins(Pins):
    """Pins that are all there."""

    dims: bool = True
    lines: dict[int, NotingLine] = field(default_factory=dict)
    refused: frozenset[int] = frozenset()

    def line(self, pin: int, *, active_high: bool, dimmed: bool) -> Line:
        if pin in self.refused:
            raise PinRefused("a pin is in use by another driver or program", where=f"BCM {pin}")
        return self.lines.setdefault(pin, NotingLine())


def eventually(holds: Callable[[], bool]) -> None:
    """Bounded wait for another thread's work."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.005)
