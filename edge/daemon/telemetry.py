"""The device's condition as a document that it signs: what the office's list of devices is made of.

Numbers, codes and hashes only. Trust boundary: it leaves the device, so nothing in it may say anything of a
person; each has a nonce, whose echo in an ack says how fresh the office's time is.
"""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.api.protocol.status import Status
from edge.board import thermal_zones, throttled
from edge.daemon.office_time import OfficeTime
from edge.daemon.tally import Tally
from edge.ports import Clock
from edge.store.store import Store
from edge.store.translation import clock_reading, point_of
from sync.wire.fields import format_time
from sync.wire.health import StageTime, Telemetry

ROOT = Path("/")
MILLI = 1000


class Telemetrist:
    """Writes and signs telemetry.

    Args:
        store: The ledger.
        clock: Source of time.
        status: The daemon's status.
        tally: Verdicts so far.
        root: Where the kernel's files are; another place in tests.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        status: Callable[[], Status],
        tally: Tally,
        root: Path = ROOT,
    ) -> None:
        self._store = store
        self._clock = clock
        self._status = status
        self._tally = tally
        self.office_time = OfficeTime()  # knows every nonce, for acks that repeat one
        self._root = root

    def report(self) -> bytes:
        """The present condition, signed; returns the encoded envelope."""
        status, now, nonce = self._status(), self._clock.now(), secrets.token_hex(16)
        self.office_time.asked(nonce, now.boottime_s)
        document = Telemetry(
            site=status.site,
            device=status.device,
            nonce=nonce,
            time=format_time(now.wall),
            clock=clock_reading(now),
            software=status.version,
            uptime_s=int(status.uptime_s),
            models=sorted({model.sha256 for model in status.models})[:16],
            verdicts=self._tally.counts(),
            camera=status.camera.state,
            camera_mfps=round(status.camera.fps * MILLI),
            fault=status.fault,
            resident_bytes=round(status.resident_mb * 1_000_000),
            people=status.ledger.people,
            stages=[
                StageTime(
                    stage=each.stage,
                    median_us=round(each.median_ms * MILLI),
                    p95_us=round(each.p95_ms * MILLI),
                )
                for each in status.stages[:32]
            ],
            **self._ledger(status),
            **self._board(),
        )
        return self._store.device_keys.sign(document)

    def _ledger(self, status: Status) -> dict[str, Any]:
        head, frontier = self._store.events.head(), self._store.frontier.current()
        removed, office = self._store.frontier.removed_to(), self._store.office.current()
        oldest = status.ledger.oldest_pending_at
        return {
            "head": point_of(head),
            "frontier": None if frontier is None else point_of(frontier),
            "removed_to": None if removed is None else point_of(removed),
            "pending": status.ledger.pending,
            "oldest_pending": None if oldest is None else format_time(oldest),
            "parcels_pending": self._store.parcels.count(),
            "office_keys": None if office is None else sorted({*office.online, *office.operator}),
            "alarms": sorted({alarm.kind for alarm in status.ledger.alarms})[:32],
            "service": "out_of_service" if self._store.progress.out_of_service() else "in_service",
            "roster_version": self._store.progress.roster_version(),
            "templates": sum(self._store.templates.counts_by_model().values()),
        }

    def _board(self) -> dict[str, Any]:
        warmest = max((celsius for celsius, _ in thermal_zones(self._root)), default=None)
        try:
            disk = shutil.disk_usage(self._store.database.path.parent)
        except OSError:
            disk = None
        return {
            "disk_free_bytes": None if disk is None else disk.free,
            "disk_total_bytes": None if disk is None else disk.total,
            "temperature_mc": None if warmest is None else round(warmest * MILLI),
            "throttled": throttled(self._root),
        }
