"""The office's configuration, as one frozen, typed tree: /etc/clockface/office.toml, then the environment.

Every field has a unit, bounds and a description, and something that it changes; unknown keys are errors.
docs/configuration.md is generated from this file. How PostgreSQL is reached is given by the variables
OFFICE_DB_* alone, so that its password stands in no file of settings; it is in no repr, log or argument either.
"""

import ipaddress
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator, model_validator

from clockface.config import LoggingConfig, Section, SentryConfig, Slug, TimeZone
from clockface.configuration import ConfigReader
from sync.connection import BrokerConfig, TlsFiles, checked_host, tls_files

SYSTEM_AUTHORITIES = "system"  # libpq's word for the operating system's certificate authorities
_DATABASE_NAME = (
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$"  # libpq would take a name with = or :// for more than a name
)
_DATABASE_USER = r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}$"


def _database_host(text: str) -> str:
    if not text.startswith("/"):
        return checked_host(text)
    if not re.fullmatch(r"/[A-Za-z0-9_./-]{1,80}", text):  # libpq takes a comma for the start of another host
        raise ValueError("a unix socket's folder is at most 81 letters, digits and / . _ -")
    return text


def _listening_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("not an IP address, such as 127.0.0.1 or ::1") from None


def _mail_address(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not at or not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", local):
        raise ValueError("not an e-mail address, such as clockface@example.com")
    checked_host(domain)
    return text


MailAddress = Annotated[str, AfterValidator(_mail_address)]


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


class DatabaseConfig(Section):
    """The office's database. Over the network PostgreSQL is reached with sslmode verify-full, always.

    With `engine = "postgresql"` all OFFICE_DB_* variables must be given, but for OFFICE_DB_PASSWORD where
    OFFICE_DB_HOST is a unix socket's folder; with "sqlite" none may be.
    """

    engine: Literal["sqlite", "postgresql"] = Field(
        default="sqlite", description="sqlite: one file, one receiver. postgresql: a server, several receivers."
    )
    path: Path = Field(
        default=Path("/var/lib/clockface-office/office.db"), description="sqlite: the file; mode 0600."
    )
    host: Annotated[str, AfterValidator(_database_host)] | None = Field(
        default=None,
        description="postgresql: one host name, IP address, or the folder of a unix socket (begins with /).",
        json_schema_extra={"variable": "OFFICE_DB_HOST"},
    )
    name: Annotated[str, StringConstraints(pattern=_DATABASE_NAME)] | None = Field(
        default=None,
        description="postgresql: the database's name.",
        json_schema_extra={"variable": "OFFICE_DB_NAME"},
    )
    user: Annotated[str, StringConstraints(pattern=_DATABASE_USER)] | None = Field(
        default=None,
        description="postgresql: the role to log in as.",
        json_schema_extra={"variable": "OFFICE_DB_USER"},
    )
    password: Annotated[SecretStr, Field(min_length=1, max_length=1024)] | None = Field(
        default=None,
        description="postgresql: its password.",
        json_schema_extra={"variable": "OFFICE_DB_PASSWORD"},
    )
    port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        default=None,
        description="postgresql: the TCP port, also the unix socket's number.",
        json_schema_extra={"variable": "OFFICE_DB_PORT"},
    )
    conn_max_age_s: Annotated[int, Field(ge=0, le=604_800)] | None = Field(
        default=None,
        description="postgresql: age at which a connection is not used again, seconds; 0 opens one for each "
        "transaction.",
        json_schema_extra={"variable": "OFFICE_DB_CONN_MAX_AGE"},
    )
    sslrootcert: str = Field(
        default="",
        max_length=1000,
        description="postgresql over the network: the PEM file of the authorities that its certificate must "
        'lead to, or "system" for the operating system\'s.',
    )

    @property
    def over_socket(self) -> bool:
        """Whether PostgreSQL is on this machine, behind a unix socket."""
        return self.host is not None and self.host.startswith("/")

    @field_validator("sslrootcert")
    @classmethod
    def _a_file_or_the_system(cls, value: str) -> str:
        if value not in ("", SYSTEM_AUTHORITIES) and not value.startswith("/"):
            raise ValueError(f'an absolute path, or "{SYSTEM_AUTHORITIES}"')
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        values = {_variable(name): getattr(self, name) for name in _SERVER_FIELDS}
        if self.engine == "sqlite":
            idle = [variable for variable, value in values.items() if value is not None]
            idle += ["sslrootcert"] if self.sslrootcert else []
            if idle:
                raise ValueError(f'{", ".join(idle)} change nothing with engine = "sqlite": unset them')
            return self
        missing = [variable for variable, value in values.items() if value is None]
        if self.over_socket:
            missing = [variable for variable in missing if variable != _variable("password")]
        if missing:
            raise ValueError(f'engine = "postgresql" needs {", ".join(missing)}: nothing of it has a default')
        if self.over_socket == bool(self.sslrootcert):
            raise ValueError(
                "sslrootcert changes nothing with a unix socket: unset it"
                if self.over_socket
                else 'PostgreSQL over the network needs sslrootcert: a PEM file, or "system"'
            )
        return self


