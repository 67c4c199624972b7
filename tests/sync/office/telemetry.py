"""Telemetry as a kiosk's edge signs it and its courier sends it, for the office's tests."""

import secrets
from collections.abc import Sequence

from sync.wire.canonical import encode
from sync.wire.documents import sign_document
from sync.wire.fields import EventPoint, format_time
from sync.wire.health import CourierHealth, Telemetry, TelemetryMessage
from tests.sync.office.kiosk import START, Kiosk, clock

NOW = format_time(START)


def telemetry_of(
    kiosk: Kiosk,
    *,
    frontier: EventPoint | None = None,
    certificate_expires: str = NOW,
    disk_free_percent: int | None = None,
    alarms: Sequence[str] = (),
    removed_to: EventPoint | None = None,
) -> bytes:
    """A message for the telemetry topic.

    Args:
        kiosk: Whose.
        frontier: What it believes delivered.
        certificate_expires: Of the certificate that its courier uses.
        disk_free_percent: Of its disk.
        alarms: Kinds that nobody has cleared there.
        removed_to: Up to where its ledger was shortened.
    """
    told = Telemetry(
        site=kiosk.address.site,
        device=kiosk.address.device,
        nonce=secrets.token_hex(16),
        time=NOW,
        clock=clock(),
        software="0.1.0",
        uptime_s=1,
        models=[],
        head=kiosk.point,
        frontier=frontier,
        removed_to=removed_to,
        pending=3,
        parcels_pending=0,
        verdicts={},
        camera="replay",
        camera_mfps=0,
        service="in_service",
        alarms=list(alarms),
        disk_free_bytes=None if disk_free_percent is None else disk_free_percent * 10_000,
        disk_total_bytes=None if disk_free_percent is None else 1_000_000,
        roster_version=4,
        people=0,
        templates=0,
        resident_bytes=1,
        stages=[],
    )
    courier = CourierHealth(
        session="1" * 32,
        certificate_expires=certificate_expires,
        certificate_days=9,
        reconnects=0,
        resends=0,
        broker=1,
        resident_bytes=1,
    )
    edge = sign_document(told, key=kiosk.key).decode()
    return encode(TelemetryMessage(edge=edge, courier=courier))
