"""The screen's configuration, as one frozen, typed tree: /etc/clockface/screen.toml, then `CLOCKFACE_SCREEN_*`.

Every field has a unit, bounds and a description, and something that it changes; unknown keys are errors.
docs/configuration.md is generated from this file. Nothing here is secret, and nothing is edge's to know.
"""

from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from clockface.config import LoggingConfig, Section, SocketFolder
from clockface.configuration import ConfigReader
from edge.config.times import LocalTime

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
    kept: Text = Field(
        default="", description="For how long records are kept, in the site's words; empty says nothing of it."
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
    touch: bool = Field(
        default=True,
        description="false: a display that nobody can touch: no buttons are shown, and a PIN is typed on a "
        "keypad.",
    )
    greeting_s: float = Field(
        default=4.0,
        ge=1.0,
        le=30.0,
        description="Shortest time that a result stays, seconds; it stays until its person has left.",
    )


class SleepConfig(Section):
    """When the screen goes dark; whoever comes into view, or touches it, wakes it."""

    after_s: float = Field(
        default=0.0, ge=0.0, le=86_400.0, description="Dark after so long without anybody, seconds; 0: never."
    )
    starts: LocalTime | None = Field(
        default=None, description="Local time from which it may go dark; unset: at any hour."
    )
    ends: LocalTime | None = Field(
        default=None, description="Local time until which; earlier than `starts` means the next day."
    )

    @model_validator(mode="after")
    def _whole(self) -> "SleepConfig":
        if (self.starts is None) != (self.ends is None) or (self.starts == self.ends is not None):
            raise ValueError("sleep needs starts and ends, and two different times, or neither")
        if self.starts is not None and not self.after_s:
            raise ValueError("starts and ends change nothing with after_s = 0: set it, or unset them")
        return self

    def at(self, now: time) -> bool:
        """Whether the screen may be dark at a local time."""
        if self.starts is None or self.ends is None:
            return True
        if self.starts < self.ends:
            return self.starts <= now < self.ends
        return now >= self.starts or now < self.ends


class ScreenConfig(Section):
    """The tree. Each section is a table of the TOML file."""

    paths: PathsConfig = PathsConfig()
    listen: ListenConfig = ListenConfig()
    language: LanguageConfig = LanguageConfig()
    notice: NoticeConfig = NoticeConfig()
    look: LookConfig = LookConfig()
    sleep: SleepConfig = SleepConfig()
    logging: LoggingConfig = LoggingConfig()


READER = ConfigReader(
    model=ScreenConfig,
    prefix="CLOCKFACE_SCREEN_",
    default_path=Path("/etc/clockface/screen.toml"),
    check_command="clockface-screen config check",
)
