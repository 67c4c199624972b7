"""The office itself: its sites, its folders, its processes, and how long it keeps what."""

import ipaddress
from datetime import date
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, field_validator

from clockface.config import Section, Slug, TimeZone
from sync.connection import TlsFiles, tls_files


def _listening_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("not an IP address, such as 127.0.0.1 or ::1") from None


class SiteConfig(Section):
    """A site: whose day begins when, and which days are holidays."""

    name: Slug = Field(description="The site's name, as in topics and certificates.")
    timezone: TimeZone = Field(description="Its time zone, as in the IANA database (Europe/Madrid).")
    holidays: tuple[date, ...] = Field(default=(), description="Days that reports mark as holidays.")
    holidays_file: Path | None = Field(
        default=None, description="A text file with more of them, one date a line; # begins a remark."
    )


class OfficeSection(Section):
    """Who this office is, and which sites report to it."""

    name: Slug = Field(
        default="office", description="The office's name in its session at the broker and in its messages."
    )
    sites: tuple[SiteConfig, ...] = Field(
        default=(), description="The sites of which reports are made; events of every site are stored."
    )

    @field_validator("sites")
    @classmethod
    def _each_once(cls, value: tuple[SiteConfig, ...]) -> tuple[SiteConfig, ...]:
        if len({site.name for site in value}) != len(value):
            raise ValueError("a site is listed twice")
        return value


class PathsConfig(Section):
    """Where keys and certificates are kept."""

    state: Path = Field(
        default=Path("/var/lib/clockface-office"),
        description="Folder of the office's own files; its keys lie in keys/, mode 0700.",
    )
    operator_key: Path | None = Field(
        default=None,
        description="The key that signs commands and roster; unset where it has no business, as on the "
        "receiver's machine.",
    )
    tls: Path = Field(
        default=Path("/etc/clockface/tls"), description="Folder with office.key, office.crt and ca.crt."
    )

    @property
    def online_key(self) -> Path:
        """The key that signs acknowledgements and receipts."""
        return self.state / "keys" / "online_key"

    @property
    def sealing_key(self) -> Path:
        """The key that opens what devices seal for the office."""
        return self.state / "keys" / "sealing_key"

    @property
    def tls_files(self) -> TlsFiles:
        """The office's key and certificate, and the authorities that it believes."""
        return tls_files(self.tls, name="office")


class ReceiverConfig(Section):
    """How events come in, and when they are acknowledged."""

    share_group: str = Field(
        default="",
        pattern=r"^(?:[a-z0-9-]{16,40})?$",  # a device that knew it could join the group and starve it
        description="Receivers of the same group share the events among themselves; empty: a subscription "
        "of its own. A secret: make it with 'openssl rand -hex 16' (docs/broker.md says why).",
    )
    batch_events: int = Field(default=500, ge=1, le=10_000, description="Most events in one transaction.")
    batch_wait_ms: int = Field(
        default=50, ge=0, le=10_000, description="Longest time that a transaction waits for more, milliseconds."
    )
    ack_interval_ms: int = Field(
        default=200,
        ge=0,
        le=60_000,
        description="Least time between two acknowledgements to one device, milliseconds; the newest counts. "
        "One for 500 events goes out at once.",
    )
    silent_after_s: float = Field(
        default=900.0,
        ge=10.0,
        le=604_800.0,
        description="A device of which nothing was heard for this long is reported, seconds.",
    )


class SignerConfig(Section):
    """The process with the operator's key."""

    poll_s: float = Field(
        default=1.0,
        ge=0.1,
        le=3600.0,
        description="How often it looks for roster changes that are not signed yet, seconds.",
    )
    receipt_alarm_h: float = Field(
        default=24.0,
        ge=0.01,
        le=8760.0,
        description="A kiosk that has not confirmed an erasure after this long is reported, hours.",
    )


FEWEST_ATTENDANCE_DAYS: Final = 31


def _long_enough(days: int) -> int:
    if 0 < days < FEWEST_ATTENDANCE_DAYS:
        raise ValueError(f"at least {FEWEST_ATTENDANCE_DAYS} days, or 0 for ever")
    return days


class RetentionSection(Section):
    """How long things stay. The signer removes what is over; the audit trail stays."""

    attendance_days: Annotated[int, AfterValidator(_long_enough)] = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Attendance events and decided correction requests, days; at least 31, and 0 keeps them "
        "for ever. The law says how long they must be kept. 'clockface-office privacy policy' decides "
        "otherwise for a site.",
    )

    closed_sheets_days: Annotated[int, AfterValidator(_long_enough)] = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Closed pay periods' sheets, days since the period ended; at least 31, and 0 keeps them "
        "for ever. Period, SHA-256 and who closed it stay.",
    )
    quarantine_days: int = Field(
        default=30, ge=1, le=3650, description="Messages that were refused, days since they came last."
    )
    crash_reports_days: int = Field(default=90, ge=1, le=3650, description="Crash reports of kiosks, days.")
    parcels_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="What a dealt-with parcel carried (support bundles, certificate requests), days.",
    )
    alarms_days: int = Field(default=365, ge=1, le=3650, description="Alarms, days since they were cleared.")


class MetricsConfig(Section):
    """Where metrics and the health check are served, in plain HTTP: keep it on this machine."""

    host: Annotated[str, AfterValidator(_listening_address)] = Field(
        default="127.0.0.1", description="IP address to listen on."
    )
    port: int = Field(default=9464, ge=0, le=65_535, description="TCP port; 0 takes a free one.")
