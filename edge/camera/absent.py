"""A camera that is not there: its library is missing, or its recording cannot be read.

The daemon runs with it all the same: the screen says so, and badge and PIN still work.
"""

import threading
from collections.abc import Callable

from edge.errors import CameraError
from edge.types.camera import CameraHealth, CameraState
from edge.types.faces import Frame


class AbsentCamera:
    """Gives no frame, and says why.

    Args:
        error: Why there is no camera.
        now_s: Reads CLOCK_BOOTTIME in seconds.
    """

    def __init__(self, error: CameraError, *, now_s: Callable[[], float]) -> None:
        self._health = CameraHealth(
            state=CameraState.LOST, since_s=now_s(), frames=0, fps=0.0, reopened=0, problem=str(error)
        )
        self._closed = threading.Event()

    def read(self, *, timeout_s: float) -> Frame | None:
        """Wait as a camera without frames would; returns None."""
        self._closed.wait(timeout_s)
        return None

    def health(self) -> CameraHealth:
        """LOST, with the reason."""
        return self._health

    def close(self) -> None:
        """End a waiting read."""
        self._closed.set()
