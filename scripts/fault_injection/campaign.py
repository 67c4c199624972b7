"""A run: faults at random instants while kiosks record, then calm, then everything drains."""

import collections
import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from scripts.fault_injection.faults import Injector
from scripts.fault_injection.rig import Rig, Stuck
from scripts.fault_injection.wounds import Busy, drained_of

TICK_S: Final = 0.03
SETTLE_S: Final = 30.0
RATE_MOST: Final = 60.0  # events a second of one kiosk


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do.

    Args:
        events: Confirmed events of all kiosks together, at least.
        faults: Faults, at least.
        limit_s: After this the run stops, done or not.
        pace_s: Mean time between two faults.
    """

    events: int
    faults: int
    limit_s: float
    pace_s: float = 0.6


@dataclass
class Diary:
    """What happened.

    Attributes:
        injected: Faults by kind.
        postponed: How often a kind was drawn when its part was under a fault already.
    """

    injected: collections.Counter[str] = field(default_factory=collections.Counter)
    postponed: int = 0
    storm_s: float = 0.0
    drain_s: float = 0.0

    @property
    def faults(self) -> int:
        """All of them."""
        return sum(self.injected.values())


class Campaign:
    """One run over one rig."""

    def __init__(self, rig: Rig, plan: Plan, *, say: Callable[[str], None]) -> None:
        self._rig = rig
        self._plan = plan
        self._say = say
        self._busy: set[str] = set()
        self.injector = Injector(rig, self._busy)
        self.diary = Diary()
        self._mends: list[tuple[float, int, str, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._kinds = self.injector.kinds()
        self._unseen = list(self._kinds)

    def run(self) -> Diary:
        """The storm and the calm.

        Raises:
            Stuck: Not enough happened in the time, or something did not drain.
        """
        began = time.monotonic()
        self._storm(began)
        self.diary.storm_s = time.monotonic() - began
        self._calm()
        self.diary.drain_s = time.monotonic() - began - self.diary.storm_s
        return self.diary

    def _storm(self, began: float) -> None:
        next_fault = next_word = time.monotonic()
        while not self._done():
            now = time.monotonic()
            if now - began > self._plan.limit_s:
                raise Stuck(
                    f"{self._events()} events and {self.diary.faults} faults in {self._plan.limit_s:.0f} s"
                )
            self._mend(now)
            self._rig.mind()
            if now >= next_fault and self.diary.faults < self._plan.faults:
                self._inject()
                next_fault = now + self._rig.draw.expovariate(1 / self._plan.pace_s)
            if now >= next_word:
                next_word = now + 10.0
                self._say(f"{now - began:5.0f} s  {self._events()} events  {self.diary.faults} faults")
            self._steer()
            time.sleep(TICK_S)

    def _done(self) -> bool:
        return self.diary.faults >= self._plan.faults and self._events() >= self._plan.events

    def _events(self) -> int:
        return sum(kiosk.confirmed_count() for kiosk in self._rig.kiosks)

    def _steer(self) -> None:
        """Neither events nor faults run far ahead of the other, so that faults meet events."""
        of_events = self._events() / self._plan.events
        of_faults = self.diary.faults / max(1, self._plan.faults)
        eager = of_events <= of_faults + 0.02 or of_faults >= 1
        rate = RATE_MOST if eager else 2.0
        for kiosk in self._rig.kiosks:
            kiosk.set_rate(rate)

    def _inject(self) -> None:
        """Each kind once before any twice by weight: a short run sees as many kinds as it can."""
        draw = self._rig.draw
        if self._unseen:
            kind = self._unseen[draw.randrange(len(self._unseen))]
        else:
            weights = [weight for weight, _ in self._kinds.values()]
            kind = draw.choices(list(self._kinds), weights)[0]
        try:
            wound = self._kinds[kind][1]()
        except Busy:
            self.diary.postponed += 1
            return
        if kind in self._unseen:
            self._unseen.remove(kind)
        self.diary.injected[kind] += 1
        heapq.heappush(
            self._mends, (time.monotonic() + wound.lasts_s, next(self._numbers), wound.part, wound.mend)
        )

    def _mend(self, now: float) -> None:
        while self._mends and self._mends[0][0] <= now:
            _, _, part, mend = heapq.heappop(self._mends)
            mend()
            self._busy.discard(part)

    def _calm(self) -> None:
        """Make everything good, send one last forgery of each kiosk, and wait until all is confirmed."""
        rig = self._rig
        for kiosk in rig.kiosks:
            kiosk.set_rate(0)
        self._mend(float("inf"))
        rig.await_until(
            lambda: all(child.alive for child in rig.children), "every process runs", within_s=SETTLE_S
        )
        rig.await_until(
            lambda: all(drained_of(kiosk) for kiosk in rig.kiosks),
            "everything is confirmed",
            within_s=max(90.0, self._plan.limit_s / 4),
        )
