"""Frames of the capture process: edge's end of the socket.

Edge itself never opens a network connection; a network camera is read by `clockface-capture`, a process without
keys, and arrives here as bounded, raw pictures. That process talks to strangers, so nothing that it says is
believed unchecked.
"""

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np

from clockface.scrubbing import Trace
from edge.camera.source import Shot, boottime_s, capture_time_s
from edge.camera.wire import ASK, HEADER, FrameRefused, Header, Kind, parse_header, trace_of, words_of
from edge.errors import CameraLost, CameraUnavailable

CONNECT_WITHIN_S = 5.0
NEXT_STEP = "systemctl status clockface-capture"


class RemoteSource:
    """Implements `edge.camera.source.Source` over the socket of the capture process.

    Args:
        path: The socket.
        now_s: Reads CLOCK_BOOTTIME.
        crashed: Is told what the capture process says of its last crash.
    """

    def __init__(
        self,
        path: Path,
        *,
        now_s: Callable[[], float] = boottime_s,
        crashed: Callable[[Trace], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._now_s = now_s
        self._crashed = crashed
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Connect."""
        self.close()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connection.settimeout(CONNECT_WITHIN_S)
        try:
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            raise CameraUnavailable(
                f"clockface-capture does not answer: {error.strerror or 'timed out'}",
                where=str(self._path),
                next_step=NEXT_STEP,
            ) from error
        self._socket = connection

    def grab(self, *, within_s: float) -> Shot:
        """Ask until there is a picture, or the capture process says what is wrong."""
        if self._socket is None:
            raise CameraLost("not connected to clockface-capture", where=str(self._path))
        deadline_s = self._now_s() + within_s
        try:
            while self._now_s() < deadline_s:
                self._socket.sendall(ASK)
                header = parse_header(bytes(self._receive(self._socket, HEADER.size, deadline_s)))
                body = self._receive(self._socket, header.length, deadline_s)
                if header.kind is Kind.PICTURE:
                    return self._shot(header, body)
                if header.kind is Kind.CRASH:
                    self._crashed(trace_of(bytes(body)))
                elif words := words_of(bytes(body)):
                    raise CameraLost(words, where=str(self._path), next_step=NEXT_STEP)
        except FrameRefused as error:
            raise CameraLost(f"clockface-capture sent garbage: {error}", where=str(self._path)) from error
        except OSError as error:
            raise CameraLost(
                f"clockface-capture fell silent: {error.strerror or 'timed out'}",
                where=str(self._path),
                next_step=NEXT_STEP,
            ) from error
        raise CameraLost("the network camera gives no picture", where=str(self._path), next_step=NEXT_STEP)

    def close(self) -> None:
        """Disconnect."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self, connection: socket.socket, length: int, deadline_s: float) -> bytearray:
        """Receive exactly `length` bytes, all before the deadline however they trickle in."""
        data = bytearray(length)
        view = memoryview(data)
        while view:
            left_s = deadline_s - self._now_s()
            if left_s <= 0.0:
                raise TimeoutError
            connection.settimeout(left_s)
            count = connection.recv_into(view)
            if count == 0:
                raise ConnectionResetError(None, "it has closed the connection")
            view = view[count:]
        return data

    def _shot(self, header: Header, body: bytearray) -> Shot:
        image = np.frombuffer(body, np.uint8).reshape(header.height, header.width, 3)
        return Shot(image=image, captured_s=capture_time_s(header.captured_ns / 1e9, now_s=self._now_s()))
