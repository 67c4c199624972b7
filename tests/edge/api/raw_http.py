"""HTTP on a unix socket as anybody may write it, and somebody to enrol."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.api.protocol.people import ConsentGiven, PersonProfile

ADA = PersonProfile(name="Ada Lovelace", number="1815", greeting="Ada", language="en")
CONSENT = ConsentGiven(text_version="1", language="en", how="paper")


class RawConnection(http.client.HTTPConnection):
    """Plain HTTP over a unix socket, for requests that no honest client makes."""

    def __init__(self, path: Path) -> None:
        super().__init__("edge", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


@contextmanager
def raw(path: Path) -> Iterator[RawConnection]:
    connection = RawConnection(path)
    try:
        yield connection
    finally:
        connection.close()


def ask(
    path: Path, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, object]]:
    with raw(path) as connection:
        connection.request(method, url, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
