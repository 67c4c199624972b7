"""Ties systemd's watchdog to the loop's progress: no step, no sign of life.

A step is a frame that was judged, or the honest finding that the camera gives none. A loop that hangs in a
model or in the ledger stops here, and systemd restarts the daemon.
"""

from collections.abc import Callable

from clockface.notify import Notifier
from edge.types.camera import CameraHealth

STATUS_EVERY_S = 10.0


class Heartbeat:
    """Called after every step of the loop.

    Args:
        notifier: The service manager, if one listens.
        camera: The camera's health, for the status line.
        boottime: Seconds of CLOCK_BOOTTIME.
    """

    def __init__(
        self, notifier: Notifier, *, camera: Callable[[], CameraHealth], boottime: Callable[[], float]
    ) -> None:
        self._notifier = notifier
        self._camera = camera
        self._boottime = boottime
        self._kicked_s = float("-inf")
        self._told_s = float("-inf")

    def __call__(self) -> None:
        """Say that the loop moves, as often as the service manager wants to hear it, not once a frame."""
        now_s = self._boottime()
        interval_s = self._notifier.watchdog_interval_s
        if interval_s is not None and now_s - self._kicked_s >= interval_s:
            self._kicked_s = now_s
            self._notifier.watchdog()
        if now_s - self._told_s >= STATUS_EVERY_S:
            self._told_s = now_s
            health = self._camera()
            self._notifier.status(
                f"camera {health.state}, {health.fps:.0f} frames/s, {health.reopened} reopened"
            )
