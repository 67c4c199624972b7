"""A TCP proxy of the tests' own: forwards, stops forwarding without a word, cuts, and moves on command."""

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import Any, Self

WAIT_S = 20.0


class Proxy:
    """Listens on a loopback port of its own and forwards to another. Use as a context manager.

    Attributes:
        port: Where it listens.
        target: The port that new connections lead to.
        accepted: How many connections it has taken.
    """

    def __init__(self, target: int, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.target = target
        self.accepted = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._wait(asyncio.start_server(self._serve, self.host, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    def freeze(self) -> None:
        """Connections that are open now forward nothing more, and are not closed: half-open for both sides."""
        self._wait(self._stop_forwarding())

    def cut(self) -> None:
        """Close the connections that are open now."""
        self._wait(self._cut())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self._open |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.ensure_future(_forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _stop_forwarding(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _cut(self) -> None:
        await self._stop_forwarding()
        for writer in self._open:
            writer.close()
        for writer in self._open:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._open.clear()

    async def _close(self) -> None:
        self._server.close()
        await self._cut()

    def _wait(self, what: Any) -> Any:
        done: Future[Any] = asyncio.run_coroutine_threadsafe(what, self._loop)
        return done.result(WAIT_S)


async def _forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()
    except OSError:
        sink.close()
