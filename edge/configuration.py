"""Where edge's configuration is read from: a TOML file, the office's settings over it, then `CLOCKFACE_*`.

The office may change what is the employer's to decide and can harm neither device nor identification: a stolen
operator key must not loosen a threshold or open a socket. Everything else is the installer's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from clockface.configuration import ConfigReader, Layer
from edge.config.tree import Config

OFFICE_MAY: Final[Mapping[str, str]] = {
    "attendance.direction": "whether this kiosk records arrivals, departures or both",
    "attendance.sole_kiosk": "only the office knows how many kiosks the site has",
    "attendance.repeat_s": "payroll's rule",
    "attendance.day_starts": "payroll's rule",
    "attendance.shift_slack_s": "payroll's rule",
    "attendance.open_for_s": "payroll's rule",
    "attendance.shifts": "the site's shifts are planned in the office",
    "attendance.work_codes": "the codes that payroll knows",
    "enrolment.consent_text_version": "the employer's consent text",
    "logging.level": "for support; no log line holds personal data at any level",
}
OFFICE_FILE: Final = "office-settings.toml"

READER = ConfigReader(
    model=Config,
    prefix="CLOCKFACE_",
    default_path=Path("/etc/clockface/clockface.toml"),
    check_command="clockface config check",
    neighbours=("CLOCKFACE_SCREEN_", "CLOCKFACE_SYNC_", "CLOCKFACE_OFFICE_"),
    layer=Layer(name="office", folder="paths.state", file=OFFICE_FILE, may=frozenset(OFFICE_MAY)),
)
