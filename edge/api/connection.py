"""A connection to one of the daemon's sockets: ask, listen, and raise the daemon's own errors.

Trust boundary: the daemon's answers are validated too, and lines of a stream are bounded. A daemon that is not
there, is not ours to use, or speaks another version is each its own error with the next command to type.
"""

import contextlib
import grp
import socket
import ssl
import stat
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from edge.api.problems import to_error
from edge.api.protocol.exchange import (
    MAX_LINE_BYTES,
    PREFIX,
    PROTOCOL_HEADER,
    PROTOCOL_VERSION,
    Message,
    Problem,
    Role,
)
from edge.errors import ApiError, EdgeUnreachable, NotPermitted, ProtocolMismatch

M = TypeVar("M", bound=Message)
T = TypeVar("T")

STREAM_SILENCE_S = 20.0  # four heartbeats
# Nothing here is TLS, but httpx reads all of the system's certificates first: 0.02 s of every command.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Connection:
    """A connection to the daemon's socket of one role. Use as a context manager.

    Args:
        run: Folder of the sockets (`paths.run`).
        role: Which socket.
        timeout_s: How long an answer may take; inference on a slow board takes seconds.
    """

    def __init__(self, run: Path, *, role: Role, timeout_s: float = 60.0) -> None:
        self.path = run / role.socket_name
        self._reached = False
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.path), verify=_NO_CERTIFICATES),
            base_url="http://edge",
            timeout=timeout_s,
            headers={PROTOCOL_HEADER: str(PROTOCOL_VERSION)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        kind: type[M],
        *,
        query: Message | None = None,
        body: Message | None = None,
        timeout_s: float | None = None,
    ) -> M:
        """Ask one thing and read the answer as a message. Raises the daemon's own errors."""
        with self._mapped():
            response = self._http.request(
                method,
                PREFIX + path,
                params=None if query is None else query.model_dump(mode="json", exclude_none=True),
                content=None if body is None else body.model_dump_json().encode(),
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=httpx.USE_CLIENT_DEFAULT if timeout_s is None else timeout_s,
            )
        return self._read(response, kind)

    def ask_in_parts(self, path: str, parts: Mapping[str, tuple[str | None, bytes, str]], kind: type[M]) -> M:
        """Hand in a multipart form: by part a file name, the bytes and their type."""
        with self._mapped():
            response = self._http.post(PREFIX + path, files=parts)
        return self._read(response, kind)

    def lines(
        self, method: str, path: str, kind: TypeAdapter[T], *, body: Message | None = None
    ) -> Generator[T, None, None]:
        """Listen to a stream of messages, a line each, until it ends or is closed."""
        with self.receiving(method, path, body=body, timeout_s=STREAM_SILENCE_S) as response:
            for line in _split(response.iter_raw()):
                yield self._valid(line, kind.validate_json)

    @contextlib.contextmanager
    def receiving(
        self, method: str, path: str, *, body: Message | None = None, timeout_s: float
    ) -> Iterator[httpx.Response]:
        """An answer that is read piece by piece; a refusal is raised."""
        content = None if body is None else body.model_dump_json().encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        with (
            self._mapped(),
            self._http.stream(
                method, PREFIX + path, content=content, headers=headers, timeout=timeout_s
            ) as response,
        ):
            if response.status_code != httpx.codes.OK:
                response.read()
                self._refuse(response)
            yield response

    def _read(self, response: httpx.Response, kind: type[M]) -> M:
        if response.status_code != httpx.codes.OK:
            self._refuse(response)
        return self._valid(response.content, kind.model_validate_json)

    def _valid(self, raw: bytes, validate: Callable[[bytes], T]) -> T:
        try:
            return validate(raw)
        except ValidationError as error:
            raise ApiError(
                f"the daemon's answer does not fit the protocol ({error.error_count()} faults)",
                where=str(self.path),
                next_step="install client and daemon of the same Clockface version",
            ) from None

    def _refuse(self, response: httpx.Response) -> NoReturn:
        version = response.headers.get(PROTOCOL_HEADER, "none")
        if version != str(PROTOCOL_VERSION):
            raise ProtocolMismatch(
                f"this command speaks version {PROTOCOL_VERSION} of the local protocol, "
                f"the daemon {version[:20]!r}",
                where=str(self.path),
                next_step="systemctl restart clockface-edge",
            )
        raise to_error(self._valid(response.content, Problem.model_validate_json))

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn the transport's errors into ours."""
        if not self._reached:  # asked of the socket itself: httpcore leaks one that cannot connect
            self._reach()
        try:
            yield
        except httpx.TimeoutException as error:
            raise EdgeUnreachable(
                "the daemon did not answer in time", where=str(self.path), next_step="clockface status"
            ) from error
        except httpx.TransportError as error:
            self._reach()
            raise EdgeUnreachable(
                "the daemon broke off the connection",
                where=str(self.path),
                next_step="journalctl -u clockface-edge",
            ) from error

    def _reach(self) -> None:
        """Find out why the socket would not take us: not there, not for us, or nobody listens."""
        self._reached = False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(2.0)
                probe.connect(str(self.path))
        except PermissionError:
            raise NotPermitted(
                f"this account may not use the daemon's socket; {_group_hint(self.path)}",
                where=str(self.path),
                next_step="repeat it with sudo, or join the group and log in again",
            ) from None
        except OSError as error:
            raise EdgeUnreachable(
                "the daemon is not running, or its sockets are elsewhere",
                where=str(self.path),
                next_step="systemctl start clockface-edge, or clockface run; check paths.run",
            ) from error
        self._reached = True


def _group_hint(path: Path) -> str:
    try:
        status = path.stat()
        if status.st_mode & stat.S_IWGRP:
            return f"it is open to the group {grp.getgrgid(status.st_gid).gr_name}"
    except (OSError, KeyError):
        return "its folder is closed to this account"
    return "it is open to the daemon's own user only (api.staff_group is empty)"


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a stream, each bounded."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line)
        if len(rest) > MAX_LINE_BYTES:
            raise ApiError(f"a line of the daemon's stream is longer than {MAX_LINE_BYTES} bytes")
