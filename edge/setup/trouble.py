"""What to look at when a test event did not come back: certificate, clock, courier, in that order.

Why here: the courier holds the network and edge does not, so this side can only say what it sees itself and
what systemd was told by the courier. Trust boundary: systemd's status line is printed only through `printable`.
"""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

from clockface.cli.terminal import printable
from edge.api.protocol.status import Status
from edge.doctor.findings import Health
from edge.doctor.site import check_certificate
from edge.provisioning import CERTIFICATE_FILE

COURIER = "clockface-sync.service"
BY_HAND = "journalctl -u clockface-sync -n 20; where systemd does not run: the output of clockface-sync run"


def suspects(*, tls: Path, status: Status, now: datetime, courier: str) -> tuple[str, ...]:
    """What may be wrong and what to type, the likeliest first.

    Args:
        tls: Folder of the courier's certificate.
        status: The daemon's.
        now: Aware.
        courier: What `courier_status` said; empty where nobody could say.
    """
    found = []
    certificate = check_certificate(tls / CERTIFICATE_FILE, now=now)
    if certificate.health is not Health.OK:
        found.append(f"certificate: {certificate.found}. Next: {certificate.advice or f'ls -l {tls}'}")
    if status.office.name is None:
        found.append("no office is believed here. Next: clockface provision apply BUNDLE")
    if status.clock.trust == "unsynchronised":
        found.append(
            f"clock: {status.clock.wall:%Y-%m-%d %H:%M} and not synchronised; with a wrong clock the "
            "broker's certificate does not hold. Next: timedatectl"
        )
    found.append(f"courier: {courier or 'not seen from here'}. Next: {BY_HAND}")
    return tuple(found)


def courier_status() -> str:
    """The courier's state and what it last told systemd; empty where systemd cannot be asked."""
    asked = shutil.which("systemctl")
    if asked is None or not Path("/run/systemd/system").is_dir():
        return ""
    try:
        done = subprocess.run(
            [asked, "show", "-p", "ActiveState", "-p", "StatusText", "--value", COURIER],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return printable(", ".join(line for line in done.stdout.splitlines() if line))[:300]
