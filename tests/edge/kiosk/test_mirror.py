"""The mirror recovers from a stream of pictures that stands still, and says where the face is."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from edge.api.protocol.exchange import PREFIX, PREVIEW_TYPE, PROTOCOL_HEADER, Role
from edge.kiosk.screen import edge_link
from edge.kiosk.screen.edge_link import EdgeLink, Picture
from edge.kiosk.screen.mirror import Mirror

PATIENCE_S = 20.0


class StandingStill:
    """An edge whose streams give one picture each and then nothing, without an end."""

    def __init__(self) -> None:
        self.streams = 0

    async def preview(self, request: web.Request) -> web.StreamResponse:
        self.streams += 1
        response = web.StreamResponse(headers={"Content-Type": PREVIEW_TYPE, PROTOCOL_HEADER: "1"})
        await response.prepare(request)
        body = b"jpeg %d" % self.streams
        face = (
            b"Clockface-Face: 0.2500 -0.1000 0.5000 0.5000"
            if self.streams == 1
            else b"Clockface-Face: nonsense"
        )
        head = b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n%s\r\n\r\n" % (len(body), face)
        await response.write(head + body + b"\r\n")
        await asyncio.sleep(PATIENCE_S)
        return response


async def looked_at(run: Path, edge: StandingStill) -> list[Picture]:
    app = web.Application()
    app.router.add_get(f"{PREFIX}/preview", edge.preview)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, str(run / Role.SCREEN.socket_name)).start()
    try:
        async with EdgeLink(run) as link:
            mirror, number, seen = Mirror(link), 0, []
            async with asyncio.timeout(PATIENCE_S):
                while len(seen) < 2:
                    number, picture = await mirror.newer(number, within_s=1.0)
                    seen += [picture] if picture.jpeg else []
            await mirror.close()
            return seen
    finally:
        await runner.cleanup()


def test_a_stream_that_stands_still_is_asked_for_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_link, "STILL_S", 0.1)
    edge = StandingStill()
    seen = asyncio.run(looked_at(folder, edge))
    assert seen == [Picture(b"jpeg 1", (0.25, -0.1, 0.5, 0.5)), Picture(b"jpeg 2", None)]
    assert edge.streams == 2
