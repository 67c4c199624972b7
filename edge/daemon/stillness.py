"""Lets frames in which nothing moves pass unjudged once nobody has been there for a while.

Cheap to ask: a small grey picture against that of the last frame that was judged, so that somebody who comes
slowly is seen as well. The first frame in which something moves is judged itself, and so is one every
`look_every_s` whatever it shows. Pure: frames in, yes or no out; frames' own times are its clock.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.config.camera import IdleConfig
from edge.types.faces import BgrImage, Frame

WIDTH, HEIGHT = 40, 30  # cells; the least face that is judged, 45 px of 640, covers about 8
LEAST_CELLS: Final = 3  # one alone is a sensor's noise or a blinking lamp

Cells = npt.NDArray[np.float32]


class Stillness:
    """Whether a frame needs to be looked at. One thread.

    Args:
        config: `[idle]`.
    """

    def __init__(self, config: IdleConfig) -> None:
        self._config = config
        self._awake_until_s: float | None = None
        self._next_look_s = 0.0
        self._reference: Cells | None = None

    def wants(self, frame: Frame) -> bool:
        """Whether to judge this frame."""
        at_s = frame.captured_s
        if self._config.after_s == 0.0:
            return True
        until_s = at_s + self._config.after_s if self._awake_until_s is None else self._awake_until_s
        self._awake_until_s = until_s
        if at_s < until_s:
            self._reference = None
            return True
        seen = cells(frame.image)
        if self._reference is None or at_s >= self._next_look_s:
            self._reference, self._next_look_s = seen, at_s + self._config.look_every_s
            return True
        if moved(seen, self._reference, levels=self._config.levels):
            self.wake(at_s)
            return True
        return False

    def wake(self, at_s: float) -> None:
        """Somebody is there, or was asked for: judge every frame for a while."""
        self._awake_until_s = at_s + self._config.after_s

    def forget(self) -> None:
        """Begin anew with the next frame: the camera or the kiosk was away."""
        self._awake_until_s = self._reference = None


def cells(image: BgrImage) -> Cells:
    """Mean green level of each cell less that of all: (30, 40) float32, so that light coming on is no motion.

    Sixteen samples a cell stand for its pixels: reading them all would cost half of what a detection does.
    """
    step = max(1, image.shape[1] // (4 * WIDTH))
    samples = np.ascontiguousarray(image[::step, ::step, 1])
    small = cv2.resize(samples, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
    centred: Cells = small - small.mean()
    return centred


def moved(now: Cells, before: Cells, *, levels: float) -> bool:
    """Whether enough cells differ by more than so many grey levels."""
    return int(np.count_nonzero(np.abs(now - before) > levels)) >= LEAST_CELLS
