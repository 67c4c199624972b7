"""What is on its way to the office, and from where to go on. Pure: no clock, no socket.

Counts events that were published and that the office has not committed; a broker's PUBACK does not enter.
Edge alone says what is committed, having verified the office's signature. Everything here may be forgotten at
any time: the next frontier that edge tells rebuilds it.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from edge.api.protocol import EnvelopeView, FrontierView, SendAfter

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

    Args:
        size: Most events on their way (`delivery.window_events`).
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._sent: deque[Point] = deque()
        self.frontier: Point | None = None
        self.position: Point | None = None
        self.rewinds = 0

    @property
    def room(self) -> int:
        """How many more events may go out."""
        return max(0, self._size - len(self._sent))

    @property
    def on_the_way(self) -> int:
        """Events sent and not committed."""
        return len(self._sent)

    def sent(self, envelopes: tuple[EnvelopeView, ...]) -> None:
        """These went out, in this order."""
        self._sent.extend(point_of(each.epoch, each.seq) for each in envelopes)
        self.position = self._sent[-1]

    def committed(self, frontier: Point | None) -> bool:
        """Edge says up to where the office has committed. Returns whether that is further than before."""
        before, self.frontier = self.frontier, frontier
        while frontier is not None and self._sent and self._sent[0] <= frontier:
            self._sent.popleft()
        if frontier is not None and self.position is not None and self.position < frontier:
            self.position = frontier
        return frontier is not None and (before is None or before < frontier)

    def rewind(self, to: Point | None) -> None:
        """Forget what was sent after a point: it goes out again."""
        self._sent.clear()
        self.position = to
        self.rewinds += 1


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
