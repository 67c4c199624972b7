"""What staff may ask: people, consent, enrolment, records, checks, sessions, and the device's end.

Trust boundary: as `edge.api.routes.desk`; pictures come in parts, each bounded as it is read. Who of staff may
do what is the gate's business (`edge.api.gate`).
"""

import asyncio
import functools

from aiohttp import BodyPartReader, web

from edge.api import streams
from edge.api.protocol.device import DeviceTestQuery, RetirementAsked
from edge.api.protocol.enrolment import CameraEnrolment, PhotoEnrolment
from edge.api.protocol.exchange import MAX_JSON_BYTES, MAX_PHOTO_BYTES, PREFIX, Message
from edge.api.protocol.ledger import AuditQuery
from edge.api.protocol.people import ConsentGiven, EnabledSet, PeopleQuery, PersonProfile
from edge.api.protocol.punches import PunchQuery
from edge.api.protocol.staff import SessionAsked
from edge.api.routes.desk import (
    PEER,
    Desk,
    Handler,
    answer,
    answering,
    body_of,
    parsed,
    query_of,
    status,
    taking,
    within,
)
from edge.errors import ApiError


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
            ("GET", f"{PREFIX}/audit/verification", answering(self.desk, self._verify_audit)),
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


def session_rows(desk: Desk) -> list[tuple[str, str, Handler]]:
    """Who the caller is, and their session for what cannot be undone."""
    gate, path = desk.gate, f"{PREFIX}/session"
    return [
        ("GET", path, answering(desk, lambda r: gate.view(r[PEER]))),
        ("POST", path, taking(desk, SessionAsked, lambda b, r: gate.open(r[PEER], b.device))),
        ("DELETE", path, answering(desk, lambda r: gate.close(r[PEER]))),
    ]
