"""What is on its way to the office, and from where to go on. Pure: no clock, no socket.

Counts events that were published and that the office has not committed; a broker's PUBACK does not enter.
Edge alone says what is committed, having verified the office's signature. Everything here may be forgotten at
any time: the next frontier that edge tells rebuilds it.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from edge.api.protocol.courier import EnvelopeView, FrontierView, SendAfter

FIRST_AGAIN: Final = 32  # events after a rewind, then with each confirmation so many times as many
GROWTH: Final = 4
UNHEARD_S: Final = 1.0  # until what nobody received goes out again; doubled each time
_UNHEARD: Final = 6
_STALLS: Final = 4  # stall_s doubles so often at most: an office that is down is not sent the same all day


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A place in a device's history, in the order of (epoch, seq)."""

    number: int
    epoch: str
    seq: int


def point_of(epoch: str, seq: int) -> Point:
    """The place of an event; an epoch begins with the number that orders it."""
    return Point(int(epoch.partition("-")[0]), epoch, seq)


def frontier_of(view: FrontierView) -> Point | None:
    """Edge's frontier; None where the office has confirmed nothing."""
    return None if view.epoch is None or view.seq is None else point_of(view.epoch, view.seq)


def start_of(after: SendAfter) -> Point | None:
    """From where edge wants to be sent again; None for the first event."""
    return None if after.epoch is None or after.seq is None else point_of(after.epoch, after.seq)


class Window:
    """The events between the office's frontier and the last one sent.

    After a rewind little goes out at first, and more with each confirmation: an office that is only slow still
    has the first copies before it, and a fleet that sends everything twice would keep it slow for ever. Once it
    confirms more than was sent again, the first copies are arriving, and the rest is not repeated.

    Args:
        size: Most events on their way (`delivery.window_events`).
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._allowed = size
        self._spoken = False
        self._sent: deque[Point] = deque()
        self._before: deque[Point] = deque()  # sent before the last rewind, and perhaps still arriving
        self.frontier: Point | None = None
        self.position: Point | None = None
        self.rewinds = 0

    @property
    def room(self) -> int:
        """How many more events may go out."""
        return max(0, self._allowed - len(self._sent))

    @property
    def on_the_way(self) -> int:
        """Events sent and not committed."""
        return len(self._sent)

    def sent(self, envelopes: tuple[EnvelopeView, ...]) -> None:
        """These went out, in this order."""
        self._spoken = True
        self._sent.extend(point_of(each.epoch, each.seq) for each in envelopes)
        self.position = self._sent[-1]

    def committed(self, frontier: Point | None) -> bool:
        """Edge says up to where the office has committed. Returns whether that is further than before."""
        before, self.frontier = self.frontier, frontier
        if frontier is None:
            return False
        for points in (self._sent, self._before):
            while points and points[0] <= frontier:
                points.popleft()
        if self.position is not None and self.position < frontier:
            self.position = frontier
            self._resume()
        if before is not None and before >= frontier:
            return False
        self._allowed = min(self._size, self._allowed * GROWTH)
        return True

    def rewind(self, to: Point | None, *, lost: bool = True) -> None:
        """Go back to a point: what was sent after it goes out again.

        Args:
            to: None for the first event.
            lost: Whether what was sent is known to be lost, or has only not been heard of.
        """
        if lost:
            self._before.clear()
        elif self._sent and (not self._before or self._before[-1] < self._sent[-1]):
            self._before = self._sent.copy()
        self._sent.clear()
        if self._spoken:  # else nothing of ours is on its way
            self._allowed = min(self._size, FIRST_AGAIN)
        self.position = to
        self.rewinds += 1

    def forget(self) -> None:
        """Edge may come back with another ledger: what was sent says nothing about it."""
        self._sent.clear()
        self._before.clear()

    def _resume(self) -> None:
        """More is confirmed than was sent again: go on behind what is still arriving."""
        if self._before and self.position is not None and self._before[-1] > self.position:
            self._sent, self._before = self._before, deque()
            self.position = self._sent[-1]
        self._allowed = self._size


@dataclass
class Stall:
    """Notices that nothing moves although events are on their way.

    Args:
        after_s: `delivery.stall_s`; doubled after each resend that changed nothing, 16 times at most.

    Attributes:
        unheard: The broker has said that nobody listens: there is no use in sending more, and a resend is near.
    """

    after_s: float
    unheard: bool = False
    _since: float | None = None
    _times: int = 0

    def moved(self, now: float) -> None:
        """The office's frontier moved."""
        self._since, self._times, self.unheard = now, 0, False

    def resent(self, now: float) -> None:
        """Everything was sent again without a word from the office."""
        self._since, self._times, self.unheard = now, self._times + 1, False

    def left_s(self, now: float, *, on_the_way: int) -> float | None:
        """Seconds until it is a stall, 0 or less when it is one; None while nothing is on its way."""
        if not on_the_way:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        limit_s = self.after_s * 2.0 ** min(self._times, _STALLS)
        if self.unheard:
            limit_s = min(limit_s, UNHEARD_S * 2.0 ** min(self._times, _UNHEARD))
        return self._since + limit_s - now
