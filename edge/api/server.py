"""Serves the local API on unix sockets, one a role, in a thread and an event loop of its own.

Trust boundary: whoever passed a socket's file mode. The role is the socket's, never a claim of the request; who
it was comes from the kernel. Connections, bodies, times and uploads are bounded: no client of this machine can
hold up recognition or fill the memory.
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from clockface.errors import ClockfaceError
from clockface.logs import watch
from edge.api.door import admit
from edge.api.gate import Gate, need_of, plain
from edge.api.problems import to_problem, unexpected
from edge.api.protocol.exchange import PREFIX, PROBLEM_TYPE, PROTOCOL_HEADER, PROTOCOL_VERSION, Problem, Role
from edge.api.routes.desk import PEER, Desk, Handler
from edge.api.routes.tables import tables
from edge.api.service import EdgeService, KeyService, PrivacyService
from edge.api.sockets import bind, peer_of
from edge.api.stage import Stage
from edge.camera.preview import Preview
from edge.config.device import ApiConfig, StaffConfig
from edge.errors import ApiError, NotPermitted, ProtocolMismatch

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, and all of them together, may take.

    Args:
        connections: Open connections a socket; the next one is told to come back.
        idle_s: How long a connection may say nothing, or take over its request's head.
        body_s: How long a body may take.
        uploads: Pictures in memory at once (20 MB each at most).
    """

    connections: int = 32
    idle_s: float = 15.0
    body_s: float = 30.0
    uploads: int = 2


