"""Answers that go on: newline-delimited JSON with heartbeats, so that both sides notice when the other is gone.

A client that does not read is cut off after a time; it holds a bounded queue until then and nothing else.
"""

import asyncio
from collections.abc import Generator

import structlog
from aiohttp import web

from clockface.errors import ClockfaceError
from edge.api.problems import to_problem, unexpected
from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentFailed, EnrolmentProgress
from edge.api.protocol.exchange import (
    HEARTBEAT_S,
    PROTOCOL_HEADER,
    PROTOCOL_VERSION,
    STREAM_TYPE,
    Heartbeat,
    Message,
)
from edge.api.routes.desk import Desk
from edge.api.service import Peer
from edge.errors import ApiError

WRITE_TIMEOUT_S = 30.0
_HEARTBEAT = Heartbeat().model_dump_json()

log = structlog.get_logger(__name__)


def stream() -> web.StreamResponse:
    """A stream's answer, not yet begun."""
    return web.StreamResponse(
        headers={
            "Content-Type": STREAM_TYPE,
            "Cache-Control": "no-store",
            PROTOCOL_HEADER: str(PROTOCOL_VERSION),
        }
    )


async def send(response: web.StreamResponse, line: str) -> None:
    """Write one line; a client that does not take it in time is gone (TimeoutError)."""
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await response.write(line.encode() + b"\n")


async def listen(desk: Desk, request: web.Request, *, scenes: bool) -> web.StreamResponse:
    """Stream what happens in front of the camera until the client goes or falls too far behind."""
    listener = desk.stage.join(asyncio.get_running_loop(), scenes=scenes)
    if listener is None:
        raise ApiError(
            "too many listen already", where=request.path, next_step="close another `clockface watch`"
        )
    response = stream()
    try:
        await response.prepare(request)
        ended = False
        while not ended:  # asked before taking: what was put before the end is still sent
            ended = listener.cut_off or desk.stopping.is_set()
            lines = await listener.take(timeout_s=0.0 if ended else HEARTBEAT_S)
            for line in lines or ([] if ended else [_HEARTBEAT]):
                await send(response, line)
    except (ConnectionError, TimeoutError):
        log.info("listener_gone", path=request.path)
    finally:
        desk.stage.leave(listener)
    return response


async def enrol(desk: Desk, request: web.Request, asked: CameraEnrolment, peer: Peer) -> web.StreamResponse:
    """Stream an enrolment from the camera; if the client goes, nothing is stored."""
    lines, response = desk.service.enrol_camera(asked, peer), stream()
    try:
        line: Message | None = await _next(desk, lines)  # refusals before the first line are plain answers
        await response.prepare(request)
        while line is not None:
            await send(response, line.model_dump_json())
            line = None if isinstance(line, Enrolled) else await _next_or_failure(desk, lines)
    except (ConnectionError, TimeoutError):
        log.info("enrolment_client_gone")
    finally:
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(desk.enrolment, lines.close))
    return response


async def _next_or_failure(
    desk: Desk, lines: Generator[EnrolmentProgress | Enrolled, None, None]
) -> Message | None:
    try:
        return await _next(desk, lines)
    except ClockfaceError as error:
        return EnrolmentFailed(problem=to_problem(error))
    except Exception as error:  # noqa: BLE001 - the stream has begun: the failure must be one of its lines
        return EnrolmentFailed(problem=unexpected(error, where="enrolment from the camera"))


async def _next(
    desk: Desk, lines: Generator[EnrolmentProgress | Enrolled, None, None]
) -> EnrolmentProgress | Enrolled | None:
    """Run the generator one step on the enrolment thread; a cancelled wait lets that step end first."""
    step = asyncio.get_running_loop().run_in_executor(desk.enrolment, next, lines, None)
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait([step])
        raise
