"""The sections and types that the configuration trees of all processes share.

Every field has a unit, bounds and a description, and something that it changes; unknown keys are errors. Pure.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

MAX_SOCKET_BYTES = 107  # sun_path of Linux less its final zero


def _socket_path(value: Path) -> Path:
    if len(os.fsencode(value)) > MAX_SOCKET_BYTES:
        raise ValueError(f"a unix socket's path must be at most {MAX_SOCKET_BYTES} bytes long")
    return value


def _room_for_socket_names(value: Path) -> Path:
    if len(os.fsencode(value)) > 90:
        raise ValueError("at most 90 bytes, so that the sockets' paths fit into the kernel's 107")
    return value


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not a time zone of the IANA database, such as Europe/Madrid") from error
    return value


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")]
SocketPath = Annotated[Path, AfterValidator(_socket_path)]
SocketFolder = Annotated[Path, AfterValidator(_room_for_socket_names)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]


class Section(BaseModel):
    """A part of a tree: frozen, no unknown keys, finite numbers, defaults checked too."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class LoggingConfig(Section):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is written."
    )
    form: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: readable on a terminal, JSON otherwise."
    )


class SentryConfig(Section):
    """Where crashes are told to besides the office: classes and places in our code, nothing of people."""

    dsn: SecretStr = Field(
        default=SecretStr(""),
        description="The project's address at a Sentry server, https only; empty sends nothing.",
    )
    environment: Slug = Field(
        default="production", description="What reports are filed under, such as production or trial."
    )
    queue_events: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="Reports (events, in its words) that wait in memory while the server cannot be reached; "
        "then the oldest go.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities that the server's certificate must lead to; unset: the "
        "operating system's.",
    )

    @field_validator("dsn")
    @classmethod
    def _https_only(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text:
            return value
        parts = urlsplit(text)  # raises ValueError for what is no URL
        whole = (
            parts.scheme == "https"
            and re.fullmatch(r"[A-Za-z0-9]{1,64}", parts.username or "")
            and parts.password is None
            and re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", parts.hostname or "")
            and re.fullmatch(r"(?:/[A-Za-z0-9._-]{1,64}){0,4}/[0-9]{1,20}", parts.path)
            and not (parts.query or parts.fragment)
        )
        if not whole:
            raise ValueError("not an https address such as https://PUBLICKEY@sentry.example.com/12")
        _ = parts.port  # raises ValueError where it is none
        return value

    @model_validator(mode="after")
    def _nothing_idle(self) -> Self:
        if not self.dsn.get_secret_value() and self.ca_file is not None:
            raise ValueError("ca_file changes nothing without dsn: unset it")
        return self
