"""What each role may ask, path by path: read the request, call the service on a worker, answer.

Trust boundary: everything in a request is hostile. Bodies are bounded before they are read and validated before
they are used; what does not fit is refused by name of the field, never with its value.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import BodyPartReader, web
from pydantic import ValidationError

from edge.api import mirror, streams
from edge.api.gate import Gate
from edge.api.protocol.badges import BadgeAsked, BadgeQuery, CardSet, PinSet, WaySet
from edge.api.protocol.courier import CertificateAsked, Delivery, EnvelopeQuery, ParcelQuery
from edge.api.protocol.device import DeviceTestQuery, RetirementAsked
from edge.api.protocol.enrolment import CameraEnrolment, PhotoEnrolment
from edge.api.protocol.exchange import (
    MAX_DELIVERY_BYTES,
    MAX_JSON_BYTES,
    MAX_PHOTO_BYTES,
    PREFIX,
    Message,
    Role,
)
from edge.api.protocol.intents import CorrectionAsked, Disavowal, IntentChosen, PinEntered, PromptGone
from edge.api.protocol.ledger import AuditQuery
from edge.api.protocol.people import ConsentGiven, EnabledSet, PeopleQuery, PersonProfile
from edge.api.protocol.punches import PunchQuery
from edge.api.protocol.staff import SessionAsked
from edge.api.service import EdgeService, KeyService, Peer, PrivacyService
from edge.api.stage import Stage
from edge.camera.preview import Preview
from edge.errors import ApiError

BODY_TIMEOUT_S = 30.0
POLL_S = 0.5  # how soon a waiting courier learns of a new envelope

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


class StaffRoutes:
    """What staff may ask."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each operation."""
        person = f"{PREFIX}/people/{{person_id:[0-9a-f]{{32}}}}"
        return [
            ("GET", f"{PREFIX}/status", functools.partial(status, self.desk)),
            ("GET", f"{PREFIX}/people", self.people),
            ("POST", f"{PREFIX}/people", self.add),
            ("GET", person, self.show),
            ("DELETE", person, self.remove),
            ("PUT", f"{person}/enabled", self.set_enabled),
            ("POST", f"{person}/consent", self.consent),
            ("DELETE", f"{person}/consent", self.withdraw),
            ("POST", f"{PREFIX}/enrolments/photo", self.enrol_photo),
            ("POST", f"{PREFIX}/enrolments/camera", self.enrol_camera),
            ("GET", f"{PREFIX}/punches", self.punches),
            ("GET", f"{PREFIX}/audit", self.audit),
            ("GET", f"{PREFIX}/audit/verification", _answering(self.desk, self._verify_audit)),
            ("POST", f"{PREFIX}/verify-ledger", self.verify),
            ("POST", f"{PREFIX}/device-tests", self.test_device),
            ("GET", f"{PREFIX}/device-tests", self.tested),
            ("GET", f"{PREFIX}/retirement", self.retirement),
            ("POST", f"{PREFIX}/retirement", self.retire),
            ("GET", f"{PREFIX}/scenes", functools.partial(streams.listen, self.desk, scenes=True)),
        ]

    async def people(self, request: web.Request) -> web.StreamResponse:
        """A page of people."""
        query = query_of(PeopleQuery, request)
        return answer(await self.desk.call(lambda: self.desk.service.people(query)))

    async def add(self, request: web.Request) -> web.StreamResponse:
        """A person without a face."""
        profile, peer = await body_of(PersonProfile, request, self.desk), request[PEER]
        return answer(await self.desk.call(lambda: self.desk.service.add_person(profile, peer)))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """One person."""
        person_id = request.match_info["person_id"]
        return answer(await self.desk.call(lambda: self.desk.service.person(person_id)))

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Erase a person."""
        person_id, peer = request.match_info["person_id"], request[PEER]
        return answer(await self.desk.call(lambda: self.desk.service.remove_person(person_id, peer)))

    async def set_enabled(self, request: web.Request) -> web.StreamResponse:
        """Disable or enable a person."""
        body, person_id, peer = (
            await body_of(EnabledSet, request, self.desk),
            request.match_info["person_id"],
            request[PEER],
        )
        work = functools.partial(self.desk.service.set_enabled, person_id, enabled=body.enabled, peer=peer)
        return answer(await self.desk.call(work))

    async def consent(self, request: web.Request) -> web.StreamResponse:
        """Record a consent."""
        given, peer = await body_of(ConsentGiven, request, self.desk), request[PEER]
        person_id = request.match_info["person_id"]
        return answer(await self.desk.call(lambda: self.desk.service.record_consent(person_id, given, peer)))

    async def withdraw(self, request: web.Request) -> web.StreamResponse:
        """Withdraw a consent."""
        person_id, peer = request.match_info["person_id"], request[PEER]
        return answer(await self.desk.call(lambda: self.desk.service.withdraw_consent(person_id, peer)))

    async def enrol_photo(self, request: web.Request) -> web.StreamResponse:
        """Enrol from one picture."""
        peer, desk = request[PEER], self.desk
        async with desk.uploads:
            asked, photo = await within(desk.body_timeout_s, _photo_parts(request), request.path)
            work = functools.partial(desk.service.enrol_photo, asked, photo, peer)
            return answer(await asyncio.get_running_loop().run_in_executor(desk.enrolment, work))

    async def enrol_camera(self, request: web.Request) -> web.StreamResponse:
        """Enrol from the live camera, with guidance."""
        asked = await body_of(CameraEnrolment, request, self.desk)
        return await streams.enrol(self.desk, request, asked, request[PEER])

    async def punches(self, request: web.Request) -> web.StreamResponse:
        """A page of attendance records."""
        query = query_of(PunchQuery, request)
        return answer(await self.desk.call(lambda: self.desk.service.punches(query)))

    async def audit(self, request: web.Request) -> web.StreamResponse:
        """A page of the audit trail."""
        query = query_of(AuditQuery, request)
        return answer(await self.desk.call(lambda: self.desk.service.audit(query)))

    def _verify_audit(self, _request: web.Request) -> Message:
        return self.desk.service.verify_audit()

    async def verify(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002 - a handler's form
        """Check the whole ledger."""
        return answer(await self.desk.call(self.desk.service.verify_ledger))

    async def test_device(self, request: web.Request) -> web.StreamResponse:
        """Try the way to the office."""
        peer = request[PEER]
        return answer(await self.desk.call(lambda: self.desk.service.test_device(peer)))

    async def tested(self, request: web.Request) -> web.StreamResponse:
        """Whether a test has arrived."""
        query = query_of(DeviceTestQuery, request)
        return answer(await self.desk.call(lambda: self.desk.service.tested(query)))

    async def retirement(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002 - a handler's form
        """Whether the device has gone out of use."""
        return answer(await self.desk.call(self.desk.service.retirement))

    async def retire(self, request: web.Request) -> web.StreamResponse:
        """Take the device out of use."""
        asked, peer = await body_of(RetirementAsked, request, self.desk), request[PEER]
        return answer(await self.desk.call(lambda: self.desk.service.retire(asked, peer)))


async def status(desk: Desk, request: web.Request) -> web.StreamResponse:  # noqa: ARG001 - a handler's form
    """How the daemon is."""
    return answer(await desk.call(desk.service.status))


async def choose(desk: Desk, request: web.Request) -> web.StreamResponse:
    """What a person chose on the screen."""
    choice = await body_of(IntentChosen, request, desk)
    return answer(await desk.call(lambda: desk.service.choose(choice)))


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


async def deliver(desk: Desk, request: web.Request) -> web.StreamResponse:
    """A document of the office."""
    delivery = await body_of(Delivery, request, desk, max_bytes=MAX_DELIVERY_BYTES)
    return answer(await desk.call(lambda: desk.service.deliver(delivery)))


async def _photo_parts(request: web.Request) -> tuple[PhotoEnrolment, bytes]:
    if request.content_type != "multipart/form-data":
        raise ApiError("the body must be multipart/form-data with parts request and photo", where=request.path)
    asked: PhotoEnrolment | None = None
    photo: bytes | None = None
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name not in {"request", "photo"}:
                raise ApiError("only the parts request and photo are known", where=request.path)
            if part.name == "request" and asked is None:
                raw = await _bounded(part, MAX_JSON_BYTES, request.path)
                asked = parsed(PhotoEnrolment, raw, where=f"part request of {request.path}")
            elif part.name == "photo" and photo is None:
                photo = await _bounded(part, MAX_PHOTO_BYTES, request.path)
            else:
                raise ApiError("a part is given twice", where=request.path)
    except (ValueError, AssertionError, RuntimeError) as error:
        raise ApiError("the multipart body is malformed", where=request.path) from error
    if asked is None or not photo:
        raise ApiError("the body needs a part request and a part photo that is not empty", where=request.path)
    return asked, photo


async def _bounded(part: BodyPartReader, limit: int, where: str) -> bytes:
    raw = bytearray()
    while chunk := await part.read_chunk(64 * 1024):
        raw += chunk
        if len(raw) > limit:
            raise ApiError(f"part {part.name} is larger than {limit} bytes", where=where)
    return bytes(raw)


def _answering(desk: Desk, work: Callable[[web.Request], Message]) -> Handler:
    """A handler that needs the path and the peer alone."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(await desk.call(lambda: work(request)))

    return handle


