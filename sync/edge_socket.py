"""The courier's half of the local protocol: typed questions to edge over its sync socket, and nothing else.

Edge is asked, it never calls. Answers are bounded before they are read and validated before they are used, for
a courier must not fall over a daemon of another version. Trust boundary: the socket's folder and mode say who
may stand at its other end; a document from the office passes through here unread.
"""

import asyncio
from typing import Final, NoReturn, Self, TypeVar

import aiohttp
from pydantic import ValidationError

from edge.api.protocol.courier import (
    CertificateAsked,
    Delivery,
    DeliveryTaken,
    EnvelopeBatch,
    EnvelopeQuery,
    LinkNoted,
    LinkTold,
    ParcelBatch,
    ParcelMade,
    ParcelQuery,
    TelemetryView,
)
from edge.api.protocol.exchange import PREFIX, PROTOCOL_HEADER, PROTOCOL_VERSION, Message, Problem, Role
from sync.config import SyncConfig
from sync.errors import EdgeFailed, EdgeRefused, EdgeSilent

ANSWER_S: Final = 15.0  # beyond what a question itself asks to wait
KEPT_S: Final = 10.0  # edge hangs up after 15
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_ROOM: Final = 64 * 1024

M = TypeVar("M", bound=Message)


class EdgeSocket:
    """A connection pool of one courier to edge. Use as an asynchronous context manager.

    Args:
        config: `paths.run` names the folder of edge's sockets; `device` says whose courier this is.
    """

    def __init__(self, config: SyncConfig) -> None:
        self.path = config.paths.run / Role.SYNC.socket_name
        self._site, self._device = config.device.site, config.device.name
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            "http://edge",
            connector=aiohttp.UnixConnector(str(self.path), limit=8, keepalive_timeout=KEPT_S),
            headers={PROTOCOL_HEADER: str(PROTOCOL_VERSION)},
            auto_decompress=False,
            read_bufsize=_ROOM,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        """Signed events after a point, waiting for one as long as the question says.

        Raises:
            EdgeRefused: Edge serves another device than the one that we are configured for, or will not have
                us.
            EdgeSilent: It does not answer.
            EdgeFailed: It answers with an error of its own.
        """
        batch = await self._ask("GET", "/envelopes", EnvelopeBatch, query=query, wait_s=query.wait_s)
        if (batch.site, batch.device) != (self._site, self._device):
            raise EdgeRefused(
                "edge is another device than the courier is configured for",
                where=f"{self.path}, device.site and device.name",
                next_step="make device.site and device.name the same in edge.toml and sync.toml",
            )
        return batch

    async def parcels(self, query: ParcelQuery) -> ParcelBatch:
        """Parcels that the office has not received, oldest first; raises as `envelopes`."""
        return await self._ask("GET", "/parcels", ParcelBatch, query=query, wait_s=query.wait_s)

    async def telemetry(self) -> TelemetryView:
        """The device's condition, signed; raises as `envelopes`."""
        return await self._ask("GET", "/telemetry", TelemetryView)

    async def deliver(self, delivery: Delivery) -> DeliveryTaken:
        """Hand in a document from the office, as it came; raises as `envelopes`."""
        return await self._ask("POST", "/deliveries", DeliveryTaken, body=delivery)

    async def ask_certificate(self, asked: CertificateAsked) -> ParcelMade:
        """Have edge countersign a certificate request and keep it as a parcel; raises as `envelopes`."""
        return await self._ask("POST", "/certificate-requests", ParcelMade, body=asked)

    async def tell_link(self, told: LinkTold) -> LinkNoted:
        """Say how the way to the broker is, for staff to see; raises as `envelopes`."""
        return await self._ask("POST", "/link", LinkNoted, body=told)

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[M],
        *,
        query: Message | None = None,
        body: Message | None = None,
        wait_s: float = 0.0,
    ) -> M:
        status, raw = await self._exchange(method, path, query=query, body=body, wait_s=wait_s)
        if status != 200:
            self._raise(status, raw)
        try:
            return kind.model_validate_json(raw)
        except ValidationError:
            raise self._misfit() from None

    async def _exchange(
        self, method: str, path: str, *, query: Message | None, body: Message | None, wait_s: float
    ) -> tuple[int, bytes]:
        if self._http is None:
            raise RuntimeError("the socket is used outside of its context")
        parameters = {} if query is None else query.model_dump(mode="json", exclude_none=True)
        try:
            async with (
                asyncio.timeout(wait_s + ANSWER_S),
                self._http.request(
                    method,
                    PREFIX + path,
                    params={name: str(value) for name, value in parameters.items()},
                    data=None if body is None else body.model_dump_json().encode(),
                    headers={} if body is None else {"Content-Type": "application/json"},
                    timeout=aiohttp.ClientTimeout(total=None),  # the outer one counts
                ) as response,
            ):
                version = response.headers.get(PROTOCOL_HEADER, "none")
                if version != str(PROTOCOL_VERSION):
                    raise self._misfit()
                return response.status, await _bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreached(error) from error

    def _unreached(self, error: Exception) -> EdgeRefused | EdgeSilent:
        cause = getattr(error, "os_error", error)
        if isinstance(cause, PermissionError):
            return EdgeRefused(
                "this account may not use edge's sync socket",
                where=str(self.path),
                next_step="set api.sync_group in edge.toml to the courier's group, then "
                "systemctl restart clockface-edge",
            )
        return EdgeSilent(
            "edge does not answer", where=str(self.path), next_step="systemctl status clockface-edge"
        )

    def _raise(self, status: int, raw: bytes) -> NoReturn:
        try:
            problem = Problem.model_validate_json(raw)
        except ValidationError:
            raise self._misfit() from None
        if problem.error in {"NotPermitted", "ProtocolMismatch"}:
            raise EdgeRefused(problem.title, where=problem.where, next_step=problem.next_step)
        if status == 503:  # locked, or on its way out
            raise EdgeSilent(problem.title, where=problem.where, next_step=problem.next_step)
        raise EdgeFailed(problem.title, where=problem.where, next_step=problem.next_step, lasting=status < 500)

    def _misfit(self) -> EdgeRefused:
        return EdgeRefused(
            "edge's answer does not fit the local protocol",
            where=str(self.path),
            next_step="install edge and sync of the same Clockface version",
        )


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body, of at most 64 MiB (a full page of envelopes is 47)."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError("larger than any honest answer")
        parts.append(part)
    return b"".join(parts)
