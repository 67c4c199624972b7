"""The office's configuration as one frozen, typed tree, and where it is read from."""

from pathlib import Path

from clockface.config import LoggingConfig, Section, SentryConfig
from clockface.configuration import ConfigReader
from sync.connection import BrokerConfig
from sync.office.config.alerts import AlertsConfig
from sync.office.config.database import DatabaseConfig
from sync.office.config.office import (
    MetricsConfig,
    OfficeSection,
    PathsConfig,
    ReceiverConfig,
    RetentionSection,
    SignerConfig,
)


class OfficeConfig(Section):
    """The tree. Each section is a table of the TOML file."""

    office: OfficeSection = OfficeSection()
    database: DatabaseConfig = DatabaseConfig()
    paths: PathsConfig = PathsConfig()
    broker: BrokerConfig
    receiver: ReceiverConfig = ReceiverConfig()
    signer: SignerConfig = SignerConfig()
    retention: RetentionSection = RetentionSection()
    metrics: MetricsConfig = MetricsConfig()
    alerts: AlertsConfig = AlertsConfig()
    sentry: SentryConfig = SentryConfig()
    logging: LoggingConfig = LoggingConfig()


READER = ConfigReader(
    model=OfficeConfig,
    prefix="CLOCKFACE_OFFICE_",
    default_path=Path("/etc/clockface/office.toml"),
    check_command="clockface-office config check",
    also=("OFFICE_DB_",),
)
