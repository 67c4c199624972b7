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


_AGAIN: Final = N_("Try once more, or use your badge.")
_SLOWLY: Final = N_("Slowly, then look here again.")
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
}
NOT_RECOGNISED: Final[Mapping[str, Wording]] = {
    "unknown": Wording(N_("Not recognised"), _AGAIN, "question", "attention"),
    "unsure": Wording(N_("Not quite sure who you are"), _AGAIN, "question", "attention"),
    "not_live": Wording(
        N_("Please use your badge"), N_("Your face could not be checked."), "badge", "attention"
    ),
    "stood_still": Wording(N_("Move your head a little"), _SLOWLY, "face", "attention"),
    "poor_quality": Wording(N_("Your face could not be seen well"), _AGAIN, "face", "attention"),
}
_OUT: Final = N_("Out of service")
OUT_OF_SERVICE: Final[Mapping[str, Wording]] = {
    "": Wording(_OUT, N_("Faces are not recognised now. Please tell your manager."), "pause", "stop"),
    "office": Wording(_OUT, N_("The office has closed this kiosk for now."), "pause", "stop"),
    "retired": Wording(_OUT, N_("This kiosk is no longer in use."), "pause", "stop"),
    "edge_gone": Wording(_OUT, N_("This kiosk does not answer. Please tell your manager."), "pause", "stop"),
    "camera_opening": Wording(N_("One moment"), N_("The camera is starting."), "wait", "calm"),
    "camera_frozen": Wording(
        _OUT, N_("The camera does not answer. Please tell your manager."), "pause", "stop"
    ),
    "camera_lost": Wording(_OUT, N_("The camera does not answer. Please tell your manager."), "pause", "stop"),
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
    State.ATTRACT: Wording(
        N_("Look here"), N_("Stand in front of the camera, or use your badge."), "dial", "calm"
    ),
    State.CHOOSE: Wording(N_("In or out?"), N_("Touch what you are doing."), "check", "work"),
    State.SEVERAL_PEOPLE: Wording(
        N_("One at a time, please"), N_("More than one face is in view."), "people", "attention"
    ),
    State.NOT_STORED: Wording(
        N_("Not recorded"), N_("This kiosk cannot store records. Please tell your manager."), "pause", "stop"
    ),
    State.STARTING: Wording(N_("One moment"), N_("This kiosk is starting."), "wait", "calm"),
    State.IDENTIFY: Wording(N_("Here I am"), "", "flag", "attention"),
}
_MIRRORED: Final = frozenset({State.GUIDANCE, State.SEVERAL_PEOPLE})
CHOICES: Final = (("in", N_("In")), ("out", N_("Out")))
OFFICE: Final = N_("The office cannot be reached now. All records are safe here.")
NOTICE: Final = N_(
    "Your face is compared on this device by {controller}, only to record your working time. "
    "A badge is just as good. Questions: {contact}."
)
CONTROLLER: Final = N_("your employer")
CONTACT: Final = N_("your manager")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the screen hangs.

    Args:
        device: The kiosk's name, for IDENTIFY.
        notice: Who stands in the privacy notice.
    """

    device: str = ""
    notice: NoticeConfig = field(default_factory=NoticeConfig)


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
    return {
        "state": moment.state.value,
        "code": moment.code,
        "symbol": wording.symbol,
        "mirror": moment.state in _MIRRORED,
        "tone": wording.tone,
        "headline": title,
        "text": say(wording.text) if wording.text else "",
        "time": "" if moment.at is None else moment.at.strftime("%H:%M"),
        "choices": [[key, say(label)] for key, label in CHOICES] if moment.state is State.CHOOSE else [],
        "messages": [*moment.messages, *board],
        "office": say(OFFICE) if office.waiting and moment.state is not State.STARTING else "",
        "notice": _notice(say, place.notice) if attract else "",
    }


def _wording(moment: Moment) -> tuple[Wording, str]:
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
    return OTHERS[moment.state], ""


def _notice(say: Say, notice: NoticeConfig) -> str:
    text = say(NOTICE).format(
        controller=isolated(notice.controller or say(CONTROLLER)),
        contact=isolated(notice.contact or say(CONTACT)),
    )
    return f"{text} {isolated(notice.more)}" if notice.more else text


def every_text() -> tuple[str, ...]:
    """All texts that a catalogue must hold."""
    wordings = [
        *GUIDANCE.values(), *NOT_RECOGNISED.values(), *OUT_OF_SERVICE.values(), *OTHERS.values(), ALREADY[0],
        *(wording for wording, _ in RECORDED.values()),
    ]  # fmt: skip
    texts = [text for wording in wordings for text in (wording.headline, wording.text) if text]
    texts += [ALREADY[1], *(headline for _, headline in RECORDED.values()), *(label for _, label in CHOICES)]
    return tuple(dict.fromkeys([*texts, OFFICE, NOTICE, CONTROLLER, CONTACT]))
