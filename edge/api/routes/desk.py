"""What every handler works with: the desk, reading a request, answering.

Trust boundary: everything in a request is hostile. Bodies are bounded before they are read and validated before
they are used; what does not fit is refused by name of the field, never with its value.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from aiohttp import web
from pydantic import ValidationError

from edge.api.gate import Gate
from edge.api.protocol.crashes import CrashTold
from edge.api.protocol.exchange import MAX_JSON_BYTES, PREFIX, Message
from edge.api.service import EdgeService, KeyService, Peer, PrivacyService
from edge.api.stage import Stage
from edge.camera.preview import Preview
from edge.errors import ApiError

BODY_TIMEOUT_S = 30.0
M = TypeVar("M", bound=Message)
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PEER: web.RequestKey[Peer] = web.RequestKey("peer", Peer)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the handlers work with.

    Args:
        service: The daemon's operations.
        stage: What happens in front of the camera.
        workers: Threads for the ledger's work.
        enrolment: Threads for inference on behalf of staff; few, since each costs a core.
        uploads: How many pictures may be in memory at once.
        preview: The mirror's pictures; None where there is no camera.
        watchers: Which requests watch it now, by `id`.
        keys: What the daemon does with its storage keys.
        gate: Who of staff may do what.
        privacy: What it does for the people in its ledger.
    """

    gate: Gate
    service: EdgeService
    stage: Stage
    workers: ThreadPoolExecutor
    enrolment: ThreadPoolExecutor
    uploads: asyncio.Semaphore
    body_timeout_s: float = BODY_TIMEOUT_S
    preview: Preview | None = None
    watchers: set[int] = field(default_factory=set)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    keys: KeyService | None = None
    privacy: PrivacyService | None = None

    async def call(self, work: Callable[[], T]) -> T:
        """Run blocking work of the service on a worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self.workers, work)


def refused(error: ValidationError, *, where: str) -> ApiError:
    """Say which fields do not fit and why, without a value of any."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    texts = [
        f"{'.'.join(str(part) for part in fault['loc'])[:80] or 'body'}: {fault['msg']}" for fault in faults
    ]
    return ApiError("the request does not fit the protocol: " + "; ".join(texts[:5]), where=where)


def query_of(model: type[M], request: web.Request) -> M:
    """Read the query string as a message; a field given twice is refused."""
    if len(set(request.query)) != len(request.query):
        raise ApiError("a query field is given twice", where=request.path)
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise refused(error, where=f"query of {request.path}") from None


async def body_of(model: type[M], request: web.Request, desk: Desk, *, max_bytes: int = MAX_JSON_BYTES) -> M:
    """Read the body as a message."""
    if request.content_type != "application/json":
        raise ApiError("the body must be application/json", where=request.path)
    if max_bytes != MAX_JSON_BYTES:
        request = request.clone(client_max_size=max_bytes)
    raw = await within(desk.body_timeout_s, request.read(), request.path)
    return parsed(model, raw, where=f"body of {request.path}")


def parsed(model: type[M], raw: bytes, *, where: str) -> M:
    """Validate JSON bytes strictly as UTF-8."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise refused(error, where=where) from None


async def within(limit_s: float, work: Awaitable[T], where: str) -> T:
    """Wait for a client's bytes, but not for ever."""
    try:
        return await asyncio.wait_for(work, limit_s)
    except TimeoutError:
        raise ApiError(f"the body did not arrive within {limit_s:g} s", where=where) from None


def answer(message: Message) -> web.Response:
    """A message as the response's JSON."""
    return web.Response(body=message.model_dump_json().encode(), content_type="application/json")


async def status(desk: Desk, request: web.Request) -> web.StreamResponse:  # noqa: ARG001 - a handler's form
    """How the daemon is."""
    return answer(await desk.call(desk.service.status))


def crash_row(desk: Desk, process: Literal["screen", "command"]) -> tuple[str, str, Handler]:
    """Where a process beside the daemon says that it crashed; which one the socket says, never the body."""
    return (
        "POST",
        f"{PREFIX}/crashes",
        taking(desk, CrashTold, lambda told, _: desk.service.note_crash(told, process)),
    )


def answering(desk: Desk, work: Callable[[web.Request], Message]) -> Handler:
    """A handler that needs the path and the peer alone."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(await desk.call(lambda: work(request)))

    return handle


def taking(desk: Desk, model: type[M], work: Callable[[M, web.Request], Message]) -> Handler:
    """A handler of a body."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await body_of(model, request, desk)
        return answer(await desk.call(lambda: work(body, request)))

    return handle