_SERVER_FIELDS = ("host", "name", "user", "password", "port", "conn_max_age_s")


def _variable(name: str) -> str:
    return f"OFFICE_DB_{name.removesuffix('_s').upper()}"


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
    """How long things stay. The signer removes what is over; closed sheets and the audit trail stay."""

    attendance_days: Annotated[int, AfterValidator(_long_enough)] = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Attendance events and decided correction requests, days; at least 31, and 0 keeps them "
        "for ever. The law says how long they must be kept. 'clockface-office privacy policy' decides "
        "otherwise for a site.",
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


class EmailConfig(Section):
    """Alarms by e-mail, over TLS with verification only."""

    host: str = Field(default="", description="The mail server; empty sends no e-mail.")
    port: int = Field(default=587, ge=1, le=65_535, description="Its TCP port.")
    security: Literal["starttls", "tls"] = Field(
        default="starttls", description="starttls: TLS after the greeting (port 587). tls: at once (port 465)."
    )
    sender: MailAddress | None = Field(default=None, description="Whom alarms come from.")
    recipients: tuple[MailAddress, ...] = Field(
        default=(), max_length=20, description="Whom alarms go to, at most 20."
    )
    username: str = Field(
        default="", max_length=200, description="Whom we log in as, after TLS; empty does not log in."
    )
    password_file: Path | None = Field(
        default=None, description="A file with the password, mode 0400; goes with username."
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities that the server's certificate must lead to; unset: the "
        "operating system's.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.host) != bool(self.sender) or bool(self.host) != bool(self.recipients):
            raise ValueError("host, sender and recipients are given together, or none of them")
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("username and password_file are given together, or none of them")
        if not self.host and (self.username or self.ca_file is not None):
            raise ValueError("username and ca_file change nothing without host: unset them")
        if self.host:
            checked_host(self.host)
        return self


class WebhookConfig(Section):
    """Alarms as JSON to a web server of yours."""

    url: SecretStr = Field(
        default=SecretStr(""),
        description="Its https address, masked when shown because many carry a token; empty sends none.",
    )
    secret_file: Path | None = Field(
        default=None,
        description="A file with a secret, mode 0400, by which each message is signed (HMAC-SHA-256 in the "
        "header Clockface-Signature); unset signs none.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities that the server's certificate must lead to; unset: the "
        "operating system's.",
    )

    @field_validator("url")
    @classmethod
    def _https_only(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text:
            return value
        parts = urlsplit(text)  # raises ValueError for what is no URL
        if (
            parts.scheme != "https"
            or "@" in parts.netloc
            or parts.fragment
            or not text.isascii()
            or " " in text
        ):
            raise ValueError("an https address without user, password, spaces and #")
        if len(text) > 2000:
            raise ValueError("at most 2000 characters")
        checked_host(parts.hostname or "")
        _ = parts.port  # raises ValueError where it is none
        return value

    @model_validator(mode="after")
    def _nothing_idle(self) -> Self:
        if not self.url.get_secret_value() and (self.secret_file is not None or self.ca_file is not None):
            raise ValueError("secret_file and ca_file change nothing without url: unset them")
        return self


class AlertsConfig(Section):
    """Whom gaps, forks and silent devices are told to, beside log and metrics."""

    email: EmailConfig = EmailConfig()
    webhook: WebhookConfig = WebhookConfig()


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
