"""Whether the clock can be believed, which zone it is shown in, and whether it ran back behind the ledger."""

from datetime import datetime, timedelta
from pathlib import Path

from edge.board import read
from edge.clock import RELEASED
from edge.doctor.findings import Finding, fail, ok, warn
from edge.types.clock import ClockTrust, Instant

SET_THE_TIME = (
    "timedatectl timesync-status; open UDP port 123 or name a time server in /etc/systemd/timesyncd.conf"
)
FUTURE_TOLERANCE = timedelta(minutes=2)


def check_trust(shown: datetime, instant: Instant, root: Path) -> Finding:
    """How far the wall clock is trusted.

    Args:
        shown: What the system's clock shows.
        instant: The daemon's reading, or one made now.
        root: Where /sys is.
    """
    if shown < RELEASED:
        return fail(
            f"the clock shows {shown:%Y-%m-%d}, before this release was made ({RELEASED:%Y-%m-%d})",
            SET_THE_TIME,
        )
    battery = any((root / "sys/class/rtc").glob("rtc*"))
    if instant.trust is ClockTrust.SYNCHRONISED:
        return ok(f"synchronised, {instant.wall:%Y-%m-%d %H:%M:%S} UTC")
    if instant.trust is ClockTrust.HOLDOVER:
        return warn("holdover: synchronised earlier in this boot, not now", SET_THE_TIME)
    kept = (
        "a clock chip is there, check its battery" if battery else "no clock chip keeps it through a power cut"
    )
    return warn(
        f"unsynchronised; {kept}; records are marked so, and corrected once the time is known", SET_THE_TIME
    )


def check_zone(zone: str, instant: Instant, root: Path) -> Finding:
    """Which zone days and shifts are counted in, and whether it is the system's."""
    hours = instant.utc_offset_s / 3600
    found = f"{zone}, UTC{hours:+.4g} h now"
    system = read(root / "etc/timezone")
    if zone == "UTC":
        return warn(f"{found}: the default", "set device.timezone to the site's zone, such as Europe/Madrid")
    if system and system != zone:
        return warn(f"{found}; the system's own zone is {system[:60]}", f"sudo timedatectl set-timezone {zone}")
    return ok(found)


def check_jumps(now: datetime, ahead: datetime | None) -> Finding:
    """Whether the ledger holds records of the future, which means that the clock was or is wrong.

    Args:
        now: The present.
        ahead: Time of a record more than `FUTURE_TOLERANCE` later than now; None if there is none.
    """
    if ahead is None:
        return ok("no record of the ledger lies ahead of the clock")
    return warn(
        f"a record of the ledger lies {(ahead - now).total_seconds() / 3600:.1f} h ahead of the clock: "
        "the clock ran ahead then, or is behind now",
        "timedatectl; clockface attendance list --json shows how far the clock was trusted",
    )
