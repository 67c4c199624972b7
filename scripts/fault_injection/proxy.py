"""A TCP proxy that does to a line what networks do: cuts it, slows it, narrows it, lets it die without a word.

One thread serves all lines. A line's condition may change at any moment and holds for connections that are open
too, but for `freeze`, which only kills those that are open now.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

WAIT_S = 20.0
CHUNK_BYTES = 16_384
NARROW_BYTES = 1024


@dataclass(slots=True)
class Condition:
    """How a line is now: seconds of delay each way, bytes a second (0: as many as there are), open or deaf."""

    delay_s: float = 0.0
    bytes_per_s: float = 0.0
    deaf: bool = False


@dataclass(eq=False)
class Line:
    """One listening port and what it leads to.

    Attributes:
        port: Where it listens.
        condition: How it is now.
    """

    target: int
    port: int = 0
    condition: Condition = field(default_factory=Condition)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    carried_bytes: int = 0


class Proxy:
    """All lines of a run. Use as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._servers: list[asyncio.Server] = []
        self._lines: list[Line] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    def line(self, target: int) -> Line:
        """A new line to a loopback port."""
        made = Line(target)
        server: asyncio.Server = self._wait(
            asyncio.start_server(lambda reader, writer: self._serve(made, reader, writer), "127.0.0.1", 0)
        )
        made.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        self._lines.append(made)
        return made

    def cut(self, line: Line) -> None:
        """Close what is open."""
        self._wait(self._cut(line))

    def freeze(self, line: Line) -> None:
        """What is open forwards nothing more and is not closed: half-open for both sides."""
        self._wait(self._freeze(line))

    async def _serve(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line.open.add(writer)
        if line.condition.deaf:
            return  # accepted by the kernel, heard by nobody
        try:
            there, back = await asyncio.open_connection("127.0.0.1", line.target)
        except OSError:
            self._drop(line, writer)
            return
        line.open.add(back)
        for source, sink, other in ((reader, back, writer), (there, writer, back)):
            task = asyncio.ensure_future(self._forward(line, source, sink, other))
            line.tasks.add(task)
            task.add_done_callback(line.tasks.discard)

    async def _forward(
        self,
        line: Line,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        other: asyncio.StreamWriter,
    ) -> None:
        try:
            while data := await source.read(CHUNK_BYTES):
                await self._pass(line, data, sink)
        except OSError:
            pass
        self._drop(line, sink)
        self._drop(line, other)

    async def _pass(self, line: Line, data: bytes, sink: asyncio.StreamWriter) -> None:
        while line.condition.deaf:
            await asyncio.sleep(0.02)
        if line.condition.delay_s:
            await asyncio.sleep(line.condition.delay_s)
        for start in range(0, len(data), NARROW_BYTES if line.condition.bytes_per_s else len(data)):
            rate = line.condition.bytes_per_s
            piece = data[start : start + NARROW_BYTES] if rate else data[start:]
            if rate:
                await asyncio.sleep(len(piece) / rate)
            sink.write(piece)
            await sink.drain()
            line.carried_bytes += len(piece)
            if not rate:
                return

    @staticmethod
    def _drop(line: Line, writer: asyncio.StreamWriter) -> None:
        line.open.discard(writer)
        with suppress(OSError, RuntimeError):
            writer.close()

    async def _freeze(self, line: Line) -> None:
        for task in list(line.tasks):
            task.cancel()
        await asyncio.gather(*line.tasks, return_exceptions=True)

    async def _cut(self, line: Line) -> None:
        await self._freeze(line)
        for writer in list(line.open):
            self._drop(line, writer)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for line in self._lines:
            await self._cut(line)
        await asyncio.sleep(0)

    def _wait(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(WAIT_S)
