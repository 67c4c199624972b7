"""All checks in their order. Each is given what it looks at; nothing here looks by itself.

Where the configuration is broken, only what does not need one is checked: the machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from edge.api.protocol.exchange import Role
from edge.board import read
from edge.config.camera import CameraConfig
from edge.config.tree import Config
from edge.doctor.backup import check_backup
from edge.doctor.camera import check_camera
from edge.doctor.courier import tls_folder
from edge.doctor.daemon import Daemon, check_alarms, check_daemon, check_recognition
from edge.doctor.disk import check_mount, check_space, check_wear
from edge.doctor.findings import Check, Finding, not_available, ok
from edge.doctor.heat import check_temperature, check_throttling
from edge.doctor.ledger import check_delivery, check_ledger
from edge.doctor.memory import check_memory, check_swap
from edge.doctor.models import check_liveness, check_models, check_operating_point, check_runtime
from edge.doctor.secrets import check_keys
from edge.doctor.signals import check_signals
from edge.doctor.site import TLS_CERTIFICATE, check_certificate, check_site_key
from edge.doctor.sockets import check_folder, check_socket
from edge.doctor.time_of_day import FUTURE_TOLERANCE, check_jumps, check_trust, check_zone
from edge.ports import Camera
from edge.types.clock import ClockTrust, Instant


@dataclass(frozen=True, slots=True)
class Site:
    """What doctor examines.

    Args:
        config: The configuration.
        described: Where it came from, in words.
        environment: The process's environment.
        daemon: The daemon, met already.
        version: Of this command.
        shown: What the system's clock shows.
        instant: The clock's reading, with its trust.
        open_camera: Opens the configured camera.
        root: Where /proc, /sys and /etc are.
        config_path: The configuration's file, if one was read.
    """

    config: Config
    described: str
    environment: Mapping[str, str]
    daemon: Daemon
    version: str
    shown: datetime
    instant: Instant
    open_camera: Callable[[CameraConfig], Camera]
    root: Path = Path("/")
    config_path: Path | None = None

    @property
    def tls(self) -> Path:
        """The courier's folder of key and certificates, as its own configuration says."""
        return tls_folder(self.config_path, self.environment, root=self.root)


def all_checks(site: Site) -> tuple[Check, ...]:
    """Every check, in the order in which a person would look."""
    return (
        Check("config", lambda: ok(site.described)),
        Check("daemon", lambda: check_daemon(site.daemon, version=site.version)),
        Check("recognition", lambda: check_recognition(site.daemon)),
        *_doors(site),
        Check("camera", lambda: check_camera(site.config.camera, site.daemon, open_camera=site.open_camera)),
        Check("runtime", lambda: check_runtime(site.config)),
        Check("models", lambda: check_models(site.config)),
        Check("operating_point", lambda: check_operating_point(site.config, site.daemon)),
        Check("signals", lambda: check_signals(site.config, site.daemon, root=site.root)),
        Check("liveness", lambda: check_liveness(site.config)),
        Check("keys", lambda: check_keys(site.config, site.environment, site.daemon, root=site.root)),
        Check("ledger", lambda: check_ledger(site.config, site.environment, site.daemon)),
        Check("delivery", lambda: check_delivery(site.daemon)),
        Check("certificate", lambda: check_certificate(site.tls / TLS_CERTIFICATE, now=site.instant.wall)),
        Check("backup", lambda: check_backup(site.config.paths.state, now=site.instant.wall)),
        Check("site_key", lambda: check_site_key(site.config, site.daemon)),
        Check("alarms", lambda: check_alarms(site.daemon)),
        *_disk(site),
        *_clock(site),
        *machine_checks(site.root),
    )


def machine_checks(root: Path) -> tuple[Check, ...]:
    """What can be checked without a configuration."""
    return (
        Check("temperature", lambda: check_temperature(root)),
        Check("throttling", lambda: check_throttling(root)),
        Check("memory", lambda: check_memory(root)),
        Check("swap", lambda: check_swap(root)),
    )


def _doors(site: Site) -> tuple[Check, ...]:
    run = site.config.paths.run
    if site.daemon.down:
        return (Check("sockets", lambda: not_available("the daemon makes them when it runs")),)
    sockets = (
        Check(f"sockets.{role.value}", partial(check_socket, run, role, site.config.api)) for role in Role
    )
    return (Check("sockets", lambda: check_folder(run)), *sockets)


def _disk(site: Site) -> tuple[Check, ...]:
    state = site.config.paths.state
    return (
        Check("disk.space", lambda: check_space(state)),
        Check("disk.mount", lambda: check_mount(state, mounts=read(site.root / "proc/self/mounts") or "")),
        Check("disk.wear", lambda: check_wear(site.root)),
    )


def _clock(site: Site) -> tuple[Check, ...]:
    status = site.daemon.status
    trust = site.instant.trust if status is None else ClockTrust(status.clock.trust)
    return (
        Check("clock.trust", lambda: check_trust(site.shown, replace(site.instant, trust=trust), site.root)),
        Check("clock.zone", lambda: check_zone(site.config.device.timezone, site.instant, site.root)),
        Check("clock.jumps", lambda: _jumps(site)),
    )


def _jumps(site: Site) -> Finding:
    now = site.instant.wall
    if site.daemon.status is None:
        return not_available("known when the daemon runs")
    return check_jumps(now, site.daemon.record_after(now + FUTURE_TOLERANCE))
