"""What staff may ask about the storage keys: which there are, rotate them, copy the ledger, restart quietly.

Trust boundary: as `edge.api.routes.desk`. No answer holds a key; the ledger's copy holds what the ledger does,
and its keys lie elsewhere.
"""

import functools
import hashlib
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from edge.api.protocol.exchange import COPY_SHA256_HEADER, PREFIX, PROTOCOL_HEADER, PROTOCOL_VERSION
from edge.api.protocol.keys import RotationAsked
from edge.api.routes.desk import PEER, Desk, Handler, answer, body_of
from edge.api.service import KeyService
from edge.errors import ApiError

PIECE_BYTES = 1024 * 1024


def key_table(desk: Desk) -> list[tuple[str, str, Handler]]:
    """Method, path and handler of each operation."""
    routes = _KeyRoutes(desk)
    return [
        ("GET", f"{PREFIX}/keys", routes.keys),
        ("GET", f"{PREFIX}/keys/rotation", routes.rotation),
        ("POST", f"{PREFIX}/keys/rotation", routes.rotate),
        ("POST", f"{PREFIX}/keys/verification", routes.verify),
        ("DELETE", f"{PREFIX}/keys/old", routes.forget),
        ("POST", f"{PREFIX}/restart", routes.restart),
        ("GET", f"{PREFIX}/ledger-copy", routes.copy),
    ]


class _KeyRoutes:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def _service(self) -> KeyService:
        if self._desk.keys is None:
            raise ApiError("this daemon does not look after keys")
        return self._desk.keys

    async def keys(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002 - a handler's form
        """The storage keys and their use."""
        return answer(await self._desk.call(self._service.keys))

    async def rotation(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002 - a handler's form
        """How far a rotation is."""
        return answer(await self._desk.call(self._service.rotation))

    async def rotate(self, request: web.Request) -> web.StreamResponse:
        """Begin, go on or pause."""
        asked, peer = await body_of(RotationAsked, request, self._desk), request[PEER]
        return answer(await self._desk.call(lambda: self._service.rotate(asked, peer)))

    async def verify(self, request: web.Request) -> web.StreamResponse:
        """Open everything with the writing keys alone."""
        return answer(await self._desk.call(functools.partial(self._service.verify_keys, request[PEER])))

    async def forget(self, request: web.Request) -> web.StreamResponse:
        """Let go of the old keys."""
        return answer(await self._desk.call(functools.partial(self._service.forget_old_keys, request[PEER])))

    async def restart(self, request: web.Request) -> web.StreamResponse:
        """End when nobody is there."""
        return answer(await self._desk.call(functools.partial(self._service.restart, request[PEER])))

    async def copy(self, request: web.Request) -> web.StreamResponse:
        """Send a consistent copy of the ledger, piece by piece."""
        service, desk, peer = self._service, self._desk, request[PEER]
        file, digest, size = await desk.call(lambda: _opened(service.copy_ledger(peer)))
        with file:
            response = web.StreamResponse(
                headers={
                    "Content-Type": "application/octet-stream",
                    "Cache-Control": "no-store",
                    "Content-Length": str(size),
                    COPY_SHA256_HEADER: digest,
                    PROTOCOL_HEADER: str(PROTOCOL_VERSION),
                }
            )
            await response.prepare(request)
            while piece := await desk.call(lambda: file.read(PIECE_BYTES)):
                await response.write(piece)
        return response


def _opened(path: Path) -> tuple[BinaryIO, str, int]:
    """Open the copy and take its name away: it is gone with whoever reads it."""
    file = path.open("rb")
    try:
        path.unlink()
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file, digest, size
