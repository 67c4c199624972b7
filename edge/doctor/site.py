"""Whether the courier's certificate still holds, and whether templates can reach the site's other kiosks."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Finding, fail, not_available, ok, warn

TLS_CERTIFICATE = "device.crt"  # in the courier's folder
WARN_DAYS = 30
MAX_BYTES = 64 * 1024
RENEW = "systemctl status clockface-sync; where it does not renew by itself: clockface provision request"


def check_certificate(path: Path, *, now: datetime) -> Finding:
    """How many days the courier's TLS certificate still holds."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES)
    except FileNotFoundError:
        return not_available(f"{path} is not there: the device is not provisioned")
    except OSError:
        return not_available(f"{path} cannot be read by this account; run doctor as the courier's")
    try:
        ends = x509.load_pem_x509_certificate(raw).not_valid_after_utc
    except ValueError:
        return fail(f"{path} is not a certificate", "clockface provision apply, with the office's bundle")
    days = (ends - now).days
    if ends <= now:
        return fail(f"{path} expired on {ends:%Y-%m-%d}: nothing reaches the office", RENEW)
    if days < WARN_DAYS:
        return warn(f"{path} expires in {days} days, on {ends:%Y-%m-%d}", RENEW)
    return ok(f"{path} holds for {days} days")


def check_site_key(config: Config, daemon: Daemon) -> Finding:
    """Whether a site of several kiosks has the key under which templates travel."""
    if daemon.status is None:
        return not_available("known when the daemon runs")
    office = daemon.status.office
    if office.templates_waiting:
        return warn(
            f"{office.templates_waiting} templates came under a site key that is not on this kiosk",
            "on a kiosk that has it: clockface site wrap; here: clockface site accept, then restart the daemon",
        )
    if office.site_key is not None:
        return ok(f"{office.site_key[:12]} seals templates for the site's other kiosks")
    if config.attendance.sole_kiosk:
        return ok("none, and none is needed: this is the site's only kiosk")
    return warn(
        "none: who is enrolled here is not recognised on the site's other kiosks",
        "clockface site init on the first kiosk; then clockface site wrap there and clockface site accept here",
    )
