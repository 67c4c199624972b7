"""The screen's half of the local protocol: what edge announces, its condition, and choices handed back.

Trust boundary: edge's answers are validated too, and lines of a stream are bounded. Edge may be away, be
restarted or stop talking at any moment; each is an `EdgeGone`, and whoever asks tries again.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import aiohttp
from pydantic import TypeAdapter, ValidationError

from edge.api.protocol.exchange import (
    FACE_HEADER,
    MAX_LINE_BYTES,
    MAX_PICTURE_BYTES,
    PREFIX,
    PROTOCOL_HEADER,
    PROTOCOL_VERSION,
    Message,
    Role,
)
from edge.api.protocol.intents import (
    CorrectionAsked,
    CorrectionTaken,
    Disavowal,
    DisavowalTaken,
    IntentChosen,
    IntentTaken,
    PinEntered,
    PinTaken,
    PromptGone,
    PromptHeld,
)
from edge.api.protocol.stage import AnnouncementLine, RoomView, StageLine
from edge.api.protocol.status import Status

ANSWER_S: Final = 10.0
SILENCE_S: Final = 20.0  # four heartbeats
STILL_S: Final = 5.0  # a stream of pictures that has stood so long is asked for anew
_FRACTION: Final = re.compile(r"-?[0-9]\.[0-9]{4}")
_STAGE: TypeAdapter[StageLine] = TypeAdapter(StageLine)

M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG picture, and where in it the face is: left, top, width, height as fractions; None without."""

    jpeg: bytes
    face: tuple[float, ...] | None = None


class EdgeGone(Exception):
    """Edge does not answer, or not as it should; the argument is a short code for the log."""


class EdgeLink:
    """A connection pool to edge's screen socket. Use as an asynchronous context manager.

    Args:
        run: Folder of edge's sockets.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / Role.SCREEN.socket_name
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            "http://edge",
            connector=aiohttp.UnixConnector(str(self._path), limit=8, keepalive_timeout=10.0),
            headers={PROTOCOL_HEADER: str(PROTOCOL_VERSION)},
            auto_decompress=False,
            read_bufsize=MAX_LINE_BYTES,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def status(self) -> Status:
        """Edge's condition."""
        return await self._ask("GET", "/status", Status)

    async def choose(self, choice: IntentChosen) -> IntentTaken:
        """Hand in what a person chose."""
        return await self._ask("POST", "/intents", IntentTaken, body=choice)

    async def enter(self, entered: PinEntered) -> PinTaken:
        """Hand in a PIN or code."""
        return await self._ask("POST", "/pins", PinTaken, body=entered)

    async def hold(self, held: PromptGone) -> PromptHeld:
        """Ask edge to wait for somebody who types."""
        return await self._ask("POST", "/pins/hold", PromptHeld, body=held)

    async def cancel(self, gone: PromptGone) -> PromptGone:
        """Say that nobody answers a question any more."""
        return await self._ask("POST", "/pins/cancel", PromptGone, body=gone)

    async def disavow(self, said: Disavowal) -> DisavowalTaken:
        """Say that a record was not its person's."""
        return await self._ask("POST", "/disavowals", DisavowalTaken, body=said)

    async def ask_correction(self, asked: CorrectionAsked) -> CorrectionTaken:
        """Say that a record is missing."""
        return await self._ask("POST", "/correction-requests", CorrectionTaken, body=asked)

    async def announcements(self) -> AsyncIterator[AnnouncementLine | None]:
        """What the employee is to be told, as it happens; None for a sign of life.

        Raises:
            EdgeGone: The stream has ended, whyever.
        """
        async with self._request("GET", "/stage") as response:
            if response.status != 200:
                raise EdgeGone("edge_refused")
            while True:
                async with asyncio.timeout(SILENCE_S):
                    raw = await response.content.readline()
                if not raw.endswith(b"\n"):
                    raise EdgeGone("stream_ended")
                line = _valid(raw, _STAGE.validate_json)
                yield line if isinstance(line, AnnouncementLine) else None

    async def room(self) -> RoomView:
        """How bright it is in front of the camera."""
        return await self._ask("GET", "/room", RoomView)

    async def pictures(self) -> AsyncGenerator[Picture, None]:
        """JPEG pictures, each the newest when it was sent.

        Raises:
            EdgeGone: The stream has ended, none has come for some time, or this kiosk offers none.
        """
        async with self._request("GET", "/preview") as response:
            if response.status != 200:
                raise EdgeGone("no_preview")
            while True:
                async with asyncio.timeout(STILL_S):
                    picture = await _picture(response.content)
                yield picture

    async def _ask(self, method: str, path: str, kind: type[M], *, body: Message | None = None) -> M:
        async with asyncio.timeout(ANSWER_S), self._request(method, path, body=body) as response:
            if response.status != 200:
                raise EdgeGone("edge_refused")
            return _valid(await response.content.read(1 << 20), kind.model_validate_json)

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, *, body: Message | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._http is None:
            raise RuntimeError("the link is used outside of its context")
        try:
            async with self._http.request(
                method,
                PREFIX + path,
                data=None if body is None else body.model_dump_json().encode(),
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=None, connect=ANSWER_S),
            ) as response:
                if response.headers.get(PROTOCOL_HEADER) != str(PROTOCOL_VERSION):
                    raise EdgeGone("other_version")
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise EdgeGone("edge_unreachable") from error


async def _picture(stream: aiohttp.StreamReader) -> Picture:
    """One part of a multipart stream."""
    size, face = 0, ""
    while (line := await stream.readline()).strip():  # the boundary and the head
        name, _, value = line.decode("ascii", "replace").partition(":")
        if name.lower() == "content-length" and value.strip().isdecimal():
            size = int(value)
        elif name.lower() == FACE_HEADER.lower():
            face = value
    if not 0 < size <= MAX_PICTURE_BYTES:
        raise EdgeGone("stream_ended")
    try:
        picture = await stream.readexactly(size + len(b"\r\n"))
    except asyncio.IncompleteReadError:
        raise EdgeGone("stream_ended") from None
    return Picture(picture[:size], _face(face))


def _face(text: str) -> tuple[float, ...] | None:
    """Four fractions, near the picture; None for anything else."""
    parts = text.split()
    if len(parts) != 4 or not all(_FRACTION.fullmatch(part) for part in parts):
        return None
    return tuple(float(part) for part in parts)


def _valid(raw: bytes, validate: Callable[[bytes], T]) -> T:
    try:
        return validate(raw)
    except ValidationError:
        raise EdgeGone("other_version") from None
