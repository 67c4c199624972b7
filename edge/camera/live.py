"""A camera that delivers the newest picture, whatever its driver does.

A thread attends to the source; readers take the newest picture and never wait for a driver. A driver call that
hangs is seen by whoever reads or asks for the health, its thread is given up (a bounded number of them) and
another one takes over with a source of its own. Pictures are turned and cut when they are read: those that
nobody reads cost nothing.
"""

import random
import threading
from collections.abc import Callable

from edge.camera.attendant import Attendant
from edge.camera.source import Source, boottime_s
from edge.camera.view import View
from edge.camera.vitals import Patience, Vitals
from edge.types.camera import CameraHealth
from edge.types.faces import Frame

MAX_HUNG_DRIVERS = 4  # threads given up at one time; each holds a driver's buffers, some MB
CLOSE_WITHIN_S = 2.0
SUPERVISE_EVERY_S = 0.5


class LiveCamera:
    """Implements `edge.ports.Camera` around sources that run by themselves.

    Args:
        make_source: Makes a source, each for one thread; must not touch the device before `open`.
        view: Region, rotation, mirror.
        patience: Time limits.
        now_s: Reads CLOCK_BOOTTIME.
        draw: Draws the pauses' jitter evenly between two bounds.
    """

    def __init__(
        self,
        make_source: Callable[[], Source],
        *,
        view: View,
        patience: Patience,
        now_s: Callable[[], float] = boottime_s,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._make_source = make_source
        self._view = view
        self._patience = patience
        self._now_s = now_s
        self._lock = threading.Condition()
        self._vitals = Vitals(patience, now_s=now_s(), draw=draw)
        self._closed = False
        self._hung: list[threading.Thread] = []
        self._pause_s = 0.0
        with self._lock:
            self._attendant, self._thread = self._hire(pause_s=self._pause_s)

    def read(self, *, timeout_s: float) -> Frame | None:
        """Wait for a frame newer than the last one read; None if none came in time, or ever will."""
        deadline_s = self._now_s() + timeout_s
        with self._lock:
            while True:
                self._supervise()
                taken = None if self._closed else self._vitals.collect()
                left_s = deadline_s - self._now_s()
                if taken is not None or self._closed or left_s <= 0.0:
                    break
                self._lock.wait(min(left_s, SUPERVISE_EVERY_S))
        if taken is None:
            return None
        shot, index = taken
        return Frame(image=self._view.apply(shot.image), captured_s=shot.captured_s, index=index)

    def health(self) -> CameraHealth:
        """Say how the camera is, from any thread."""
        with self._lock:
            self._supervise()
            return self._vitals.health(self._now_s())

    def close(self) -> None:
        """Let go of the device; a driver that does not answer is waited for two seconds. ENDED from then on."""
        with self._lock:
            self._closed = self._attendant.dismissed = True
            self._vitals.finished(self._now_s())
            self._lock.notify_all()
            thread = self._thread
        if thread is not threading.current_thread():
            thread.join(CLOSE_WITHIN_S)

    def _supervise(self) -> None:
        """Give up a thread whose driver hangs; put another in its place if there is room. The lock is held."""
        if self._closed:
            return
        self._hung = [thread for thread in self._hung if thread.is_alive()]
        now_s = self._now_s()
        if not self._attendant.dismissed and self._attendant.hangs(now_s):
            self._attendant.dismissed = True
            self._hung.append(self._thread)
            problem = "the camera driver does not answer"
            if len(self._hung) >= MAX_HUNG_DRIVERS:
                problem += f"; {len(self._hung)} calls hang. Next: unplug the camera, or restart clockface-edge"
            self._pause_s = self._vitals.failed(problem, now_s=now_s)
        if self._attendant.dismissed and len(self._hung) < MAX_HUNG_DRIVERS:
            self._attendant, self._thread = self._hire(pause_s=self._pause_s)

    def _hire(self, *, pause_s: float) -> tuple[Attendant, threading.Thread]:
        attendant = Attendant(
            self._make_source(),
            vitals=self._vitals,
            patience=self._patience,
            lock=self._lock,
            now_s=self._now_s,
        )
        thread = threading.Thread(target=self._work, args=(attendant, pause_s), name="camera", daemon=True)
        thread.start()
        return attendant, thread

    def _work(self, attendant: Attendant, pause_s: float | None) -> None:
        while pause_s is not None and self._wait(attendant, pause_s):
            pause_s = attendant.step()
        attendant.close()

    def _wait(self, attendant: Attendant, pause_s: float) -> bool:
        """Pause, unless woken by `close`; whether to go on."""
        until_s = self._now_s() + pause_s
        with self._lock:
            while not attendant.dismissed and (left_s := until_s - self._now_s()) > 0.0:
                self._lock.wait(left_s)
            return not attendant.dismissed
