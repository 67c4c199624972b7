"""Attends to one source: opens it, takes pictures, closes it when it fails, and says how long to wait.

One driver call a step, so that faults are tested without a thread. Notes when each call began: a driver that
never returns is seen from outside by `hangs`, and its attendant is dismissed; should the call return after all,
the attendant closes the source and touches nothing else.
"""

import threading
from collections.abc import Callable

from edge.camera.source import Ended, Shot, Source
from edge.camera.vitals import Patience, Vitals
from edge.errors import CameraError
from edge.types.camera import CameraState

HANG_GRACE_S = 1.0  # sources that can time out by themselves do so before they count as hung


class Attendant:
    """Keeps one source alive, step by step, in one thread.

    Args:
        source: Opened, used and closed in that thread only.
        vitals: Where it reports; shared, touched only under `lock`.
        lock: Guards `vitals` and `dismissed`; notified when there is something to collect.
        now_s: Reads CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        source: Source,
        *,
        vitals: Vitals,
        patience: Patience,
        lock: threading.Condition,
        now_s: Callable[[], float],
    ) -> None:
        self._source = source
        self._vitals = vitals
        self._patience = patience
        self._lock = lock
        self._now_s = now_s
        self._is_open = False
        self._call: tuple[float, float] | None = None  # when the driver call began, and how long it may take
        self.dismissed = False

    def hangs(self, now_s: float) -> bool:
        """Whether the driver has not answered for longer than it may take. Called from other threads."""
        call = self._call
        return call is not None and now_s - call[0] > call[1]

    def step(self) -> float | None:
        """Do the next thing.

        Returns:
            Seconds to wait before the next step; None when there is none: dismissed, or the recording has
            ended.
        """
        try:
            return self._grab() if self._is_open else self._open()
        except CameraError as error:
            return self._give_up(CameraState.LOST, str(error))
        except Exception as error:  # noqa: BLE001 - drivers raise anything; the thread must outlive all of it
            return self._give_up(CameraState.LOST, f"the camera driver failed: {type(error).__name__}")

    def close(self) -> None:
        """Let go of the source; a driver that fails to close is left to the next opening."""
        self._is_open = False
        self._begin(self._patience.open_within_s)
        try:
            self._source.close()
        except Exception:  # noqa: BLE001, S110 - what matters fails again at the next opening
            pass
        finally:
            self._call = None

    def _open(self) -> float | None:
        self._begin(self._patience.open_within_s)
        try:
            self._source.open()
        finally:
            self._call = None
        self._is_open = True
        with self._lock:
            if self.dismissed:
                return None
            self._vitals.opened(self._now_s())
        return 0.0

    def _grab(self) -> float | None:
        with self._lock:
            within_s = self._vitals.patience_s
        self._begin(within_s + HANG_GRACE_S)
        try:
            shot = self._source.grab(within_s=within_s)
        finally:
            self._call = None
        now_s = self._now_s()
        with self._lock:
            if self.dismissed:
                return None
            overdue = self._report(shot, now_s)
            if self._vitals.ended:
                return None
        return 0.0 if overdue is None else self._give_up(*overdue)

    def _report(self, shot: Shot | Ended, now_s: float) -> tuple[CameraState, str] | None:
        if isinstance(shot, Ended):
            self._vitals.finished(now_s, shot.remark)
        else:
            self._vitals.take(shot, now_s)
        self._lock.notify_all()
        return self._vitals.overdue(now_s)

    def _give_up(self, state: CameraState, problem: str) -> float | None:
        """Report first: closing may hang as well."""
        with self._lock:
            if self.dismissed:
                return None
            pause_s = self._vitals.failed(problem, now_s=self._now_s(), state=state)
            self._lock.notify_all()
        self.close()
        return pause_s

    def _begin(self, limit_s: float) -> None:
        self._call = (self._now_s(), limit_s)
