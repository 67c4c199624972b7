"""What provisioning needs to know, as one typed tree: typed on a terminal, or read from an answers file.

One file serves a fleet: the device's name may be given beside it. Settings are those of the configuration
files, by the same names and bounds. Trust boundary: the file is hostile until `READER` has passed it.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from clockface.config import Section, Slug, SocketFolder, TimeZone
from clockface.configuration import ConfigReader
from edge.config.attendance import AttendanceConfig
from edge.config.camera import CameraConfig
from edge.config.device import ApiConfig
from edge.config.recognition import LivenessConfig
from edge.kiosk.screen.config import LanguageConfig, LookConfig, NoticeConfig

Place = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$", max_length=120)]
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f :-]{0,80}$")]


class DeviceAnswers(Section):
    """Which kiosk this becomes."""

    site: Slug = Field(default="site", description="The site's name: lower-case letters, digits, hyphens.")
    name: Slug = Field(default="kiosk", description="The device's name, unique in its site.")
    timezone: TimeZone = Field(default="UTC", description="The site's time zone, such as Europe/Madrid.")
    place: Place = Field(
        default="", description="Where it hangs, for people; written into the head of the configuration files."
    )


class PathsAnswers(Section):
    """Where things are kept, if elsewhere than usual."""

    state: Path = Field(default=Path("/var/lib/clockface"), description="Folder of the ledger and the keys.")
    run: SocketFolder = Field(default=Path("/run/clockface"), description="Folder of the unix sockets.")
    tls: Path = Field(default=Path("/etc/clockface/tls"), description="Folder of the courier's key.")


class OfficeAnswers(Section):
    """How request and bundle travel."""

    request: Path = Field(
        default=Path("clockface-request.json"), description="Where the request for the office is written."
    )
    bundle: Path | None = Field(
        default=None,
        description="Where the office's answer will be: a file, a folder such as a USB stick's, or - for "
        "standard input.",
    )
    fingerprint: Fingerprint = Field(
        default="", description="The office's fingerprint, as the office itself told it; else it is asked for."
    )


class SiteKeyAnswers(Section):
    """Whether templates travel to the site's other kiosks."""

    how: Literal["later", "init", "accept"] = Field(
        default="later",
        description="init: make it, on the site's first kiosk; accept: take it from another kiosk's file; "
        "later: by clockface site.",
    )
    file: Path | None = Field(default=None, description="accept: what `clockface site wrap` wrote.")
    fingerprint: Fingerprint = Field(
        default="", description="accept: the site key's, as the other kiosk shows it."
    )
    passphrase_file: Path | None = Field(
        default=None, description="init: a file whose first line is the recovery text's passphrase."
    )

    @model_validator(mode="after")
    def _complete(self) -> "SiteKeyAnswers":
        if self.how == "accept" and (self.file is None or not self.fingerprint):
            raise ValueError("how = accept needs file and fingerprint")
        if self.how == "init" and self.passphrase_file is None:
            raise ValueError("how = init needs passphrase_file; on a terminal: clockface site init")
        return self


class CheckAnswers(Section):
    """What is tried before the device counts as provisioned."""

    camera: bool = Field(default=True, description="false: the camera is not looked at, and this is shown.")
    face_within_s: float = Field(
        default=20.0, ge=0.0, le=300.0, description="How long a face is waited for; 0 does not ask for one."
    )
    test_within_s: float = Field(
        default=60.0,
        ge=1.0,
        le=3600.0,
        description="How long the office's confirmation is waited for, seconds.",
    )


class Answers(Section):
    """The tree. Each section is a table of the answers file."""

    device: DeviceAnswers = DeviceAnswers()
    paths: PathsAnswers = PathsAnswers()
    camera: CameraConfig = CameraConfig()
    attendance: AttendanceConfig = AttendanceConfig()
    liveness: LivenessConfig = LivenessConfig()
    api: ApiConfig = ApiConfig()
    language: LanguageConfig = LanguageConfig()
    look: LookConfig = LookConfig()
    notice: NoticeConfig = NoticeConfig()
    office: OfficeAnswers = OfficeAnswers()
    site_key: SiteKeyAnswers = SiteKeyAnswers()
    check: CheckAnswers = CheckAnswers()


EDGE_SECTIONS = ("device", "paths", "camera", "attendance", "liveness", "api")
SCREEN_SECTIONS = ("language", "look", "notice")

READER = ConfigReader(
    model=Answers,
    prefix="CLOCKFACE_ANSWERS_",
    default_path=Path("/nonexistent/answers.toml"),  # an answers file is always named
    check_command="clockface provision --answers FILE --dry-run",
)
