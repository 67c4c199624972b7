"""Whoever answers what the kiosk asks, people and attackers, with human latency: the half of a closed loop.

What the screen says is heard (`Responder.hear`), and the head, the sheet or the film moves some time later. A
recording knows nothing of it: it moves at random. Positive yaw is to the person's own left, as in
`edge.inference.quality`; pictures are not mirrored.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types.faces import Coaching
from scripts.pad_bench.animation import COARSE, Animated
from scripts.pad_bench.motion import Pose
from scripts.pad_bench.sources import Picture, Shown

REQUESTS = frozenset({Coaching.TURN_LEFT, Coaching.TURN_RIGHT, Coaching.COME_CLOSER})
PATIENCE_S = 0.5
"""Who is still asked so long after doing it does it once more, and further."""
FURTHER, FURTHEST = 1.3, 0.9  # times; radians
_ROUNDS = 8  # of the fixed point that inverts a turn


@dataclass(frozen=True)
class Posture:
    """How a head, or what is shown as one, is held.

    Args:
        yaw: Radians, positive to the person's left.
        closer: Times as near as at first.
    """

    yaw: float = 0.0
    closer: float = 1.0


@dataclass(frozen=True)
class Manner:
    """How somebody answers; times are drawn anew for each request.

    Args:
        latency_s: From the request to the first motion: least and most.
        takes_s: How long the motion takes: least and most.
        yaw: How far they turn, radians: least and most.
        closer: How much nearer they come, times: least and most.
        wrong: The first turn that is asked for goes the other way.
    """

    latency_s: tuple[float, float]
    takes_s: tuple[float, float]
    yaw: tuple[float, float]
    closer: tuple[float, float] = (1.3, 1.5)
    wrong: bool = False


class Moves(Protocol):
    """Something whose posture follows from time, and perhaps from what it hears."""

    def hear(self, said: Coaching | None, at_s: float) -> None:
        """What the screen says now; None says nothing new."""
        ...

    def at(self, at_s: float) -> Posture:
        """The posture at a time not before the last request."""
        ...


@dataclass(frozen=True)
class _Motion:
    from_s: float
    takes_s: float
    before: Posture
    after: Posture

    def at(self, at_s: float) -> Posture:
        part = min(max((at_s - self.from_s) / self.takes_s, 0.0), 1.0)
        done = part**3 * (10 - 15 * part + 6 * part**2)  # least jerk, as hands and heads move
        before, after = self.before, self.after
        return Posture(
            before.yaw + done * (after.yaw - before.yaw),
            before.closer + done * (after.closer - before.closer),
        )


class Responder:
    """Does what it is asked, some time later.

    Args:
        manner: How.
        rng: Draws.
    """

    def __init__(self, manner: Manner, rng: np.random.Generator) -> None:
        self._manner, self._rng = manner, rng
        self._motions = [_Motion(0.0, 1.0, Posture(), Posture())]
        self._heard: Coaching | None = None
        self._wrong = manner.wrong

    def hear(self, said: Coaching | None, at_s: float) -> None:
        """Begin what is asked, or go further where it is still asked a while after it was done.

        A motion that has not begun when something else is asked is given up.
        """
        if said is None:
            return
        if said is self._heard:
            self._insist(at_s)
            return
        self._heard = said
        from_s = at_s + self._between(self._manner.latency_s)
        self._motions = [motion for motion in self._motions if motion.from_s <= at_s]
        before = self.at(from_s)
        after = self._answer(said, before)
        if after is not None:
            self._motions.append(_Motion(from_s, self._between(self._manner.takes_s), before, after))

    def _insist(self, at_s: float) -> None:
        last = self._motions[-1]
        if self._heard not in REQUESTS or at_s < last.from_s + last.takes_s + PATIENCE_S:
            return
        before = last.after
        yaw = float(np.clip(FURTHER * before.yaw, -FURTHEST, FURTHEST))
        closer = before.closer * (FURTHER if self._heard is Coaching.COME_CLOSER else 1.0)
        self._motions.append(_Motion(at_s, last.takes_s, before, Posture(yaw, closer)))

    def at(self, at_s: float) -> Posture:
        """The posture at a time."""
        return next(motion for motion in reversed(self._motions) if motion.from_s <= max(at_s, 0.0)).at(at_s)

    def _answer(self, said: Coaching, before: Posture) -> Posture | None:
        if said is Coaching.COME_CLOSER:
            return Posture(0.0, before.closer * self._between(self._manner.closer))
        if said is Coaching.STEP_BACK:
            return Posture(0.0, before.closer / self._between(self._manner.closer))
        if said is Coaching.LOOK_HERE:
            return replace(before, yaw=0.0)
        if said in (Coaching.TURN_LEFT, Coaching.TURN_RIGHT):
            side = 1.0 if said is Coaching.TURN_LEFT else -1.0
            side, self._wrong = (-side if self._wrong else side), False
            return replace(before, yaw=side * self._between(self._manner.yaw))
        if said is Coaching.TURN_A_LITTLE:
            return replace(before, yaw=float(self._rng.choice([-1, 1])) * 0.4 * self._between(self._manner.yaw))
        return None

    def _between(self, limits: tuple[float, float]) -> float:
        return float(self._rng.uniform(*limits))


class Recorded:
    """A film of somebody who turned and came closer as they liked: it hears nothing.

    Args:
        manner: How far, and how quickly.
        rng: Draws.
        length_s: Of the film.
    """

    def __init__(self, manner: Manner, rng: np.random.Generator, *, length_s: float) -> None:
        self._inner = Responder(manner, rng)
        at_s = 0.0
        while at_s < length_s:
            at_s += float(rng.uniform(1.0, 2.0))
            said = (Coaching.TURN_LEFT, Coaching.TURN_RIGHT, Coaching.COME_CLOSER)[int(rng.integers(3))]
            self._inner.hear(said, at_s)
            at_s += float(rng.uniform(1.5, 2.5))
            self._inner.hear(Coaching.STEP_BACK if said is Coaching.COME_CLOSER else Coaching.LOOK_HERE, at_s)

    def hear(self, said: Coaching | None, at_s: float) -> None:
        """Nothing: it is a film."""

    def at(self, at_s: float) -> Posture:
        """The posture at a time of the film."""
        return self._inner.at(at_s)


class Turning(Animated):
    """A photograph that moves of its own, and turns and comes closer as far as asked.

    A turn is the rotation of its relief about an upright axis within the head, inverted by a fixed point;
    beyond some 30 degrees the far side of a face would hide behind the nose, which a relief cannot show.

    Args:
        shown: The face.
        rng: Rhythms and amplitudes.
        moves: The posture at a time.
    """

    def __init__(self, shown: Shown, rng: np.random.Generator, moves: Moves) -> None:
        super().__init__(shown, rng)
        self._moves = moves
        self._belongs = np.clip(self._sways / self._width, 0, 1)
        self._relief_px = self._nods / np.maximum(self._belongs, 1e-3)
        small = [
            cv2.resize(plane, None, fx=1 / COARSE, fy=1 / COARSE, interpolation=cv2.INTER_AREA)
            for plane in (self._x, self._y, self._belongs, self._relief_px)
        ]
        self._small_x, self._small_y, self._small_belongs, self._small_relief = small
        self._middle = self._mesh[:, :2].mean(axis=0)

    def at(self, at_s: float) -> Picture:
        """The photograph as it is at this time: (h, w, 3) uint8 BGR, twice the size of the original."""
        moved, posture = super().at(at_s), self._moves.at(at_s)
        if abs(posture.yaw) < 1e-3 and abs(posture.closer - 1) < 1e-3:
            return moved
        x, y = self._inverted(posture)
        return np.asarray(cv2.remap(moved, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8)

    def _inverted(self, posture: Posture) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where each pixel comes from."""
        across, down = self._small_x - self._middle[0], self._small_y - self._middle[1]
        cosine, sine, closer = float(np.cos(posture.yaw)), float(np.sin(posture.yaw)), posture.closer
        shift_x = self._small_belongs * (closer * (across * cosine + self._small_relief * sine) - across)
        shift_y = self._small_belongs * (closer - 1) * down
        found_x, found_y = self._small_x.copy(), self._small_y.copy()
        for _ in range(_ROUNDS):
            column, row = found_x / COARSE, found_y / COARSE
            there = [
                cv2.remap(plane, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                for plane in (shift_x, shift_y)
            ]
            found_x, found_y = self._small_x - there[0], self._small_y - there[1]
        size = self._picture.shape[1::-1]
        x, y = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in (found_x, found_y))
        return x, y


def steered(moves: Moves) -> Callable[[float, Pose], Pose]:
    """Turns a sheet that is held by hand as its holder is asked to turn the head, and brings it closer."""

    def moved(at_s: float, pose: Pose) -> Pose:
        posture = moves.at(at_s)
        turn, _ = cv2.Rodrigues(np.array([0.0, -posture.yaw, 0.0]))
        at_mm = pose.at_mm * np.array([1.0, 1.0, 1 / posture.closer])
        return Pose(at_mm, np.asarray(turn) @ pose.rotation)

    return moved
