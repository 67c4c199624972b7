"""The sections and types that the configuration trees of all processes share.

Every field has a unit, bounds and a description, and something that it changes; unknown keys are errors. Pure.
"""

import os
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

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
