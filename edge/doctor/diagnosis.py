"""What doctor finds, for a support bundle: the daemon asks about itself while it runs.

Left out is what would take long or wait for the daemon's own lock: the whole ledger's check.
"""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from edge import __version__
from edge.api.client import EdgeClient
from edge.api.protocol.status import Status
from edge.camera.select import open_camera
from edge.clock import SystemClock, system_wall
from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.examination import Site, all_checks
from edge.doctor.findings import run_checks

_LONG = frozenset({"ledger"})
_TIMEOUT_S = 5.0


def diagnose(config: Config, environment: Mapping[str, str], status: Status) -> list[dict[str, str]]:
    """Run the checks that a running daemon can answer; findings carry no personal data."""
    with EdgeClient(config.paths.run, timeout_s=_TIMEOUT_S) as client:
        site = Site(
            config=config,
            described="as the daemon read it",
            environment=environment,
            daemon=Daemon(client, status, None),
            version=__version__,
            shown=system_wall(),
            instant=SystemClock(zone=ZoneInfo(config.device.timezone)).now(),
            open_camera=open_camera,
            root=Path("/"),
        )
        checks = [check for check in all_checks(site) if check.name not in _LONG]
        return [
            {"name": answer.name, "status": answer.finding.health.value, "found": answer.finding.found}
            for answer in run_checks(checks)
        ]
