"""Whom gaps, forks and silent devices are told to: by mail, by webhook."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from clockface.config import Section
from sync.connection import checked_host


def _mail_address(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not at or not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", local):
        raise ValueError("not an e-mail address, such as clockface@example.com")
    checked_host(domain)
    return text


MailAddress = Annotated[str, AfterValidator(_mail_address)]


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