def _taking(desk: Desk, model: type[M], work: Callable[[M, web.Request], Message]) -> Handler:
    """A handler of a body."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await body_of(model, request, desk)
        return answer(await desk.call(lambda: work(body, request)))

    return handle


def badge_rows(desk: Desk) -> list[tuple[str, str, Handler]]:
    """What staff may ask about ways in without a face."""
    does = desk.service.without_face
    person, badge = (
        f"{PREFIX}/people/{{person_id:[0-9a-f]{{32}}}}",
        f"{PREFIX}/badges/{{badge_id:[0-9a-f]{{24}}}}",
    )
    return [
        ("POST", f"{PREFIX}/badges", _taking(desk, BadgeAsked, lambda b, r: does.issue_badge(b, r[PEER]))),
        ("GET", f"{PREFIX}/badges", _answering(desk, lambda r: does.badges(query_of(BadgeQuery, r)))),
        ("GET", badge, _answering(desk, lambda r: does.badge_text(r.match_info["badge_id"], r[PEER]))),
        ("DELETE", badge, _answering(desk, lambda r: does.revoke_badge(r.match_info["badge_id"], r[PEER]))),
        ("GET", f"{person}/ways", _answering(desk, lambda r: does.ways_of(r.match_info["person_id"]))),
        (
            "PUT",
            f"{person}/pin",
            _taking(desk, PinSet, lambda b, r: does.set_pin(r.match_info["person_id"], b, r[PEER])),
        ),
        (
            "PUT",
            f"{person}/way",
            _taking(desk, WaySet, lambda b, r: does.set_way(r.match_info["person_id"], b, r[PEER])),
        ),
        (
            "PUT",
            f"{person}/card",
            _taking(desk, CardSet, lambda b, r: does.set_card(r.match_info["person_id"], b, r[PEER])),
        ),
        (
            "POST",
            f"{person}/code",
            _answering(desk, lambda r: does.new_code(r.match_info["person_id"], r[PEER])),
        ),
    ]


def session_rows(desk: Desk) -> list[tuple[str, str, Handler]]:
    """Who the caller is, and their session for what cannot be undone."""
    gate, path = desk.gate, f"{PREFIX}/session"
    return [
        ("GET", path, _answering(desk, lambda r: gate.view(r[PEER]))),
        ("POST", path, _taking(desk, SessionAsked, lambda b, r: gate.open(r[PEER], b.device))),
        ("DELETE", path, _answering(desk, lambda r: gate.close(r[PEER]))),
    ]


def screen_rows(desk: Desk) -> list[tuple[str, str, Handler]]:
    """What people type and say at the screen."""
    does = desk.service.without_face
    return [
        ("POST", f"{PREFIX}/pins", _taking(desk, PinEntered, lambda b, _: does.enter_pin(b))),
        ("POST", f"{PREFIX}/pins/cancel", _taking(desk, PromptGone, lambda b, _: does.cancel_pin(b))),
        ("POST", f"{PREFIX}/pins/hold", _taking(desk, PromptGone, lambda b, _: does.hold_pin(b))),
        ("POST", f"{PREFIX}/disavowals", _taking(desk, Disavowal, lambda b, _: does.disavow(b))),
        (
            "POST",
            f"{PREFIX}/correction-requests",
            _taking(desk, CorrectionAsked, lambda b, _: does.ask_correction(b)),
        ),
    ]


def tables(desk: Desk) -> dict[Role, list[tuple[str, str, Handler]]]:
    """Every role's operations: what is not in a role's list does not exist on its socket."""
    from edge.api.keyroutes import key_table  # they build on this module
    from edge.api.privacyroutes import privacy_table

    asked = functools.partial(status, desk)
    return {
        Role.STAFF: [
            *session_rows(desk),
            *StaffRoutes(desk).table(),
            *key_table(desk),
            *badge_rows(desk),
            *privacy_table(desk),
        ],
        Role.SCREEN: [
            ("GET", f"{PREFIX}/status", asked),
            ("GET", f"{PREFIX}/stage", functools.partial(streams.listen, desk, scenes=False)),
            ("GET", f"{PREFIX}/preview", functools.partial(mirror.watch, desk)),
            ("GET", f"{PREFIX}/room", functools.partial(mirror.room, desk)),
            ("POST", f"{PREFIX}/intents", functools.partial(choose, desk)),
            *screen_rows(desk),
        ],
        Role.SYNC: [
            ("GET", f"{PREFIX}/status", asked),
            ("GET", f"{PREFIX}/envelopes", functools.partial(envelopes, desk)),
            ("GET", f"{PREFIX}/parcels", functools.partial(parcels, desk)),
            ("GET", f"{PREFIX}/telemetry", functools.partial(telemetry, desk)),
            ("POST", f"{PREFIX}/certificate-requests", functools.partial(request_certificate, desk)),
            ("POST", f"{PREFIX}/deliveries", functools.partial(deliver, desk)),
        ],
    }
