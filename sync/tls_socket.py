"""A TLS connection to a broker's address: name, TCP, handshake, each bounded in time and none of it blocking.

Names are asked anew at every attempt, for addresses change. Trust boundary: until the handshake has verified
chain and host name, the other end is anybody, and not a byte of MQTT is sent.
"""

import asyncio
import contextlib
import socket
import ssl
from typing import Final

from sync.connection import Endpoint

READ_BYTES: Final = 64 * 1024
MAX_CANDIDATES: Final = 6


class TlsSocket:
    """What paho takes for a socket: an SSL socket with a buffer, which remembers why it failed.

    paho reads packet heads byte by byte; from the buffer that costs a third of what it does from OpenSSL. And
    it swallows errors, where we must tell an expired certificate from a pulled cable.
    """

    def __init__(self, tls: ssl.SSLSocket) -> None:
        self.failure: OSError | None = None
        self.held = False
        self._tls = tls
        self._buffer = b""
        self._at = 0

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; b"" at the end. Raises what ssl raises, and BlockingIOError while `held`."""
        if self.held:
            raise BlockingIOError
        if self._at == len(self._buffer):
            self._at = 0
            self._buffer = b""
            try:
                self._buffer = self._tls.recv(READ_BYTES)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                raise
            except OSError as error:
                self.failure = error
                raise
        found = self._buffer[self._at : self._at + size]
        self._at += len(found)
        return found

    def send(self, data: bytes) -> int:
        """Send what goes; returns how much. Raises what ssl raises."""
        try:
            return self._tls.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            raise
        except OSError as error:
            self.failure = error
            raise

    def pending(self) -> int:
        """Bytes that can be read without waiting."""
        return 0 if self.held else len(self._buffer) - self._at + self._tls.pending()

    def fileno(self) -> int:
        """For the event loop."""
        return self._tls.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - a socket's own signature
        """As of a socket."""
        self._tls.setblocking(flag)

    def close(self) -> None:
        """As of a socket; may be called twice."""
        self._tls.close()

    @property
    def version(self) -> str | None:
        """The TLS version in use."""
        return self._tls.version()


async def open_tls(endpoint: Endpoint, *, context: ssl.SSLContext, timeout_s: float) -> TlsSocket:
    """Connect to one address of a broker.

    Args:
        endpoint: Host and port; the certificate must carry the host as written there.
        context: Verifies, and shows our certificate.
        timeout_s: For name, connection and handshake together.

    Raises:
        OSError: No address, no way, no answer in time, or TLS refused (ssl.SSLError); see `condition_of`.
    """
    async with asyncio.timeout(timeout_s):
        plain = await _connect(endpoint, each_s=timeout_s / 2)
        try:
            tls = context.wrap_socket(
                plain, server_hostname=endpoint.host, do_handshake_on_connect=False, suppress_ragged_eofs=True
            )
        except BaseException:
            plain.close()
            raise
        try:
            await _shake_hands(tls)
        except BaseException:
            tls.close()
            raise
    return TlsSocket(tls)


async def _connect(endpoint: Endpoint, *, each_s: float) -> socket.socket:
    """The first of the name's addresses that answers; a dead one must not use up all of the time."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    last: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for family, kind, protocol, _name, address in found[:MAX_CANDIDATES]:
        made = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
        try:
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(each_s):
                await loop.sock_connect(made, address)
        except OSError as error:  # TimeoutError too
            made.close()
            last = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise last


async def _shake_hands(tls: ssl.SSLSocket) -> None:
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(tls, write=False)
        except ssl.SSLWantWriteError:
            await _ready(tls, write=True)
        else:
            return


async def _ready(tls: ssl.SSLSocket, *, write: bool) -> None:
    loop = asyncio.get_running_loop()
    happened = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    add(tls.fileno(), _done, happened)
    try:
        await happened
    finally:
        with contextlib.suppress(OSError, ValueError):
            remove(tls.fileno())


def _done(happened: "asyncio.Future[None]") -> None:
    if not happened.done():
        happened.set_result(None)
