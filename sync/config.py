"""The courier's configuration, as one frozen, typed tree: /etc/clockface/sync.toml, then `CLOCKFACE_SYNC_*`.

Every field has a unit, bounds and a description, and something that it changes; unknown keys are errors.
docs/configuration.md is generated from this file. Nothing secret is a field: the TLS key is a file.
"""

from pathlib import Path

from pydantic import Field

from clockface.config import LoggingConfig, Section, SentryConfig, Slug, SocketFolder
from clockface.configuration import ConfigReader
from sync.connection import BrokerConfig, TlsFiles, tls_files


class DeviceConfig(Section):
    """Which kiosk this is: as in edge's configuration and in the certificate."""

    site: Slug = Field(description="The site's name in topics: lower-case letters, digits, hyphens.")
    name: Slug = Field(description="The device's name, unique in its site.")


class PathsConfig(Section):
    """Where edge and our certificate are found."""

    run: SocketFolder = Field(
        default=Path("/run/clockface"), description="Folder of edge's sockets; at most 90 characters long."
    )
    tls: Path = Field(
        default=Path("/etc/clockface/tls"),
        description="Folder with device.key, device.crt and ca.crt; read again when one of them changes.",
    )

    @property
    def tls_files(self) -> TlsFiles:
        """The device's key and certificate, and the authorities that it believes."""
        return tls_files(self.tls, name="device")


class DeliveryConfig(Section):
    """How events go out, and when they go out again."""

    window_events: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="Events that may be on their way without the office's confirmation.",
    )
    batch_events: int = Field(default=100, ge=1, le=1000, description="Most events in one message.")
    batch_bytes: int = Field(
        default=131_072,
        ge=32_768,
        le=262_144,
        description="Most bytes in one message. The largest event that can be signed always fits.",
    )
    stall_s: float = Field(
        default=60.0,
        ge=2.0,
        le=86_400.0,
        description="Without progress of the office's confirmations for this long, everything unconfirmed is "
        "sent again, seconds.",
    )


class TelemetryConfig(Section):
    """How often the device says how it is."""

    interval_s: float = Field(
        default=60.0,
        ge=1.0,
        le=86_400.0,
        description="Longest time between two messages of telemetry, seconds; a change is told at once.",
    )


class CertificateConfig(Section):
    """When the device's certificate is spoken about, and renewed."""

    warn_days: int = Field(
        default=30, ge=1, le=365, description="Days before its end from which it is warned of."
    )
    renew_days: int = Field(
        default=45,
        ge=0,
        le=365,
        description="Days before its end from which a new one is asked of the office; 0 never asks.",
    )


class SyncConfig(Section):
    """The tree. Each section is a table of the TOML file."""

    device: DeviceConfig
    paths: PathsConfig = PathsConfig()
    broker: BrokerConfig
    delivery: DeliveryConfig = DeliveryConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    certificate: CertificateConfig = CertificateConfig()
    sentry: SentryConfig = SentryConfig()
    logging: LoggingConfig = LoggingConfig()


READER = ConfigReader(
    model=SyncConfig,
    prefix="CLOCKFACE_SYNC_",
    default_path=Path("/etc/clockface/sync.toml"),
    check_command="clockface-sync config check",
)
