"""Serves the page on loopback to one browser: who does not know the address's secret part finds nothing.

Trust boundary: everything else that can reach a loopback port: other accounts, other pages in the same browser,
names that resolve to 127.0.0.1. So Host must be ours, Origin (where there is one) too, a frame is refused, and
nothing of an answer may be kept or read elsewhere. The page may only talk back in typed touches.
"""

import asyncio
import contextlib
import hmac
import json
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from typing import Final

import aiohttp
import structlog
from aiohttp import web
from pydantic import ValidationError

from edge.kiosk.screen.ear import MAX_MESSAGE_BYTES, Ear
from edge.kiosk.screen.feed import Feed
from edge.kiosk.screen.mirror import Mirror

BEAT_S: Final = 5.0
PICTURE_S: Final = 1.0
PARTING_S: Final = 1.0  # for a page's answer to our goodbye
FILES: Final = tuple(
    sorted(each.name for each in (files("edge.kiosk.screen") / "page").iterdir() if each.is_file())
)
_DESTINATIONS: Final = frozenset({"document", "script", "style", "font", "empty", "websocket", "image", ""})
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), serial=()",
}

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def policy(host: str) -> str:
    """The page's Content-Security-Policy: nothing inline, nothing from elsewhere, in no frame."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
        f"connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


class Page:
    """The page's files and its feed.

    Args:
        feed: What the page is told.
        ear: Where touches go.
        mirror: Where pictures come from.
        secret: The secret part of the address.
    """

    def __init__(self, feed: Feed, ear: Ear, mirror: Mirror, *, secret: str) -> None:
        self._feed = feed
        self._ear = ear
        self._mirror = mirror
        self._secret = secret
        self._sockets: set[web.WebSocketResponse] = set()
        self.host = ""  # 127.0.0.1:port, once the port is known
        folder = files("edge.kiosk.screen") / "page"
        self._files = {name: (folder / name).read_bytes() for name in FILES}

    @property
    def address(self) -> str:
        """Where the page is, secret included."""
        return f"http://{self.host}/{self._secret}/"

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_MESSAGE_BYTES)
        app.on_shutdown.append(self._part)
        app.router.add_get("/{secret}/feed", self._serve_feed)
        app.router.add_get("/{secret}/mirror", self._serve_mirror)
        app.router.add_get("/{secret}/{name:[a-z0-9.-]*}", self._serve_file)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse all but our own page in our own browser; one answer for every reason, which tells nothing."""
        try:
            response = await handler(request) if self._ours(request) else _nothing()
        except web.HTTPException:
            response = _nothing()
        if not response.prepared:
            response.headers.update(_HEADERS | {"Content-Security-Policy": policy(self.host)})
            response.headers["Server"] = "clockface"
        return response

    def _ours(self, request: web.Request) -> bool:
        secret = request.match_info.get("secret", "")
        origin = request.headers.get("Origin")
        return (
            hmac.compare_digest(secret.encode(), self._secret.encode())
            and request.headers.getall("Host", []) == [self.host]
            and (origin is None or origin == f"http://{self.host}")
            and request.headers.get("Sec-Fetch-Dest", "") in _DESTINATIONS
            and (
                request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
                or request.headers.get("Sec-Fetch-Mode") == "navigate"
            )
        )

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"] or "index.html"
        body = self._files.get(name)
        if body is None:
            raise web.HTTPNotFound
        kind = "font/woff2" if name.endswith(".woff2") else mimetypes.guess_type(name)[0]
        textual = (kind or "").startswith("text/")
        return web.Response(body=body, content_type=kind, charset="utf-8" if textual else None)

    async def _open(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Origin") != f"http://{self.host}":
            raise web.HTTPNotFound  # a web socket knows no other protection from foreign pages
        page = web.WebSocketResponse(heartbeat=BEAT_S, max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        await page.prepare(request)
        self._sockets.add(page)
        return page

    async def _close(self, page: web.WebSocketResponse) -> None:
        self._sockets.discard(page)
        await page.close()

    async def _part(self, _: web.Application) -> None:
        """Say goodbye to the pages: an open one would hold the process's end up until its time-out."""
        parting = [page.close(code=aiohttp.WSCloseCode.GOING_AWAY) for page in self._sockets]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARTING_S):
                await asyncio.gather(*parting, return_exceptions=True)

    async def _serve_mirror(self, request: web.Request) -> web.StreamResponse:
        """A picture for each question: the next one that edge makes."""
        page, number = await self._open(request), 0
        try:
            async for message in page:
                if message.type is not aiohttp.WSMsgType.TEXT or message.data != "next":
                    break
                number, picture = await self._mirror.newer(number, within_s=PICTURE_S)
                await page.send_str(json.dumps({"face": picture.face}))
                await page.send_bytes(picture.jpeg)
        finally:
            await self._close(page)
        return page

    async def _serve_feed(self, request: web.Request) -> web.StreamResponse:
        page = await self._open(request)
        try:
            if await self._feed.join(page):
                beat = asyncio.create_task(_beat(page))
                try:
                    await self._hear(page)
                finally:
                    beat.cancel()
        finally:
            self._feed.leave(page)
            await self._close(page)
        return page

    async def _hear(self, page: web.WebSocketResponse) -> None:
        """Take touches from the page, until it goes or says something that it cannot say."""
        async for message in page:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            try:
                answer = await self._ear.hear(message.data)
            except ValidationError:
                log.warning("page_refused", reason="not_a_touch")
                return
            if answer is not None:
                await page.send_str(json.dumps({"kind": "answer", **answer}))


async def _beat(page: web.WebSocketResponse) -> None:
    """A script sees no pings: without a message for some time it knows that we are gone."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        while True:
            await asyncio.sleep(BEAT_S)
            await page.send_str('{"kind":"beat"}')


def _nothing() -> web.Response:
    return web.Response(status=404, text="nothing here\n")


@contextlib.asynccontextmanager
async def served(page: Page, *, port: int) -> AsyncIterator[None]:
    """Serve a page on 127.0.0.1 until the block ends. Raises OSError if the port cannot be had."""
    runner = web.AppRunner(page.application(), access_log=None, handler_cancellation=True, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        page.host = f"127.0.0.1:{runner.addresses[0][1]}"
        yield
    finally:
        await runner.cleanup()
