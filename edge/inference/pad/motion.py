"""The time layer: tells a head that moves in space from a picture on a sheet, over the frames of one track.

Each frame is registered on the track's first one as a sheet would be (`sheet.py`). A head gives itself away
twice: its depth goes with its turns, and its skin changes as no map of a picture does (lines, shade, a smile).
Noise and the first frame's own error are taken off both. A face that does not follow from the frame before is
another face: then nothing that was seen before counts.
"""

import math
from collections import deque
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edge.inference.pad.evidence import Moved
from edge.inference.pad.sheet import Registered, Sheet, Values, similarity
from edge.types.faces import BgrImage, Landmarks

SAME_FACE = 0.85
"""Correlation of successive frames: on the bench's clips one face kept 0.91, two had 0.79 at most."""
_TOGETHER = 3  # frames that are averaged: noise of single frames falls out
_KEPT = 64  # frames that count
_ASTRAY = 0.08  # what a sheet bent by a pixel may seem to change, root mean square, as it is followed wrongly
_SPOT = 4.0  # of the median change: more of it is a spot of gloss, not skin


class Step(StrEnum):
    """What became of a frame."""

    BEGUN = "begun"  # it is the first
    FOLLOWED = "followed"
    LOST = "lost"  # it does not follow from the frames before, which count no more
    NOTHING = "nothing"  # there is no face in it that could be compared


class MotionWatcher:
    """The motion of one track."""

    def __init__(self) -> None:
        self._sheet: Sheet | None = None
        self._began: NDArray[np.float64] = np.zeros(2)
        self._eyes_px = 0.0
        self._clear()

    def _clear(self) -> None:
        self._turns: deque[NDArray[np.float64]] = deque(maxlen=_TOGETHER)
        self._turned: list[NDArray[np.float64]] = []
        self._certainty: deque[float] = deque(maxlen=_KEPT)
        self._early: list[Values] = []
        self._late: deque[Values] = deque(maxlen=_TOGETHER)
        self._bent: deque[float] = deque(maxlen=_TOGETHER)
        self._noise: deque[float] = deque(maxlen=_KEPT)
        self._most_rad, self._sway = 0.0, 0.0

    def look(self, image: BgrImage, landmarks: Landmarks) -> Step:
        """Take one frame into account."""
        if self._sheet is None:
            return self._begin(image, landmarks, Step.BEGUN)
        registered = self._sheet.register(image, landmarks)
        if registered is None or not similarity(registered.light, self._late[-1]) >= SAME_FACE:
            return self._begin(image, landmarks, Step.LOST)
        if registered.rests:
            self._note(registered)
        centre = landmarks.five.mean(axis=0).astype(np.float64)
        self._sway = max(self._sway, float(np.linalg.norm(centre - self._began)) / self._eyes_px)
        return Step.FOLLOWED

    @property
    def moved(self) -> Moved | None:
        """All that was seen so far; None before the second frame."""
        if not self._certainty:
            return None
        return Moved(
            frames=len(self._certainty),
            turned_deg=math.degrees(self._most_rad),
            certainty=_quantile(sorted(self._certainty), 0.9),
            changed=self._changed(),
            sway=self._sway,
        )

    def _begin(self, image: BgrImage, landmarks: Landmarks, step: Step) -> Step:
        self._clear()
        self._sheet = Sheet.begin(image, landmarks)
        if self._sheet is None:
            return step if step is Step.LOST else Step.NOTHING
        self._early.append(self._sheet.light)
        self._late.append(self._sheet.light)
        self._began = landmarks.five.mean(axis=0).astype(np.float64)
        self._eyes_px = max(float(np.linalg.norm(landmarks.five[1] - landmarks.five[0])), 1.0)
        return step

    def _note(self, registered: Registered) -> None:
        self._certainty.append(registered.certainty)
        self._turns.append(registered.turn_rad)
        if len(self._turns) == _TOGETHER and len(self._turned) < _KEPT:
            mean = np.mean(self._turns, axis=0)
            for before in self._turned:
                self._most_rad = max(self._most_rad, math.hypot(*(mean - before).tolist()))
            self._turned.append(mean)
        self._noise.append(float(np.var(registered.light - self._late[-1])) / 2)
        if len(self._early) < _TOGETHER:
            self._early.append(registered.light)
        self._late.append(registered.light)
        self._bent.append(registered.bent_px)

    def _changed(self) -> float:
        """Mean square change from the first frames to the last, less noise, over what the face shows."""
        if len(self._noise) < 2 * _TOGETHER - 1:
            return 0.0
        change = np.mean(self._late, axis=0) - np.mean(self._early, axis=0)
        size = np.abs(change - change.mean())
        most = _SPOT * float(np.median(size))
        noise = 2 * _quantile(sorted(self._noise), 0.5) / _TOGETHER
        shown = max(float(np.var(self._early[0])), 1e-6)
        astray = (_ASTRAY * float(np.mean(self._bent))) ** 2
        return max((float(np.mean(np.minimum(size, most) ** 2)) - noise) / shown - astray, 0.0)


def _quantile(ordered: list[float], share: float) -> float:
    """Linear between neighbours, as NumPy's is, without what NumPy costs for a handful."""
    if not all(map(math.isfinite, ordered)):
        return math.nan
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
