"""What the screen says at a moment, in one language: headline, sentence, symbol and tone. Pure.

Every text stands here in English and is looked up in the language's catalogue. A name is put between Unicode
isolates, so that its direction cannot turn the sentence around it; the page sets texts as text, never markup.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edge.kiosk.screen.config import NoticeConfig
from edge.kiosk.screen.moment import Moment, Office, State

Say = Callable[[str], str]  # English in, the catalogue's language out


def N_(text: str) -> str:  # noqa: N802 - the customary mark of a text that is translated later
    """Mark a text for the catalogues."""
    return text


@dataclass(frozen=True, slots=True)
class Wording:
    """How a moment is said.

    Args:
        headline: A few words, readable at 2 m.
        text: A sentence more; may be empty.
        symbol: The page's drawing: what it is, without words and without colour.
        tone: calm, work, good, attention or stop.
    """

    headline: str
    text: str
    symbol: str
    tone: str


_SLOWLY: Final = N_("Slowly, then look here again.")
_BY_WAY: Final[Mapping[str, Mapping[str, str]]] = {  # a sentence, by what the kiosk offers besides the face
    "attract": {
        "badge": N_("Stand in front of the camera, or use your badge."),
        "pin": N_("Stand in front of the camera, or use your number and PIN."),
        "": N_("Stand in front of the camera."),
    },
    "again": {
        "badge": N_("Try once more, or use your badge."),
        "pin": N_("Try once more, or use your number and PIN."),
        "": N_("Try once more, or tell your manager."),
    },
    "other": {
        "badge": N_("Please use your badge."),
        "pin": N_("Please use your number and PIN."),
        "": N_("Please tell your manager."),
    },
    "out": {
        "badge": N_("Faces are not recognised now. Please use your badge, and tell your manager."),
        "pin": N_("Faces are not recognised now. Please use your number and PIN, and tell your manager."),
        "": N_("Faces are not recognised now. Please tell your manager."),
    },
    "camera": {
        "pin": N_("The camera does not answer. Please use your number and PIN, and tell your manager."),
        "": N_("The camera does not answer. Please tell your manager."),
    },
}
GUIDANCE: Final[Mapping[str, Wording]] = {
    "come_closer": Wording(N_("Come a little closer"), "", "closer", "work"),
    "step_back": Wording(N_("Step back a little"), "", "back", "work"),
    "move_into_view": Wording(N_("Move into the middle"), "", "face", "work"),
    "too_dark": Wording(N_("It is too dark here"), N_("Turn towards the light."), "dark", "work"),
    "too_bright": Wording(N_("It is too bright here"), N_("Turn away from the sun."), "bright", "work"),
    "look_here": Wording(N_("Look here"), N_("Straight at the camera."), "face", "work"),
    "hold_still": Wording(N_("Hold still"), N_("Only for a moment."), "face", "work"),
    "uncover_face": Wording(N_("Show your whole face"), N_("Without mask or visor, please."), "face", "work"),
    "one_at_a_time": Wording(N_("One at a time, please"), "", "people", "work"),
    "turn_left": Wording(N_("Turn your head to your left"), _SLOWLY, "face", "work"),
    "turn_right": Wording(N_("Turn your head to your right"), _SLOWLY, "face", "work"),
    "turn_a_little": Wording(N_("Move your head a little"), _SLOWLY, "face", "work"),
}
NOT_RECOGNISED: Final[Mapping[str, Wording]] = {
    "unknown": Wording(N_("Not recognised"), "again", "question", "attention"),
    "unsure": Wording(N_("Not quite sure who you are"), "again", "question", "attention"),
    "not_live": Wording(N_("Your face could not be checked"), "other", "badge", "attention"),
    "stood_still": Wording(N_("Move your head a little"), _SLOWLY, "face", "attention"),
    "poor_quality": Wording(N_("Your face could not be seen well"), "again", "face", "attention"),
}
_OUT: Final = N_("Out of service")
OUT_OF_SERVICE: Final[Mapping[str, Wording]] = {
    "": Wording(_OUT, "out", "pause", "stop"),
    "office": Wording(_OUT, N_("The office has closed this kiosk for now."), "pause", "stop"),
    "retired": Wording(_OUT, N_("This kiosk is no longer in use."), "pause", "stop"),
    "ledger_disk_full": Wording(
        _OUT, N_("This kiosk cannot store records. Please tell your manager."), "pause", "stop"
    ),
    "edge_gone": Wording(_OUT, N_("This kiosk does not answer. Please tell your manager."), "pause", "stop"),
    "camera_opening": Wording(N_("One moment"), N_("The camera is starting."), "wait", "calm"),
    "camera_frozen": Wording(_OUT, "camera", "pause", "stop"),
    "camera_lost": Wording(_OUT, "camera", "pause", "stop"),
    "camera_ended": Wording(_OUT, N_("The recording has ended."), "pause", "stop"),
}
RECORDED: Final[Mapping[str, tuple[Wording, str]]] = {  # and the headline with a name
    "in": (Wording(N_("Welcome"), N_("In"), "in", "good"), N_("Welcome, {name}")),
    "out": (Wording(N_("Goodbye"), N_("Out"), "out", "good"), N_("Goodbye, {name}")),
    "unstated": (Wording(N_("Thank you"), N_("Recorded"), "check", "good"), N_("Thank you, {name}")),
}
ALREADY: Final = (
    Wording(N_("Already recorded"), N_("Nothing more to do."), "check", "good"),
    N_("{name}, you are already recorded"),
)
OTHERS: Final[Mapping[State, Wording]] = {
    State.ATTRACT: Wording(N_("Look here"), "attract", "dial", "calm"),
    State.CHOOSE: Wording(N_("In or out?"), N_("Touch what you are doing."), "check", "work"),
    State.SEVERAL_PEOPLE: Wording(
        N_("One at a time, please"), N_("More than one face is in view."), "people", "attention"
    ),
    State.NOT_STORED: Wording(
        N_("Not recorded"), N_("This kiosk cannot store records. Please tell your manager."), "pause", "stop"
    ),
    State.STARTING: Wording(N_("One moment"), N_("This kiosk is starting."), "wait", "calm"),
    State.IDENTIFY: Wording(N_("Here I am"), "", "flag", "attention"),
    State.ENTER_PIN: Wording(N_("Your PIN"), "", "badge", "work"),
    State.VOIDED: Wording(
        N_("Taken back"), N_("This record does not count, and the office is told."), "back", "attention"
    ),
    State.ASLEEP: Wording("", "", "none", "calm"),
}
BADGE_REFUSED: Final[Mapping[str, Wording]] = {
    "badge_not_accepted": Wording(
        N_("This badge does not count here"), N_("Please ask your manager."), "badge", "attention"
    ),
    "pin_not_set": Wording(
        N_("This badge has no PIN yet"), N_("Please ask your manager."), "badge", "attention"
    ),
    "code_not_set": Wording(
        N_("This badge has no code yet"), N_("Please ask your manager."), "badge", "attention"
    ),
    "pin_wait": Wording(N_("Please wait a moment"), N_("Too many tries. Once more in:"), "wait", "attention"),
    "pin_not_accepted": Wording(N_("That did not fit"), N_("Please try again."), "question", "attention"),
}
NOT_ME: Final = N_("That was not me")
MISSING: Final = N_("A record is missing")
NUMBER: Final = N_("Number and PIN")
LANGUAGE: Final = N_("Language")
ABOUT: Final = N_("Your data")
WORK_CODE: Final = N_("Work code")
CHOSEN: Final = N_("{choice} is noted. Now look at the camera.")
_TOUCHED: Final = frozenset(
    {State.ATTRACT, State.GUIDANCE, State.NOT_RECOGNISED, State.SEVERAL_PEOPLE, State.OUT_OF_SERVICE,
     State.BADGE_REFUSED, State.VOIDED}
)  # fmt: skip
_CLOSED: Final = frozenset({"office", "retired", "edge_gone", "ledger_disk_full"})
_SILENT: Final = frozenset({State.STARTING, State.ASLEEP})
_MIRRORED: Final = frozenset({State.GUIDANCE, State.SEVERAL_PEOPLE})
CHOICES: Final = (("in", N_("In")), ("out", N_("Out")))
OFFICE: Final = N_("The office cannot be reached now. All records are safe here.")
NOTICE: Final = N_(
    "Your face is compared on this device by {controller}, only to record your working time. "
    "Questions: {contact}."
)
GOOD: Final[Mapping[str, str]] = {
    "badge": N_("A badge is just as good."),
    "pin": N_("Number and PIN are just as good."),
}
CONTROLLER: Final = N_("your employer")
CONTACT: Final = N_("your manager")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the screen hangs.

    Args:
        device: The kiosk's name, for IDENTIFY.
        notice: Who stands in the privacy notice.
        touch: Whether it can be touched.
        directions: Whether people may choose in or out.
        work_codes: What else they may choose.
    """

    device: str = ""
    notice: NoticeConfig = field(default_factory=NoticeConfig)
    touch: bool = True
    directions: bool = False
    work_codes: tuple[str, ...] = ()


