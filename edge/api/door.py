"""Lets connections in, up to a number; the next one is told so in HTTP and sent away.

asyncio's own accept loop makes connections faster than they can be counted, so this one accepts them itself.
"""

import asyncio
import socket

import structlog
from aiohttp.web_server import Server

from edge.api.problems import to_problem
from edge.api.protocol.exchange import PROBLEM_TYPE, PROTOCOL_HEADER, PROTOCOL_VERSION
from edge.errors import ApiError

REFUSAL_S = 1.0  # how long a client that is one too many may take to ask and be told
_RETRY_S = 0.2

log = structlog.get_logger(__name__)


async def admit(listening: socket.socket, server: Server, *, most: int) -> None:
    """Accept for ever; a process out of file descriptors waits and goes on."""
    loop = asyncio.get_running_loop()
    listening.setblocking(False)
    sent_away: set[asyncio.Protocol] = set()
    while True:
        try:
            connection, _ = await loop.sock_accept(listening)
            if len(server.connections) < most:
                await loop.connect_accepted_socket(server, connection)
            elif len(sent_away) < most:
                await loop.connect_accepted_socket(lambda: _OneTooMany(sent_away), connection)
            else:
                connection.close()
        except OSError as error:
            log.warning("accept_failed", error=type(error).__name__, errno=error.errno)
            await asyncio.sleep(_RETRY_S)


class _OneTooMany(asyncio.Protocol):
    """Waits for the request, so that the client is listening, and refuses it."""

    def __init__(self, others: set[asyncio.Protocol]) -> None:
        self._others = others
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - tells mypy what asyncio promises
        self._transport = transport
        self._others.add(self)
        asyncio.get_running_loop().call_later(REFUSAL_S, transport.close)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - whatever it asks
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_refusal())
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it went
        self._others.discard(self)


def _refusal() -> bytes:
    error = ApiError("too many connections are open on this socket", next_step="try again in a moment")
    body = to_problem(error, status=503).model_dump_json().encode()
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {PROBLEM_TYPE}\r\n"
        f"{PROTOCOL_HEADER}: {PROTOCOL_VERSION}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
