"""What the screen, sound and light are told. A greeting in it is personal: the screen's socket alone has it."""

from dataclasses import dataclass
from enum import StrEnum

from edge.types.faces import Coaching
from edge.types.punches import RecordedPunch
from edge.types.verdicts import Verdict


class Notice(StrEnum):
    """What the screen, sound and light are told."""

    ATTRACT = "attract"
    GUIDANCE = "guidance"
    RECORDED = "recorded"
    ALREADY_RECORDED = "already_recorded"
    NOT_RECOGNISED = "not_recognised"
    SEVERAL_PEOPLE = "several_people"
    OUT_OF_SERVICE = "out_of_service"
    IDENTIFY = "identify"
    MESSAGE = "message"
    ENTER_PIN = "enter_pin"
    BADGE_REFUSED = "badge_refused"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to whoever showed a badge.

    Args:
        prompt_id: 32 hex digits, random: the answer names it.
        asks: "pin", or "code" for the one that their phone shows.
    """

    prompt_id: str
    asks: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an employee is to see. `greeting` is personal data: it goes to the screen's socket and nowhere else.

    Args:
        notice: What kind.
        verdict: The verdict behind it, where there is one.
        recorded: The committed punch, for RECORDED and ALREADY_RECORDED.
        coaching: The request, for GUIDANCE.
        greeting: The name as the person chose to be greeted, or None.
        detail: A short code, for OUT_OF_SERVICE ("no_camera", "ledger_disk_full", "office").
        messages: What the office wants shown. MESSAGE: all that stand for everybody, none when the last has
            ended. RECORDED and ALREADY_RECORDED: those for this person; personal like the greeting.
        seconds: For IDENTIFY: how long to show which kiosk this is. ENTER_PIN: how long it is asked.
            BADGE_REFUSED: how long to wait.
        prompt: For ENTER_PIN.
        ways: What this kiosk offers besides the face: "badge", "pin".
        not_me_s: For RECORDED: for how long the person may say that it was not them, seconds.
        correction_s: For RECORDED: for how long they may ask for a record that is missing, seconds.
        language: Of the person that it is about, as a BCP 47 tag; empty for the device's.
    """

    notice: Notice
    verdict: Verdict | None = None
    recorded: RecordedPunch | None = None
    coaching: Coaching | None = None
    greeting: str | None = None
    detail: str = ""
    messages: tuple[str, ...] = ()
    seconds: int = 0
    language: str = ""
    prompt: Prompt | None = None
    ways: tuple[str, ...] = ()
    not_me_s: int = 0
    correction_s: int = 0
