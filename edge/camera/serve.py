"""The capture process's end of the socket: one edge at a time asks, the newest picture is the answer.

Who may connect is decided by the socket's file mode (0660) and its folder. A peer that asks for nothing, asks
in other words or does not take its answer is dropped, so that a new edge always gets in.
"""

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

from edge.camera.crash_file import CrashFile
from edge.camera.wire import ASK, FrameRefused, crash, picture_header, trouble
from edge.errors import CameraUnavailable
from edge.ports import Camera
from edge.types.camera import CameraState

TICK_S = 0.5
ANSWER_WITHIN_S = 0.3  # without a new picture, say so: the peer must not think that we are dead
SEND_WITHIN_S = 5.0
IDLE_TICKS = 60  # half a minute without a question


class FrameServer:
    """Serves a camera's pictures on a unix socket.

    Args:
        path: Where to listen. A socket that an earlier run left there is replaced.
        camera: Where the pictures come from; not closed here.
        crashes: What ended the process before: told to the first who asks.
        tick: Called about twice a second while serving; returns whether to go on.
    """

    def __init__(
        self, path: Path, *, camera: Camera, tick: Callable[[], bool], crashes: CrashFile | None = None
    ) -> None:
        self._path = path
        self._crashes = crashes
        self._camera = camera
        self._tick = tick
        self._listener: socket.socket | None = None

    def open(self) -> None:
        """Listen.

        Raises:
            CameraUnavailable: The socket cannot be made there.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            if self._path.is_socket():
                self._path.unlink()
            listener.bind(str(self._path))
            self._path.chmod(0o660)
            listener.listen(1)
        except OSError as error:
            listener.close()
            raise CameraUnavailable(
                f"the socket for frames cannot be made: {error.strerror or error}",
                where=str(self._path),
                next_step=f"ls -ld {self._path.parent}",
            ) from error
        listener.settimeout(TICK_S)
        self._listener = listener

    def serve(self) -> None:
        """Serve one peer after the other until `tick` says no."""
        if self._listener is None:
            raise CameraUnavailable("the socket for frames is not open", where=str(self._path))
        while self._tick():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection, contextlib.suppress(OSError):  # the peer has gone
                self._serve(connection)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
            self._path.unlink(missing_ok=True)

    def _serve(self, connection: socket.socket) -> None:
        idle = 0
        while self._tick() and idle < IDLE_TICKS:
            connection.settimeout(TICK_S)
            try:
                asked = connection.recv(1)
            except TimeoutError:
                idle += 1
                continue
            if asked != ASK:
                return
            idle = 0
            connection.settimeout(SEND_WITHIN_S)
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if self._crashes is not None and (raw := self._crashes.take()):
            connection.sendall(crash(raw))
            return
        frame = self._camera.read(timeout_s=ANSWER_WITHIN_S)
        if frame is None:
            health = self._camera.health()
            connection.sendall(trouble("" if health.state is CameraState.STREAMING else health.problem))
            return
        height, width = frame.image.shape[:2]
        try:
            header = picture_header(width=width, height=height, index=frame.index, captured_s=frame.captured_s)
        except FrameRefused as error:
            connection.sendall(trouble(str(error)))
            return
        connection.sendall(header.pack())
        connection.sendall(frame.image.data.cast("B"))