def isolated(text: str) -> str:
    """Text of either direction that leaves the sentence around it alone (FSI ... PDI)."""
    return (
        "\u2068"
        + "".join(c for c in text if c not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
        + "\u2069"
    )


def said(moment: Moment, say: Say, *, place: Place, office: Office, board: tuple[str, ...]) -> dict[str, Any]:
    """Everything that the page shows at a moment, as JSON."""
    wording, headline = _wording(moment)
    name = moment.greeting
    title = say(headline).format(name=isolated(name)) if headline and name else say(wording.headline)
    if moment.state is State.IDENTIFY:
        title = isolated(place.device)
    attract = moment.state is State.ATTRACT
    choosing = moment.state is State.CHOOSE
    return {
        "state": moment.state.value,
        "code": moment.code,
        "symbol": wording.symbol,
        "mirror": moment.state in _MIRRORED,
        "tone": wording.tone,
        "headline": title,
        "text": _sentence(wording.text, say, ways=moment.ways),
        "time": "" if moment.at is None else moment.at.strftime("%H:%M"),
        "choices": [[key, say(label)] for key, label in CHOICES] if choosing else [],
        "codes": list(place.work_codes) if choosing else [],
        "actions": _actions(moment, say) if place.touch else [],
        "bar": _bar(moment, say, place=place) if place.touch else [],
        "ways": list(moment.ways),
        "captured_s": moment.captured_s,
        "chosen": _chosen(moment, say) if moment.state in _TOUCHED else "",
        "messages": [] if moment.state is State.ASLEEP else [*moment.messages, *board],
        "office": say(OFFICE) if office.waiting and moment.state not in _SILENT else "",
        "notice": notice(say, place.notice, ways=moment.ways) if attract else "",
    }


def way(ways: tuple[str, ...]) -> str:
    """The first of the other ways in; empty without any."""
    return ways[0] if ways else ""


def _sentence(text: str, say: Say, *, ways: tuple[str, ...]) -> str:
    other = ("pin" if "pin" in ways else "") if text == "camera" else way(ways)  # it reads no badge either
    return say(_BY_WAY[text][other] if text in _BY_WAY else text) if text else ""


def _actions(moment: Moment, say: Say) -> list[list[str]]:
    """What a person may say of their record."""
    offered = (("not_me", NOT_ME, moment.may_disown), ("missing", MISSING, moment.may_ask))
    return [[key, say(label)] for key, label, may in offered if may]


def _bar(moment: Moment, say: Say, *, place: Place) -> list[list[str]]:
    """What may be touched while nobody is recognised."""
    if moment.state not in _TOUCHED:
        return []
    closed = moment.state is State.OUT_OF_SERVICE and moment.code in _CLOSED
    label = "In or out?" if place.directions else WORK_CODE
    offered = (
        ("number", NUMBER, "pin" in moment.ways),
        ("choose", label, (place.directions or bool(place.work_codes)) and not closed),
        ("language", LANGUAGE, True),
        ("about", ABOUT, True),
    )
    return [[key, say(text)] for key, text, has in offered if has]


def _chosen(moment: Moment, say: Say) -> str:
    if moment.chosen is None:
        return ""
    direction = say(dict(CHOICES)[moment.chosen.direction]) if moment.chosen.direction else ""
    parts = [
        part for part in (direction, isolated(moment.chosen.work_code or "")) if part.strip("\u2068\u2069")
    ]
    return say(CHOSEN).format(choice=", ".join(parts))


def _wording(moment: Moment) -> tuple[Wording, str]:  # noqa: PLR0911 - one for each state
    match moment.state:
        case State.GUIDANCE:
            return GUIDANCE.get(moment.code, GUIDANCE["look_here"]), ""
        case State.NOT_RECOGNISED:
            return NOT_RECOGNISED.get(moment.code, NOT_RECOGNISED["unknown"]), ""
        case State.OUT_OF_SERVICE:
            return OUT_OF_SERVICE.get(moment.code, OUT_OF_SERVICE[""]), ""
        case State.RECORDED:
            return RECORDED.get(moment.direction, RECORDED["unstated"])
        case State.ALREADY_RECORDED:
            return ALREADY
        case State.BADGE_REFUSED:
            return BADGE_REFUSED.get(moment.code, BADGE_REFUSED["badge_not_accepted"]), ""
    return OTHERS[moment.state], ""


def notice(say: Say, settings: NoticeConfig, *, ways: tuple[str, ...]) -> str:
    """The privacy notice in two sentences and the site's own."""
    text = say(NOTICE).format(
        controller=isolated(settings.controller or say(CONTROLLER)),
        contact=isolated(settings.contact or say(CONTACT)),
    )
    good = [say(GOOD[way(ways)])] if way(ways) in GOOD else []
    more = [isolated(settings.more)] if settings.more else []
    return " ".join([text, *good, *more])


def every_text() -> tuple[str, ...]:
    """All texts that a catalogue must hold."""
    wordings = [
        *GUIDANCE.values(), *NOT_RECOGNISED.values(), *OUT_OF_SERVICE.values(), *OTHERS.values(), ALREADY[0],
        *BADGE_REFUSED.values(), *(wording for wording, _ in RECORDED.values()),
    ]  # fmt: skip
    texts = [text for wording in wordings for text in (wording.headline, wording.text) if text not in _BY_WAY]
    texts += [text for sentences in _BY_WAY.values() for text in sentences.values()]
    texts += [ALREADY[1], *(headline for _, headline in RECORDED.values()), *(label for _, label in CHOICES)]
    texts += [OFFICE, NOTICE, *GOOD.values(), CONTROLLER, CONTACT]
    texts += [NOT_ME, MISSING, NUMBER, LANGUAGE, ABOUT, WORK_CODE, CHOSEN]
    return tuple(dict.fromkeys(text for text in texts if text))
