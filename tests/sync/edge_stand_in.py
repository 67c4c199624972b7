"""A faithful edge for the courier's tests: a real HTTP server on a real unix socket, with a ledger in memory.

It speaks only the protocol's types, verifies what the office signed and moves its frontier for nothing else. It
runs in a thread, so that a test drives it from outside; `down` and `up` are a crash and a restart.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.api.protocol.courier import (
    CertificateAsked,
    Delivery,
    DeliveryTaken,
    EnvelopeBatch,
    EnvelopeQuery,
    EnvelopeView,
    FrontierView,
    LinkNoted,
    LinkTold,
    ParcelBatch,
    ParcelMade,
    ParcelQuery,
    ParcelView,
    SendAfter,
    TelemetryView,
)
from edge.api.protocol.exchange import PREFIX, PROTOCOL_HEADER, PROTOCOL_VERSION, Message, Problem
from sync.wire import envelope
from sync.wire.canonical import WireError, digest
from sync.wire.commands import Command, Result
from sync.wire.documents import open_document, sign_document, type_of
from sync.wire.envelope import EnvelopeError, signing_key_id
from sync.wire.fields import EventPoint
from sync.wire.office import Ack, ParcelReceipt, RenewedCertificate
from sync.wire.parcels import CertificateRequest
from sync.wire.topics import Address

EPOCH = "000001-0123456789abcdef"
TIME = "2026-01-02T03:04:05.000006Z"
WAIT_S = 20.0
Place = tuple[str, int]


class EdgeStandIn:
    """Edge's sync socket. Use as a context manager.

    Args:
        run: Folder of the socket.
        address: Whose edge it is.
        office: The office's online key.
        operator: The key of commands.
    """

    def __init__(
        self, run: Path, address: Address, *, office: Ed25519PrivateKey, operator: Ed25519PrivateKey
    ) -> None:
        self.address = address
        self.signing = Ed25519PrivateKey.generate()
        self.envelopes: list[EnvelopeView] = []
        self.frontier: EnvelopeView | None = None
        self._position: dict[Place, int] = {}
        self.parcels: dict[str, str] = {}
        self.delivered: list[DeliveryTaken] = []
        self.telemetry_asked = 0
        self.links: list[LinkTold] = []
        self.fault: str | None = None
        self.fail_next = 0
        self.send_after: SendAfter | None = None
        self._office = {signing_key_id(office.public_key()): office.public_key()}
        self._operator = {signing_key_id(operator.public_key()): operator.public_key()}
        self._path = run / "sync.sock"
        self._changed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="edge-stand-in")
        self._runner: web.AppRunner | None = None
        self._ids = itertools.count(1)

    def __enter__(self) -> Self:
        self._thread.start()
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._wait(_cancel_the_rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    # --- what a test does ---------------------------------------------------------------------------------

    def record(self, count: int = 1, *, epoch: str = EPOCH) -> list[EnvelopeView]:
        """People walk past: so many new events."""
        made = []
        for _ in range(count):
            last = self.envelopes[-1] if self.envelopes else None
            seq = last.seq + 1 if last is not None and last.epoch == epoch else 1
            made.append(self.make(epoch, seq))
            self._position[epoch, seq] = len(self.envelopes)
            self.envelopes.append(made[-1])
        self._call(self._changed.set)
        return made

    def make(self, epoch: str, seq: int) -> EnvelopeView:
        """One signed event (of about the size of a real one)."""
        payload = b'{"epoch":"%s","filler":"%s","seq":%d}' % (epoch.encode(), b"x" * 700, seq)
        raw = envelope.encode(envelope.sign(payload, key=self.signing))
        return EnvelopeView(epoch=epoch, seq=seq, hash=digest(payload), envelope=raw.decode())

    def hand_in(self, parcel_id: str, text: str) -> None:
        """A parcel waits."""
        self.parcels[parcel_id] = text
        self._call(self._changed.set)

    def down(self) -> None:
        """Nobody answers."""
        self._wait(self._stop())

    def up(self) -> None:
        """It answers (again), with the same ledger."""
        self._wait(self._start())

    @property
    def pending(self) -> int:
        """Events that the office has not confirmed."""
        return len(self.envelopes) - self._index(self.frontier)

    # --- its server ---------------------------------------------------------------------------------------

    async def _start(self) -> None:
        app = web.Application(client_max_size=2**20)
        for method, path, handler in (
            ("GET", "/envelopes", self._envelopes),
            ("GET", "/parcels", self._parcels),
            ("GET", "/telemetry", self._telemetry),
            ("POST", "/deliveries", self._deliveries),
            ("POST", "/certificate-requests", self._certificate),
            ("POST", "/link", self._link),
        ):
            app.router.add_route(method, PREFIX + path, handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._path)).start()

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            self._path.unlink(missing_ok=True)

    async def _envelopes(self, request: web.Request) -> web.Response:
        query = EnvelopeQuery.model_validate(dict(request.query))
        await self._until(lambda: bool(self._after(query)), query.wait_s)
        found = tuple(self._after(query)[: query.limit])
        return _answer(
            EnvelopeBatch(
                device=self.address.device,
                site=self.address.site,
                envelopes=found,
                frontier=self._frontier_view(),
            )
        )

    def _after(self, query: EnvelopeQuery) -> list[EnvelopeView]:
        if query.after_epoch is None or query.after_seq is None:
            return self.envelopes
        at = self._position.get((query.after_epoch, query.after_seq))
        assert at is not None, "the courier asks after an event that edge never made"
        return self.envelopes[at + 1 : at + 1 + query.limit]

    def _index(self, view: EnvelopeView | None) -> int:
        return 0 if view is None else self._position[view.epoch, view.seq] + 1

    def _frontier_view(self) -> FrontierView:
        if self.frontier is None:
            return FrontierView(pending=self.pending)
        at = self.frontier
        return FrontierView(epoch=at.epoch, seq=at.seq, hash=at.hash, pending=self.pending)

    async def _parcels(self, request: web.Request) -> web.Response:
        query = ParcelQuery.model_validate(dict(request.query))
        await self._until(lambda: bool(self.parcels), query.wait_s)
        views = [ParcelView(parcel_id=key, envelope=text) for key, text in self.parcels.items()]
        return _answer(ParcelBatch(parcels=tuple(views[: query.limit])))

    async def _telemetry(self, _: web.Request) -> web.Response:
        self.telemetry_asked += 1
        payload = b'{"fault":"%s"}' % (self.fault or "").encode()
        raw = envelope.encode(envelope.sign(payload, key=self.signing, payload_type="application/test"))
        return _answer(TelemetryView(envelope=raw.decode()))

    async def _link(self, request: web.Request) -> web.Response:
        self.links.append(LinkTold.model_validate_json(await request.read()))
        return _answer(LinkNoted())

    async def _certificate(self, request: web.Request) -> web.Response:
        asked = CertificateAsked.model_validate_json(await request.read())
        parcel_id = f"{next(self._ids):032x}"
        parcel = CertificateRequest(
            site=self.address.site, device=self.address.device, id=parcel_id, at=TIME, request=asked.request_pem
        )
        self.hand_in(parcel_id, sign_document(parcel, key=self.signing).decode())
        return _answer(ParcelMade(parcel_id=parcel_id))

    async def _deliveries(self, request: web.Request) -> web.Response:
        delivery = Delivery.model_validate_json(await request.read())
        if self.fail_next:
            self.fail_next -= 1
            problem = Problem(title="the daemon failed", status=500, error="ApiError", exit_code=60)
            return _answer(problem, status=500)
        try:
            taken = self._apply(delivery.envelope.encode())
        except (EnvelopeError, WireError):
            taken = self._taken("refused", reason="not_authentic")
        self.delivered.append(taken)
        return _answer(taken)

    def _apply(self, raw: bytes) -> DeliveryTaken:
        kind = type_of(raw)
        if kind == Ack.payload_type:
            return self._acknowledged(open_document(Ack, raw, keys=self._office, address=self.address))
        if kind == ParcelReceipt.payload_type:
            receipt = open_document(ParcelReceipt, raw, keys=self._office, address=self.address)
            gone = [self.parcels.pop(each, None) for each in receipt.parcels]
            return self._taken("applied" if any(gone) else "repeated")
        if kind == RenewedCertificate.payload_type:
            open_document(RenewedCertificate, raw, keys=self._office, address=self.address)
            return self._taken("applied")
        command = open_document(Command, raw, keys=self._operator, address=self.address)
        result = Result(
            site=self.address.site, device=self.address.device, answers=command.id, outcome="done",
            roster_version=0, at=TIME,
        )  # fmt: skip
        signed = sign_document(result, key=self.signing).decode()
        return self._taken("applied", result=signed, answers=command.id)

    def _acknowledged(self, ack: Ack) -> DeliveryTaken:
        committed = ack.committed
        at = None if committed is None else self._position.get((committed.epoch, committed.seq))
        moved = committed is not None and at is not None and self.envelopes[at].hash == committed.hash
        if moved and at is not None and at + 1 > self._index(self.frontier):
            self.frontier = self.envelopes[at]
            return self._taken("applied")
        if ack.resend:
            place = {} if committed is None else {"epoch": committed.epoch, "seq": committed.seq}
            return self._taken("applied", send_after=SendAfter.model_validate(place))
        return self._taken("repeated")

    def _taken(self, outcome: str, **more: Any) -> DeliveryTaken:
        return DeliveryTaken.model_validate({"outcome": outcome, "frontier": self._frontier_view(), **more})

    # --- its thread ---------------------------------------------------------------------------------------

    async def _until(self, condition: Callable[[], bool], wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def _call(self, what: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(what)

    def _wait(self, what: Any) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(what, self._loop)
        done.result(WAIT_S)


async def _cancel_the_rest() -> None:
    """Requests that nobody waits for any more: aiohttp leaves those of vanished clients to the loop."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for each in rest:
        each.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def point(view: EnvelopeView) -> EventPoint:
    """An event as the office names it."""
    return EventPoint(epoch=view.epoch, seq=view.seq, hash=view.hash)


def _answer(message: Message, *, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=message.model_dump_json().encode(),
        content_type="application/json",
        headers={PROTOCOL_HEADER: str(PROTOCOL_VERSION)},
    )
