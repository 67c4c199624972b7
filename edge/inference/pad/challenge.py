"""The challenge: two requests in a random order, each within its time, to one face in unbroken sight. Pure.

A recording does not know what it will be asked. Who turns the wrong way, jumps, or leaves and comes back has
failed: between two frames a face can be exchanged. That the face stays the same person's is the pipeline's to
see (`edge.inference.pipeline`), and that it moves as a head the time layer's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge.types.faces import Box, Coaching

STEP_S = 4.0
"""Time for each request, from the moment in which it is asked until it is done."""
STEPS = 2
TURN_DEG, AHEAD_DEG = 15.0, 9.0  # a turn; and near enough to straight ahead to begin the next one
CLOSER = 1.2  # times as wide as when it was asked
JUMP_WIDTHS, JUMP_DEG = 0.5, 22.0  # between two frames at most 0.2 s apart; further is another film
MAX_GAP_S = 0.8  # a head turned too far to be judged is followed by its track meanwhile


class Progress(StrEnum):
    """How a challenge stands."""

    ASKING = "asking"
    PASSED = "passed"
    TOO_SLOW = "challenge_too_slow"
    WRONG = "challenge_wrong"
    CUT = "challenge_cut"


@dataclass(frozen=True, slots=True)
class Sight:
    """What one frame shows of the face that is asked.

    Args:
        at_s: Capture time.
        box: The face.
        yaw_deg: Turn of the head, positive to the person's left.
    """

    at_s: float
    box: Box
    yaw_deg: float


def draw(choose: Callable[[Sequence[Coaching]], Coaching]) -> tuple[Coaching, ...]:
    """Two different requests in an order that nobody knows before; one of them a turn.

    Args:
        choose: Picks one of several by a source that cannot be foreseen.
    """
    turn = choose((Coaching.TURN_LEFT, Coaching.TURN_RIGHT))
    other = Coaching.TURN_RIGHT if turn is Coaching.TURN_LEFT else Coaching.TURN_LEFT
    second = choose((other, Coaching.COME_CLOSER))
    return (turn, second) if choose((turn, second)) is turn else (second, turn)


class Challenge:
    """One track's challenge.

    Args:
        requests: What is asked, in this order.
        before: The last sight of the same track before it, which its first one must follow.
    """

    def __init__(self, requests: Sequence[Coaching], *, before: Sight | None) -> None:
        self._requests = tuple(requests)
        self._done = 0
        self._asked: Sight | None = None  # as the face was when the present request was asked
        self._waits_s: float | None = None  # since when it waits for a face that looks ahead
        self._last = before
        self._progress = Progress.ASKING

    @property
    def progress(self) -> Progress:
        """How it stands; what has ended stays as it ended."""
        return self._progress

    @property
    def asks(self) -> Coaching | None:
        """What the person is to do now: a request, or to look ahead before it; None when it is over."""
        if self._progress is not Progress.ASKING:
            return None
        return Coaching.LOOK_HERE if self._asked is None else self._requests[self._done]

    def see(self, sight: Sight) -> Progress:
        """Take one frame into account."""
        if self._progress is Progress.ASKING:
            self._progress = self._next(sight)
            self._last = sight
        return self._progress

    def _next(self, sight: Sight) -> Progress:
        if not all(map(math.isfinite, (sight.at_s, sight.yaw_deg, sight.box.width))) or self._broken(sight):
            return Progress.CUT
        if self._asked is None:
            self._asked = sight if abs(sight.yaw_deg) <= AHEAD_DEG else None
            self._waits_s = sight.at_s if self._waits_s is None else self._waits_s
            return Progress.TOO_SLOW if sight.at_s - self._waits_s > STEP_S else Progress.ASKING
        if sight.at_s - self._asked.at_s > STEP_S:
            return Progress.TOO_SLOW
        return self._answered(sight, self._asked)

    def _answered(self, sight: Sight, asked: Sight) -> Progress:
        request = self._requests[self._done]
        left, right = sight.yaw_deg >= TURN_DEG, sight.yaw_deg <= -TURN_DEG
        if (request is Coaching.TURN_LEFT and right) or (request is Coaching.TURN_RIGHT and left):
            return Progress.WRONG
        done = {
            Coaching.TURN_LEFT: left,
            Coaching.TURN_RIGHT: right,
            Coaching.COME_CLOSER: sight.box.width >= CLOSER * asked.box.width,
        }[request]
        if not done:
            return Progress.ASKING
        self._done += 1
        self._asked, self._waits_s = None, None
        return Progress.PASSED if self._done == len(self._requests) else Progress.ASKING

    def _broken(self, sight: Sight) -> bool:
        """Whether this frame cannot follow the last one."""
        last = self._last
        if last is None:
            return False
        apart_s = sight.at_s - last.at_s
        if not 0 <= apart_s <= MAX_GAP_S:
            return True
        slack = max(1.0, apart_s / 0.2)
        away = math.dist(sight.box.centre, last.box.centre) / max(sight.box.width, last.box.width, 1.0)
        return away > JUMP_WIDTHS * slack or abs(sight.yaw_deg - last.yaw_deg) > JUMP_DEG * slack
