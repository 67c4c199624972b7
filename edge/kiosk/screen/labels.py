"""What stands in the page's dialogs, in one language: PIN pad, notice, missing record, choices. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from edge.kiosk.screen.words import CHOICES, N_, Place, Say, every_text, isolated

LABELS: Final[Mapping[str, str]] = {
    "pin_title": N_("Your PIN"),
    "pin_text": N_("Type the PIN that belongs to your badge."),
    "number_pin_text": N_("Type the PIN that belongs to your number."),
    "code_title": N_("Your code"),
    "code_text": N_("Type the six digits that your phone shows."),
    "number_title": N_("Employee number"),
    "number_text": N_("Type your employee number."),
    "digits": N_("Digits: {count}"),
    "keypad": N_("Keypad"),
    "delete": N_("Delete"),
    "ok": N_("Done"),
    "cancel": N_("Cancel"),
    "close": N_("Close"),
    "wrong": N_("That did not fit. Please try again."),
    "wait": N_("Too many tries. Once more in:"),
    "short": N_("A PIN has at least four digits."),
    "hold": N_("Still there? Touch any key, and there is more time."),
    "moment": N_("One moment"),
    "unsent": N_("This could not be sent. Please try again, or tell your manager."),
    "closed": N_("The office has closed this kiosk for now."),
    "about_title": N_("Your data"),
    "language_title": N_("Language"),
    "choose_title": N_("In or out?"),
    "code_group": N_("Work code"),
    "none": N_("None"),
    "recorded_already": N_("You are recorded already."),
    "missing_title": N_("Which record is missing?"),
    "missing_text": N_("The office decides about it."),
    "day": N_("Day"),
    "hour": N_("Hour"),
    "minute": N_("Minute"),
    "send": N_("Send"),
    "sent": N_("It is on its way to the office."),
    "too_late": N_("It is too late for this here. Please tell your manager."),
    "ahead": N_("That time is still to come."),
}
EMPLOYER: Final = N_("Your employer")
MANAGER: Final = N_("Your manager")
WHO: Final = N_("Who")
WHAT: Final = N_("What")
WHY: Final = N_("What for")
WHERE: Final = N_("Where")
FREE: Final = N_("Your choice")
KEPT: Final = N_("How long")
ASK: Final = N_("Questions")
ABOUT: Final[Mapping[str, str]] = {
    WHAT: N_("Your face is compared with numbers that describe it. Each record is a time, and in or out."),
    WHY: N_("Only to record your working time."),
    WHERE: N_("Only the kiosks of this site can read the numbers. The office gets your records."),
    FREE: N_("You may say no, or stop at any time. The other ways in are just as good."),
}


def labels(say: Say, *, place: Place) -> dict[str, Any]:
    """The dialogs' texts, as JSON."""
    notice = place.notice
    about = [[say(WHO), isolated(notice.controller or say(EMPLOYER))]]
    about += [[say(heading), say(text)] for heading, text in ABOUT.items()]
    about += [[say(KEPT), isolated(notice.kept)]] if notice.kept else []
    about += [[say(ASK), isolated(notice.contact or say(MANAGER))]]
    about += [["", isolated(notice.more)]] if notice.more else []
    return {
        "labels": {key: say(text) for key, text in LABELS.items()},
        "about": about,
        "directions": [[key, say(label)] for key, label in CHOICES],
        "choose_direction": place.directions,
        "codes": list(place.work_codes),
    }


def every_label() -> tuple[str, ...]:
    """All texts that a catalogue must hold besides those of the page itself."""
    texts = [*LABELS.values(), EMPLOYER, MANAGER, WHO, KEPT, ASK, *ABOUT, *ABOUT.values()]
    return tuple(dict.fromkeys(text for text in texts if text not in every_text()))
