"""How the daemon is, for `clockface status`, doctor and telemetry: numbers, states and hashes.

Trust boundary: it leaves the device through sync, so nothing in it may say anything of a person.
"""

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from edge import __version__
from edge.api.protocol.fields import OFFERED_WAYS
from edge.api.protocol.status import (
    AlarmView,
    ClockStatus,
    GalleryStatus,
    LedgerStatus,
    ModelStatus,
    OfficeStatus,
    SignalStatus,
    StageTiming,
    Status,
)
from edge.api.views import camera_status
from edge.config.tree import Config
from edge.daemon.courier_link import CourierLink
from edge.daemon.intents import CHOSEN_DIRECTIONS
from edge.inference.chain import Models, configured_models
from edge.inference.liveness import liveness_models
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.pipeline import Recogniser
from edge.ports import Camera, Clock
from edge.signals.signals import SignalHealth
from edge.store.store import Store


class FaceParts(Protocol):
    """The face path in service: what enrolment and status need of it."""

    @property
    def models(self) -> Models:
        """The open models."""
        ...

    @property
    def recogniser(self) -> Recogniser:
        """The pipeline with its galleries."""
        ...


class Condition:
    """Answers for the daemon's state.

    Args:
        config: The configuration.
        store: The ledger.
        clock: Source of time.
        face_path: Models and pipeline; None while the face path is out of service.
        fault: Why it is out of service; None while it is well.
        camera: For its health.
        link: What is known of the way to the office.
        site_key: Names the site key that seals templates; None without one.
        signals: How light, buzzer, door and sound are.
        ways: What the kiosk offers besides the face.
    """

    def __init__(  # noqa: PLR0913 - its seams, each named
        self,
        *,
        config: Config,
        store: Store,
        clock: Clock,
        face_path: FaceParts | None,
        fault: str | None,
        camera: Camera,
        link: CourierLink | None = None,
        site_key: str | None = None,
        signals: Callable[[], tuple[SignalHealth, ...]] = tuple,
        ways: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._face_path = face_path
        self._fault = fault
        self._camera = camera
        self._link = CourierLink(clock) if link is None else link
        self._site_key = site_key
        self._signals = signals
        self._ways = ways
        self._began_s = clock.now().boottime_s
        self._models = () if face_path is None else running_models(config)

    def status(self) -> Status:
        """How the daemon is; no personal data."""
        now = self._clock.now()
        return Status(
            version=__version__,
            device=self._config.device.name,
            site=self._config.device.site,
            pid=os.getpid(),
            uptime_s=max(0.0, now.boottime_s - self._began_s),
            resident_mb=resident_mb(),
            camera=camera_status(self._camera.health(), source=self._config.camera.source),
            liveness_policy=self._config.liveness.policy,
            fault=self._fault,
            models=self._models,
            galleries=self._galleries(),
            ledger=self._ledger(),
            office=self._office(),
            retired=self._store.events.retired(),
            clock=ClockStatus(
                wall=now.wall,
                utc_offset_s=now.utc_offset_s,
                boottime_s=now.boottime_s,
                trust=now.trust.value,
            ),
            stages=self._stages(),
            signals=tuple(
                SignalStatus(name=each.name, problem=None if each.problem is None else each.problem[:600])
                for each in self._signals()
            ),
            ways=tuple(way for way in OFFERED_WAYS if way in self._ways()),
            directions=self._config.attendance.direction in CHOSEN_DIRECTIONS,
            work_codes=self._config.attendance.work_codes,
            consent_text_version=self._config.enrolment.consent_text_version,
        )

    def _galleries(self) -> tuple[GalleryStatus, ...]:
        if self._face_path is None:
            return ()
        recogniser = self._face_path.recogniser
        thresholds = recogniser.thresholds
        return tuple(
            GalleryStatus(
                model_hash=model_hash,
                people=gallery.people,
                templates=len(gallery),
                threshold=thresholds[model_hash].score,
                threshold_supported=thresholds[model_hash].supported,
            )
            for model_hash, gallery in recogniser.galleries.items()
        )

    def _ledger(self) -> LedgerStatus:
        head, pending = self._store.events.head(), self._store.frontier.pending()
        return LedgerStatus(
            epoch=head.epoch,
            seq=head.seq,
            events=self._store.events.count(),
            pending=pending.events,
            oldest_pending_at=pending.oldest_at,
            people=self._store.people.count(),
            alarms=tuple(
                AlarmView(kind=each.kind, detail=each.detail, raised_at=each.raised_at)
                for each in self._store.alarms.raised()[:100]
            ),
        )

    def _office(self) -> OfficeStatus:
        office, closure = self._store.office.current(), self._store.noticeboard.closure()
        return OfficeStatus(
            name=None if office is None else office.name,
            parcels_pending=self._store.parcels.count(),
            roster_version=self._store.progress.roster_version(),
            out_of_service=None if closure is None else closure.reason,
            site_key=self._site_key,
            templates_waiting=self._store.site.sealed_count(),
            link=self._link.status(),
            acknowledged_at=self._link.acknowledged_at,
        )

    def _stages(self) -> tuple[StageTiming, ...]:
        if self._face_path is None:
            return ()
        costs = self._face_path.recogniser.times.costs()
        return tuple(
            StageTiming(stage=stage.value, median_ms=cost.median_ms, p95_ms=cost.p95_ms, count=cost.runs)
            for stage, cost in costs.items()
        )


def running_models(config: Config) -> tuple[ModelStatus, ...]:
    """The models that the configuration lets run, each with the SHA-256 that its load has checked."""
    specs = ModelStore(config.paths.models or SHIPPED_MODELS).specs
    names = (*configured_models(config.inference), *liveness_models(config.liveness))
    return tuple(ModelStatus(name=name, sha256=specs[name].sha256) for name in names if name in specs)


def resident_mb(statm: Path = Path("/proc/self/statm")) -> float:
    """Resident memory of this process, MB."""
    try:
        pages = int(statm.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # the peak: better than nothing
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
