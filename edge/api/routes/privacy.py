"""What staff may ask on behalf of the people in the ledger: retention, what is held on one, what is processed.

Trust boundary: as `edge.api.routes.desk`. A dossier is personal data of one person, and each is in the
audit trail.
"""

from aiohttp import web

from edge.api.protocol.exchange import PREFIX
from edge.api.protocol.privacy import DossierAsked, PersonEventQuery, RetentionAsked
from edge.api.routes.desk import PEER, Desk, Handler, answer, body_of, query_of
from edge.api.service import PrivacyService
from edge.errors import ApiError


def privacy_table(desk: Desk) -> list[tuple[str, str, Handler]]:
    """Method, path and handler of each operation."""
    routes, person = _PrivacyRoutes(desk), f"{PREFIX}/people/{{person_id:[0-9a-f]{{32}}}}"
    return [
        ("POST", f"{PREFIX}/retention", routes.retention),
        ("POST", f"{person}/dossier", routes.dossier),
        ("GET", f"{person}/events", routes.events),
        ("GET", f"{PREFIX}/processing", routes.processing),
    ]


class _PrivacyRoutes:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def _service(self) -> PrivacyService:
        if self._desk.privacy is None:
            raise ApiError("this daemon keeps nobody's data")
        return self._desk.privacy

    async def retention(self, request: web.Request) -> web.StreamResponse:
        """Remove what is over, or count it."""
        asked, peer = await body_of(RetentionAsked, request, self._desk), request[PEER]
        return answer(await self._desk.call(lambda: self._service.retention(asked, peer)))

    async def dossier(self, request: web.Request) -> web.StreamResponse:
        """All that is held on a person."""
        asked, peer = await body_of(DossierAsked, request, self._desk), request[PEER]
        person_id = request.match_info["person_id"]
        return answer(await self._desk.call(lambda: self._service.dossier(person_id, asked, peer)))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """A page of the events about a person."""
        query, person_id = query_of(PersonEventQuery, request), request.match_info["person_id"]
        return answer(await self._desk.call(lambda: self._service.events_of(person_id, query)))

    async def processing(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002 - a handler's form
        """What is processed here."""
        return answer(await self._desk.call(self._service.processing))
