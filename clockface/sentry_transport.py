"""Carries reports to a Sentry server over verified TLS, from a bounded queue, whatever the network does.

Why our own: the SDK's transport tries once and takes proxies and authorities from the environment. Here a
report waits in memory while the server cannot be reached, the oldest go first when too many do, and nothing but
the configured authorities counts. Trust boundary: of the server's answer only status and Retry-After are read.
"""

import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

TIMEOUT_S: Final = 15.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0
MAX_REPORT_BYTES: Final = 256 * 1024  # far above any of ours; Sentry takes 1 MiB
CLIENT: Final = "clockface"


class QueueTransport(Transport):
    """Posts envelopes from a thread of its own.

    Args:
        options: The SDK's; `dsn` says where to.
        queue: How many may wait.
        ca_file: Authorities; None for the operating system's.
    """

    def __init__(self, options: Mapping[str, Any], *, queue: int, ca_file: Path | None) -> None:
        super().__init__(dict(options))
        if self.parsed_dsn is None:
            raise ValueError("a transport needs a DSN")
        auth = self.parsed_dsn.to_auth(CLIENT)
        self._url = str(auth.get_api_url())
        self._headers = {
            "X-Sentry-Auth": str(auth.to_header()),
            "Content-Type": "application/x-sentry-envelope",
        }
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._http = httpx.Client(verify=context, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._waiting: deque[bytes] = deque(maxlen=queue)
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Reports that the server has not taken yet."""
        with self._changed:
            return len(self._waiting)

    def capture_envelope(self, envelope: Envelope) -> None:
        """Queue a report; never blocks."""
        body = envelope.serialize()
        if len(body) > MAX_REPORT_BYTES:
            return
        with self._changed:
            if self._ended:
                return
            self._waiting.append(body)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sentry", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout: float, callback: Callable[[int, float], None] | None = None) -> None:
        """Wait until all is sent, at most so long, seconds."""
        until = time.monotonic() + timeout
        with self._changed:
            while self._waiting and not self._ended and (left := until - time.monotonic()) > 0:
                if callback is not None:
                    callback(len(self._waiting), left)
                self._changed.wait(left)

    def kill(self) -> None:
        """End; what still waits is gone."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)
        self._http.close()

    def _work(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if self._ended:
                    return
                body = self._waiting[0]
            again_s = self._post(body)
            with self._changed:
                if again_s is None:
                    pause_s = FIRST_PAUSE_S
                    if self._waiting and self._waiting[0] is body:  # else a newer one has pushed it out
                        self._waiting.popleft()
                    self._changed.notify_all()
                    continue
                until = time.monotonic() + max(pause_s, again_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                while (left := until - time.monotonic()) > 0 and not self._ended:
                    self._changed.wait(left)

    def _post(self, body: bytes) -> float | None:
        """Post one. Returns None when it is dealt with, else the least pause before it is tried again."""
        try:
            with self._http.stream("POST", self._url, content=body, headers=self._headers) as answer:
                status, after = answer.status_code, answer.headers.get("Retry-After", "")
        except (httpx.HTTPError, OSError, RuntimeError):  # RuntimeError: the client was closed at the end
            return 0.0
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return min(float(after), LONGEST_PAUSE_S) if after.isdecimal() else 0.0
        return None  # taken, or refused for good: asking again would change nothing
