"""What the courier may ask: envelopes, parcels, telemetry; and the one door down, for documents of the office.

Trust boundary: as `edge.api.routes.desk`. Whether a document holds, the service alone says.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from edge.api.protocol.courier import CertificateAsked, Delivery, EnvelopeQuery, LinkTold, ParcelQuery
from edge.api.protocol.exchange import MAX_DELIVERY_BYTES
from edge.api.routes.desk import Desk, T, answer, body_of, query_of

POLL_S = 0.5  # how soon a waiting courier learns of a new envelope


async def envelopes(desk: Desk, request: web.Request) -> web.StreamResponse:
    """Signed events after a point, waiting for one as long as asked."""
    query = query_of(EnvelopeQuery, request)
    found = await _awaited(
        desk, lambda: desk.service.envelopes(query), wait_s=query.wait_s, has=lambda batch: batch.envelopes
    )
    return answer(found)


async def parcels(desk: Desk, request: web.Request) -> web.StreamResponse:
    """Signed parcels that the office has not received, waiting for one as long as asked."""
    query = query_of(ParcelQuery, request)
    found = await _awaited(
        desk, lambda: desk.service.parcels(query), wait_s=query.wait_s, has=lambda batch: batch.parcels
    )
    return answer(found)


async def _awaited(desk: Desk, read: Callable[[], T], *, wait_s: float, has: Callable[[T], object]) -> T:
    """Read again until there is something, the time is up or the daemon stops."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        batch = await desk.call(read)
        left = until - loop.time()
        if has(batch) or left <= 0 or desk.stopping.is_set():
            return batch
        await asyncio.sleep(min(POLL_S, left))


async def telemetry(desk: Desk, request: web.Request) -> web.StreamResponse:  # noqa: ARG001 - a handler's form
    """The device's condition, signed."""
    return answer(await desk.call(desk.service.telemetry))


async def request_certificate(desk: Desk, request: web.Request) -> web.StreamResponse:
    """A request for the next TLS certificate."""
    asked = await body_of(CertificateAsked, request, desk)
    return answer(await desk.call(lambda: desk.service.request_certificate(asked)))


async def note_link(desk: Desk, request: web.Request) -> web.StreamResponse:
    """How the courier's way to the broker is."""
    told = await body_of(LinkTold, request, desk)
    return answer(await desk.call(lambda: desk.service.note_link(told)))


async def deliver(desk: Desk, request: web.Request) -> web.StreamResponse:
    """A document of the office."""
    delivery = await body_of(Delivery, request, desk, max_bytes=MAX_DELIVERY_BYTES)
    return answer(await desk.call(lambda: desk.service.deliver(delivery)))
