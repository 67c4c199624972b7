"""Lends the camera's frames to an enrolment: while it lasts, nobody is recognised and no event can arise.

The loop asks `divert` for every frame; the enrolment takes the newest one at its own pace. One at a time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edge.errors import EnrolmentError
from edge.types.faces import Frame


class Borrowed:
    """The borrower's end: the newest frame not seen yet."""

    def __init__(self) -> None:
        self._newest: Frame | None = None
        self._arrived = threading.Condition()

    def next(self, *, timeout_s: float) -> Frame | None:
        """Wait for a frame that was not taken yet; None if none came in time (see the camera's health)."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._newest is not None, timeout_s)
            frame, self._newest = self._newest, None
            return frame

    def offer(self, frame: Frame) -> None:
        """Replace the newest frame; never waits."""
        with self._arrived:
            self._newest = frame
            self._arrived.notify()


class FrameTap:
    """Between the loop and an enrolment from the camera."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._borrower: Borrowed | None = None

    def divert(self, frame: Frame) -> bool:
        """Give the frame to the borrower, if there is one; returns whether it was taken away."""
        borrower = self._borrower
        if borrower is None:
            return False
        borrower.offer(frame)
        return True

    @contextmanager
    def borrow(self) -> Iterator[Borrowed]:
        """Take the camera's frames until the block ends.

        Raises:
            EnrolmentError: Another enrolment has them.
        """
        with self._lock:
            if self._borrower is not None:
                raise EnrolmentError(
                    "another enrolment from the camera is running",
                    next_step="wait for it to end, then try again",
                )
            borrowed = self._borrower = Borrowed()
        try:
            yield borrowed
        finally:
            self._borrower = None
