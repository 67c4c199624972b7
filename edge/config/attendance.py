"""What becomes a record, the ways in without a face, and what enrolment asks for."""

from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from clockface.config import Section
from edge.config.times import LocalTime

WorkCode = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=200)]


class ShiftConfig(Section):
    """A shift that may cross midnight."""

    name: str = Field(min_length=1, max_length=40, description="Shown in exports.")
    starts: LocalTime = Field(description="Local time at which it begins.")
    ends: LocalTime = Field(
        description="Local time at which it ends; earlier than `starts` means the next day."
    )


class AttendanceConfig(Section):
    """How a verdict becomes an attendance record."""

    direction: Literal["in", "out", "assume", "choose", "unstated"] = Field(
        default="assume",
        description="in, out: this kiosk records only that. assume: the opposite of the person's last "
        "record here, unless they choose another on the screen. choose: the person chooses on the screen, up "
        "to 15 s before or 10 s after; who does not is recorded as unstated. unstated: the office derives it.",
    )
    sole_kiosk: bool = Field(
        default=True,
        description="Whether this is the site's only kiosk; with others, an assumed direction is recorded "
        "as unstated.",
    )
    repeat_s: float = Field(
        default=60.0,
        ge=0.0,
        le=86_400.0,
        description="The same person within this time is not recorded again, seconds.",
    )
    day_starts: LocalTime = Field(
        default=time(4, 0), description="Local time at which the attendance day begins, outside shifts."
    )
    shift_slack_s: float = Field(
        default=7200.0,
        ge=0.0,
        le=28_800.0,
        description="How long before and after a shift a record still counts for it, seconds.",
    )
    open_for_s: float = Field(
        default=57_600.0,
        ge=3600.0,
        le=172_800.0,
        description="After an in this old without an out, the next record is an in again, seconds.",
    )
    shifts: tuple[ShiftConfig, ...] = Field(
        default=(), description="The site's shifts; none means days by `day_starts`."
    )
    work_codes: tuple[WorkCode, ...] = Field(
        default=(),
        max_length=100,
        description="Codes that may accompany a record, chosen on the screen; others are refused.",
    )
    not_me_s: int = Field(
        default=15,
        ge=0,
        le=60,
        description="How long after a record its person may say on the screen that it was not them, seconds; "
        "0: not at all.",
    )
    correction_s: int = Field(
        default=60,
        ge=0,
        le=300,
        description="How long after a record its person may ask on the screen for one that is missing, "
        "seconds; 0: not at all.",
    )


class BadgeConfig(Section):
    """Ways in without a face, equal to it: docs/badges.md says what each is worth."""

    method: Literal["badge_pin", "badge_code", "badge", "number_pin", "off"] = Field(
        default="badge_pin",
        description="badge_pin: a badge, then the PIN. badge_code: a badge, then the code that an "
        "authenticator app shows. badge: the badge alone, which a photograph of it replaces. number_pin: "
        "employee number and PIN, no badge. off: none of them. "
        "A person may have a way of their own (clockface badge way).",
    )
    camera: bool = Field(default=True, description="Look for badges in the camera's picture.")
    card_reader: Path | None = Field(
        default=None,
        description="A card reader that types, as its path below /dev/input/by-id; unset: none.",
    )
    prompt_s: float = Field(
        default=30.0, ge=5.0, le=300.0, description="How long a PIN or code is waited for, seconds."
    )
    min_pin_digits: int = Field(default=4, ge=4, le=12, description="Least digits of a new PIN.")


class EnrolmentConfig(Section):
    """What enrolment asks for."""

    consent_text_version: str = Field(
        default="1", min_length=1, max_length=40, description="The consent text now in force."
    )
    outdated_consent: Literal["ask", "stop"] = Field(
        default="ask",
        description="Whoever consented to an earlier text. ask: is recognised on, and listed for staff to ask "
        "(clockface people list --consent-outdated). stop: is not recognised by face until they have agreed to "
        "the text in force; badge and PIN remain, and the templates stay.",
    )
    max_templates: int = Field(default=5, ge=1, le=20, description="Templates kept for one person and model.")
    min_face_px: float = Field(
        default=90.0, ge=40.0, le=1000.0, description="Least width of an enrolled face, pixels."
    )
