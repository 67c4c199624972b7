"""Tells the daemon of a crash of a process beside it, over the socket that this process has anyway.

Scrubbed here, where it happened; sent once an hour for the same crash, in a thread, and never waited for by a
process that goes on. Trust boundary: nothing of the exception but classes and places in our code leaves; edge
checks the form again, and what it answers is not looked at.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from clockface.errors import ClockfaceError
from clockface.scrubbing import PLACE, Trace, scrub
from edge.api.protocol.exchange import PREFIX, PROTOCOL_HEADER, PROTOCOL_VERSION, Role

WITHIN_S: Final = 2.0
AGAIN_S: Final = 3600.0
MAX_KINDS: Final = 32


def tell(run: Path, role: Role, error: BaseException) -> bool:
    """Tell edge of an unexpected exception; whether it was noted. Never raises.

    Args:
        run: Folder of edge's sockets.
        role: Whose socket this process may use.
        error: A deliberate error (`ClockfaceError`) is no crash.
    """
    if isinstance(error, ClockfaceError) or not isinstance(error, Exception):
        return False
    return _send(run / role.socket_name, scrub(error))


def _send(path: Path, trace: Trace) -> bool:
    frames = [place for place in trace.frames if PLACE.fullmatch(place)]
    body = json.dumps({"error": list(trace.error), "frames": frames})
    connection = UnixConnection(path)
    try:
        headers = {"Content-Type": "application/json", PROTOCOL_HEADER: str(PROTOCOL_VERSION)}
        connection.request("POST", f"{PREFIX}/crashes", body=body, headers=headers)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):  # edge is away: the journal has it
        return False
    finally:
        connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("edge", timeout=WITHIN_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(WITHIN_S)
        self.sock.connect(str(self._path))


class CrashTeller:
    """For a process that goes on: what its log lines carry of exceptions (`clockface.logs.on_exception`).

    Args:
        run: Folder of edge's sockets.
        role: Whose socket this process may use.
        now_s: A clock that never goes back.
    """

    def __init__(self, run: Path, role: Role, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._role = role
        self._now_s = now_s
        self._lock = threading.Lock()
        self._told: dict[Trace, float] = {}

    def __call__(self, error: BaseException) -> None:
        """Tell of it, without waiting."""
        self.begin(error)

    def begin(self, error: BaseException) -> threading.Thread | None:
        """Tell of it in a thread of its own; None if it was told of within the hour, or is no crash."""
        if isinstance(error, ClockfaceError) or not isinstance(error, Exception) or not self._is_news(error):
            return None
        thread = threading.Thread(target=tell, args=(self._run, self._role, error), daemon=True)
        thread.start()
        return thread

    def _is_news(self, error: Exception) -> bool:
        trace, now = scrub(error), self._now_s()
        with self._lock:
            told = self._told.get(trace)
            if (told is None and len(self._told) >= MAX_KINDS) or (told is not None and now - told < AGAIN_S):
                return False
            self._told[trace] = now
        return True
