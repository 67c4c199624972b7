"""The screen's configuration, as one frozen, typed tree: /etc/clockface/screen.toml, then `CLOCKFACE_SCREEN_*`.

Every field has a unit, bounds and a description, and something that it changes; unknown keys are errors.
docs/configuration.md is generated from this file. Nothing here is secret, and nothing is edge's to know.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from clockface.config import LoggingConfig, Section, SocketFolder
from clockface.configuration import ConfigReader

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=300)]
Language = Literal["en", "es", "ar", "de", "fr", "hi", "pt", "zh"]


class PathsConfig(Section):
    """Where edge is found, and where the browser finds us."""

    run: SocketFolder = Field(
        default=Path("/run/clockface"), description="Folder of edge's sockets; at most 90 characters long."
    )
    screen: Path = Field(
        default=Path("/run/clockface-screen"),
        description="Folder of our own: the secret of the page's address, and start.html, which the browser "
        "opens.",
    )
    browser_group: str = Field(
        default="",
        description="Group that may read start.html: the browser's; empty means this process's own user only.",
    )


class ListenConfig(Section):
    """Where the page is served: on 127.0.0.1 and nowhere else."""

    port: int = Field(
        default=8086, ge=0, le=65_535, description="TCP port on loopback; 0 takes a free one at each start."
    )


class LanguageConfig(Section):
    """Which languages the screen speaks."""

    device: Language = Field(
        default="en",
        description="Before a person is recognised, and for people without a language of their own.",
    )


class NoticeConfig(Section):
    """The privacy notice, which stands on the screen whenever nobody is in front of it."""

    controller: Text = Field(
        default="", description="Who processes the data: the employer's name; empty says `your employer`."
    )
    contact: Text = Field(
        default="", description="Whom to ask: a name, a room, a telephone number; empty says `your manager`."
    )
    more: Text = Field(default="", description="A sentence of the site's own; shown as it stands.")


class LookConfig(Section):
    """How the screen looks."""

    theme: Literal["auto", "light", "dark"] = Field(
        default="auto", description="auto: as bright or dark as the room, by the camera; or always one of them."
    )
    rotation_deg: Literal[0, 90, 180, 270] = Field(
        default=0, description="Clockwise rotation of the page, degrees, for a display that hangs turned."
    )
    controls: Literal["middle", "low"] = Field(
        default="middle",
        description="low: everything to read and to touch lies in the lower half (wheelchair height).",
    )
    greeting_s: float = Field(
        default=4.0,
        ge=1.0,
        le=30.0,
        description="Shortest time that a result stays, seconds; it stays until its person has left.",
    )


class ScreenConfig(Section):
    """The tree. Each section is a table of the TOML file."""

    paths: PathsConfig = PathsConfig()
    listen: ListenConfig = ListenConfig()
    language: LanguageConfig = LanguageConfig()
    notice: NoticeConfig = NoticeConfig()
    look: LookConfig = LookConfig()
    logging: LoggingConfig = LoggingConfig()


READER = ConfigReader(
    model=ScreenConfig,
    prefix="CLOCKFACE_SCREEN_",
    default_path=Path("/etc/clockface/screen.toml"),
    check_command="clockface-screen config check",
)
