"""Parcels on their way up: each is sent once a connection, and again only when the office is silent for long.

Edge keeps a parcel until the office's signed receipt names it; here only the ids of those that went out are
remembered, as long as this connection lives. Trust boundary: parcels are signed, and sealed where personal;
they pass unread, but for crash reports where Sentry is configured: those edge itself has scrubbed.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from edge.api.protocol.courier import ParcelQuery, ParcelView
from sync.edge_socket import EdgeSocket
from sync.errors import EdgeFailed, EdgeRefused, EdgeSilent
from sync.mqtt import Connection
from sync.pulse import BEAT_S, Pulse
from sync.wire.canonical import WireError, read
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.envelope import EnvelopeError, decode
from sync.wire.parcels import CrashParcel
from sync.wire.topics import Address, Channel

log = structlog.get_logger(__name__)

PAGE: Final = 16  # at most 3 MiB of text
LOOK_S: Final = 2.0  # how soon a new parcel is seen behind one that waits for its receipt


class Parcels:
    """Parcels from edge to a connection.

    Args:
        edge: Where parcels come from.
        address: Ours.
        stall_s: After so long without a receipt a parcel is sent again.
        pulse: Is told that this works.
        now: Seconds of a clock that never goes back.
        crashed: Is told of crash reports.
    """

    def __init__(
        self,
        edge: EdgeSocket,
        address: Address,
        *,
        stall_s: float,
        pulse: Pulse,
        now: Callable[[], float],
        crashed: Callable[[CrashParcel], None] | None = None,
    ) -> None:
        self._edge = edge
        self._topic = address.topic(Channel.PARCELS)
        self._stall_s = stall_s
        self._pulse = pulse
        self._now = now
        self._crashed = crashed

    async def run(self, connection: Connection) -> None:
        """Publish on this connection until it ends (ConnectionEnded) or the task is cancelled."""
        sent: dict[str, float] = {}
        try:
            while True:
                self._pulse.beat("parcels")
                try:
                    batch = await self._edge.parcels(ParcelQuery(limit=PAGE, wait_s=BEAT_S))
                except (EdgeSilent, EdgeRefused, EdgeFailed):  # the pump says so
                    await asyncio.sleep(LOOK_S)
                    continue
                due = [each for each in batch.parcels if self._is_due(sent.get(each.parcel_id))]
                await self._publish(connection, due, sent)
                waiting = {each.parcel_id for each in batch.parcels}
                for gone in sent.keys() - waiting:
                    del sent[gone]
                if waiting and not due:
                    await asyncio.sleep(LOOK_S)
        finally:
            self._pulse.rest("parcels")

    def _is_due(self, sent_at: float | None) -> bool:
        return sent_at is None or self._now() - sent_at >= self._stall_s

    async def _publish(self, connection: Connection, due: list[ParcelView], sent: dict[str, float]) -> None:
        for each in due:
            payload = each.envelope.encode()
            sent[each.parcel_id] = self._now()
            if len(payload) > connection.max_payload_bytes:
                log.error("parcel_larger_than_broker_takes", size_bytes=len(payload))
                continue
            await connection.publish(self._topic, payload)
            self._pulse.beat("parcels")
            if self._crashed is not None and (crash := crash_in(payload)) is not None:
                self._crashed(crash)


def crash_in(payload: bytes) -> CrashParcel | None:
    """The crash report that an envelope of edge's holds; None if it is another parcel.

    Not verified: it came through edge's own socket, and the courier trusts no key.
    """
    try:
        signed = decode(payload, max_payload_bytes=MAX_DOCUMENT_BYTES)
        if signed.payload_type != CrashParcel.payload_type:
            return None
        return read(CrashParcel, signed.payload, max_bytes=MAX_DOCUMENT_BYTES)
    except (EnvelopeError, WireError):
        return None
