"""The preview for the screen: a multipart stream of JPEG pictures, each the newest when it is sent.

A watcher that does not read gets older ones dropped, never queued; one that does not read for long is cut off.
"""

import asyncio
from typing import Final

import structlog
from aiohttp import web

from edge.api.protocol.exchange import (
    FACE_HEADER,
    PREVIEW_BOUNDARY,
    PREVIEW_TYPE,
    PROTOCOL_HEADER,
    PROTOCOL_VERSION,
)
from edge.api.protocol.stage import RoomView
from edge.api.routes.desk import Desk
from edge.api.streams import WRITE_TIMEOUT_S
from edge.camera.preview import Picture
from edge.errors import ApiError

MAX_WATCHERS: Final = 2

log = structlog.get_logger(__name__)


async def watch(desk: Desk, request: web.Request) -> web.StreamResponse:
    """Stream pictures until the watcher goes or the daemon stops."""
    preview = desk.preview
    if preview is None or not preview.config.offered:
        raise ApiError("this kiosk offers no preview", where=request.path, next_step="see preview.offered")
    if len(desk.watchers) >= MAX_WATCHERS:
        raise ApiError("too many watch already", where=request.path, next_step="close another screen")
    response = web.StreamResponse(
        headers={
            "Content-Type": PREVIEW_TYPE,
            "Cache-Control": "no-store",
            PROTOCOL_HEADER: str(PROTOCOL_VERSION),
        }
    )
    desk.watchers.add(id(request))
    try:
        await response.prepare(request)
        shown = -1
        while not desk.stopping.is_set():
            began_s = asyncio.get_running_loop().time()
            if preview.index != shown:
                picture = await desk.call(preview.picture)
                if picture is not None:
                    await _send(response, picture)
                    shown = picture.index
            spent_s = asyncio.get_running_loop().time() - began_s
            await asyncio.sleep(max(0.001, 1.0 / preview.config.fps - spent_s))
    except (ConnectionError, TimeoutError):
        log.info("preview_watcher_gone")
    finally:
        desk.watchers.discard(id(request))
    return response


async def _send(response: web.StreamResponse, picture: Picture) -> None:
    head = f"--{PREVIEW_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n"
    if picture.face is not None:
        head += f"{FACE_HEADER}: {' '.join(f'{part:.4f}' for part in picture.face)}\r\n"
    head += "\r\n"
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await response.write(head.encode() + picture.jpeg + b"\r\n")


async def room(desk: Desk, request: web.Request) -> web.StreamResponse:  # noqa: ARG001 - a handler's form
    """How bright it is in front of the kiosk."""
    brightness = None if desk.preview is None else desk.preview.brightness()
    return web.Response(
        body=RoomView(brightness=brightness).model_dump_json().encode(), content_type="application/json"
    )
