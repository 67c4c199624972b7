"""The device itself: its name and folders, its sockets and staff, its trust and its updates."""

from datetime import time
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from clockface.config import Section, Slug, SocketFolder, TimeZone
from edge.config.times import LocalTime


class DeviceConfig(Section):
    """Who and where this kiosk is."""

    site: Slug = Field(
        default="site", description="The site's name in topics and events: lower-case letters, digits, hyphens."
    )
    name: Slug = Field(default="kiosk", description="The device's name, unique in its site.")
    timezone: TimeZone = Field(
        default="UTC", description="The site's time zone, as in the IANA database (Europe/Madrid)."
    )


class PathsConfig(Section):
    """Where things are kept."""

    state: Path = Field(
        default=Path("/var/lib/clockface"), description="Folder of the ledger and the keys; mode 0700."
    )
    run: SocketFolder = Field(
        default=Path("/run/clockface"), description="Folder of the unix sockets; at most 90 characters long."
    )
    models: Path | None = Field(
        default=None, description="Folder with manifest.toml; unset means the one that Clockface ships."
    )


class KeysConfig(Section):
    """Where keys may come from."""

    allow_environment: bool = Field(
        default=False,
        description="Accept DATA_ENCRYPTION_KEY and FACE_DATA_ENCRYPTION_KEY from the environment. "
        "Development only: "
        "other processes of the same user can read it.",
    )


class TrustConfig(Section):
    """What it takes to make a provisioned device believe another office or certificate authority."""

    reset_file: Path = Field(
        default=Path("/boot/firmware/clockface-reset"),
        description="A file that somebody at the device puts on its boot partition; it is used up.",
    )
    reset_button: int | None = Field(
        default=None, ge=0, le=53, description="GPIO (BCM number) of a button to ground; unset: none."
    )
    reset_hold_s: float = Field(
        default=5.0, ge=1.0, le=30.0, description="How long the button must be held, seconds."
    )


class UpdateConfig(Section):
    """When a staged release may be installed, and whose signature is believed."""

    begins: LocalTime = Field(
        default=time(2, 0), description="Local time from which releases are installed by themselves."
    )
    ends: LocalTime = Field(
        default=time(5, 0),
        description="Local time until which they are; earlier than `begins`: the next day; equal: always.",
    )
    healthy_within_s: float = Field(
        default=120.0,
        ge=10.0,
        le=1800.0,
        description="How long a new version may take to become ready before it is taken back, seconds.",
    )
    release_key: Path = Field(
        default=Path("/etc/clockface/release.pub"),
        description="Public half of the release key (Ed25519, PEM; several blocks while keys change); "
        "without it no release is believed.",
    )


class ApiConfig(Section):
    """The local sockets: each is guarded by its file mode and group."""

    staff_group: str = Field(
        default="", description="Group that may use staff.sock; empty means the daemon's own user only."
    )
    screen_group: str = Field(
        default="", description="Group that may use screen.sock; empty means the daemon's own user only."
    )
    sync_group: str = Field(
        default="", description="Group that may use sync.sock; empty means the daemon's own user only."
    )


Account = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")]


class StaffConfig(Section):
    """Who of the accounts in api.staff_group may do what. Who is named nowhere may look, and change nothing."""

    operators: tuple[Account, ...] = Field(
        default=(),
        max_length=200,
        description="Accounts that look after people: enrol, badges, consent, tests.",
    )
    administrators: tuple[Account, ...] = Field(
        default=(),
        max_length=50,
        description="Accounts that may also erase people, rotate keys, copy the ledger and restart the daemon. "
        "root and the daemon's own account always may.",
    )
    session_s: float = Field(
        default=1800.0,
        ge=60.0,
        le=28_800.0,
        description="How long a session for what cannot be undone lasts (clockface login), seconds.",
    )

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        named = (*self.operators, *self.administrators)
        if len(set(named)) != len(named):
            raise ValueError("an account is named twice in operators and administrators")
        return self