class ApiServer:
    """The sockets of a running daemon. `start` returns when they answer; `close` takes them away.

    Args:
        service: What the API does.
        stage: What happens in front of the camera.
        run: Folder of the sockets.
        config: Groups that may use them.
        limits: What clients may take.
        preview: The mirror's pictures.
        keys: What the daemon does with its storage keys; None for a server that has none.
        gate: Who of staff may do what; unless given, root and the daemon's account everything, others look.
        privacy: What it does for the people in its ledger; None for a server that has none.
    """

    def __init__(  # noqa: PLR0913 - its seams, each named
        self,
        *,
        service: EdgeService,
        stage: Stage,
        run: Path,
        config: ApiConfig,
        limits: Limits | None = None,
        preview: Preview | None = None,
        keys: KeyService | None = None,
        gate: Gate | None = None,
        privacy: PrivacyService | None = None,
    ) -> None:
        self._service = service
        self._preview = preview
        self._stage = stage
        self._run = run
        self._groups = {
            Role.STAFF: config.staff_group,
            Role.SCREEN: config.screen_group,
            Role.SYNC: config.sync_group,
        }
        self._limits = limits or Limits()
        self._keys = keys
        self._gate = gate or Gate(StaffConfig(), device="", now_s=time.monotonic)
        self._privacy = privacy
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Bind the sockets and serve.

        Raises:
            ApiError: A socket cannot be made, or another daemon serves it.
            ConfigError: A configured group does not exist.
        """
        bound = self._bind()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run_loop, args=(bound, ready), name="clockface-api", daemon=True
        )
        self._thread.start()
        if not ready.wait(START_TIMEOUT_S) or self._failure is not None:
            raise ApiError("the local API did not start", where=str(self._run)) from self._failure

    def _run_loop(self, bound: dict[Role, socket.socket], ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(bound, ready))
        except BaseException as error:
            self._failure = error
            log.critical("local_api_stopped", error=type(error).__name__)
            raise
        finally:
            ready.set()

    def close(self) -> None:
        """End all streams, stop serving and remove the sockets. May be called twice."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(2 * STOP_TIMEOUT_S)

    def _bind(self) -> dict[Role, socket.socket]:
        bound: dict[Role, socket.socket] = {}
        try:
            for role, group in self._groups.items():
                bound[role] = bind(self._run, role, group=group)
        except BaseException:
            for role, made in bound.items():
                self._release(role, made)
            raise
        return bound

    def _release(self, role: Role, made: socket.socket) -> None:
        made.close()
        with contextlib.suppress(OSError):
            (self._run / role.socket_name).unlink()

    async def _serve(self, bound: dict[Role, socket.socket], ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        watch(self._loop)
        workers = ThreadPoolExecutor(4, thread_name_prefix="clockface-api")
        enrolment = ThreadPoolExecutor(2, thread_name_prefix="clockface-enrol")
        desk = Desk(
            service=self._service,
            stage=self._stage,
            workers=workers,
            enrolment=enrolment,
            uploads=asyncio.Semaphore(self._limits.uploads),
            body_timeout_s=self._limits.body_s,
            preview=self._preview,
            stopping=self._stopping,
            keys=self._keys,
            gate=self._gate,
            privacy=self._privacy,
        )
        async with contextlib.AsyncExitStack() as stack:
            for role, made in bound.items():
                stack.callback(self._release, role, made)
                await stack.enter_async_context(self._served(desk, role, made))
            ready.set()
            await self._stopping.wait()
            self._stage.dismiss()
        for pool in (workers, enrolment):
            pool.shutdown(wait=False, cancel_futures=True)

    @contextlib.asynccontextmanager
    async def _served(self, desk: Desk, role: Role, made: socket.socket) -> AsyncIterator[None]:
        runner = web.AppRunner(
            application(desk, role),
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=self._limits.idle_s,
            shutdown_timeout=STOP_TIMEOUT_S,
        )
        await runner.setup()
        server = runner.server
        assert server is not None  # noqa: S101 - tells mypy what setup() has made
        door = asyncio.create_task(admit(made, server, most=self._limits.connections))
        try:
            yield
        finally:
            door.cancel()
            await runner.cleanup()


def application(desk: Desk, role: Role) -> web.Application:
    """The aiohttp application of one role's socket."""
    app = web.Application(middlewares=[_guard(role)], client_max_size=64 * 1024)
    every = tables(desk)
    for method, path, handler in every[role]:
        app.router.add_route(
            method, path, _gated(desk, method, path, handler) if role is Role.STAFF else handler
        )
    own = {(method, path) for method, path, _ in every[role]}
    for other, rows in every.items():
        for method, path, _ in rows:
            if (method, path) not in own:
                app.router.add_route(method, path, _elsewhere(other, role))
    return app


def _gated(desk: Desk, method: str, path: str, handler: Handler) -> Handler:
    """An operation of staff, behind what it asks of its caller."""
    need, operation = need_of(method, path), f"{method.lower()}:{plain(path)}"
    operation = operation.replace("{", "").replace("}", "")  # as the audit trail takes it

    async def gated(request: web.Request) -> web.StreamResponse:
        peer = request[PEER]
        if not desk.gate.allows(peer, need):  # what is refused is written down, and that takes a worker
            await desk.call(lambda: desk.gate.admit(peer, need, operation=operation))
        return await handler(request)

    return gated


def _elsewhere(owner: Role, here: Role) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise NotPermitted(
            f"the {here.value} socket does not offer this; it belongs to the role {owner.value}",
            where=request.path,
        )

    return refuse


def _guard(role: Role) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _same_version(request)
            transport = request.transport
            if transport is None:
                raise ApiError("the client has gone", where=request.path)
            request[PEER] = peer_of(transport.get_extra_info("socket"), role)
            response = await handler(request)
        except ClockfaceError as error:
            response = _refusal(to_problem(error))
        except web.HTTPException as error:
            response = _refusal(_http_problem(error, request.path))
        except Exception as error:  # noqa: BLE001 - a bug ends one request, not the server
            response = _refusal(unexpected(error, where=request.path))
        if not response.prepared:
            response.headers[PROTOCOL_HEADER] = str(PROTOCOL_VERSION)
        return response

    return guard


def _same_version(request: web.Request) -> None:
    claimed = request.headers.get(PROTOCOL_HEADER, str(PROTOCOL_VERSION))
    if claimed != str(PROTOCOL_VERSION) or not request.path.startswith(f"{PREFIX}/"):
        raise ProtocolMismatch(
            f"the daemon speaks version {PROTOCOL_VERSION} of the local protocol, "
            f"the client asked for {claimed[:20]!r} at {request.path[:40]!r}",
            next_step="install client and daemon of the same Clockface version, then restart clockface-edge",
        )


def _refusal(problem: Problem) -> web.Response:
    return web.Response(
        status=problem.status, body=problem.model_dump_json().encode(), content_type=PROBLEM_TYPE
    )


def _http_problem(error: web.HTTPException, path: str) -> Problem:
    reasons = {404: "no such operation", 405: "this operation has another method", 413: "the body is too large"}
    what = reasons.get(error.status, f"the request was refused: {error.reason}")
    return to_problem(
        ApiError(what, where=path[:200], next_step="see docs/local-api.md for the operations"),
        status=max(400, error.status),
    )
