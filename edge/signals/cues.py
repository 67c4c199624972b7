"""What light and buzzer do for each thing that an employee is told: scores of steps. Pure: time comes in.

Never by colour alone: each result has a rhythm of its own, so that those who cannot see green from red, or do
not see, tell it apart too.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.types.announcements import Announcement, Notice

DIM = 0.1


class Colour(StrEnum):
    """What the light can be."""

    OFF = "off"
    WHITE = "white"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Step:
    """A colour at a level from 0 to 1, sounding or not, for some seconds."""

    colour: Colour
    level: float
    buzz: bool
    seconds: float


Score = tuple[Step, ...]


def _flash(colour: Colour, *, on_s: float, off_s: float, times: int = 1, buzz: bool = False) -> Score:
    return (Step(colour, 1.0, buzz, on_s), Step(Colour.OFF, 0.0, False, off_s)) * times


NOTHING: Score = (Step(Colour.OFF, 0.0, False, 60.0),)
WAITING: Score = (Step(Colour.WHITE, DIM, False, 60.0),)
WINKING: Score = _flash(Colour.WHITE, on_s=0.06, off_s=2.94)  # waiting, where a pin cannot dim

STANDING: dict[Notice, Score] = {
    Notice.ATTRACT: WAITING,
    Notice.GUIDANCE: (Step(Colour.WHITE, 0.6, False, 60.0),),
    Notice.OUT_OF_SERVICE: _flash(Colour.RED, on_s=0.5, off_s=1.5),
}
_YES: Score = (Step(Colour.GREEN, 1.0, True, 0.15), Step(Colour.GREEN, 1.0, False, 30.0))
_AGAIN: Score = (
    *_flash(Colour.GREEN, on_s=0.1, off_s=0.15, times=2, buzz=True),
    *_flash(Colour.GREEN, on_s=0.1, off_s=0.15, times=40),
)
_NO: Score = (
    *_flash(Colour.AMBER, on_s=0.6, off_s=0.3, buzz=True),
    *_flash(Colour.AMBER, on_s=0.6, off_s=0.3, times=12),
)
_SEVERAL: Score = (
    *_flash(Colour.AMBER, on_s=0.1, off_s=0.1, times=3, buzz=True),
    Step(Colour.OFF, 0.0, False, 0.6),
    *(*_flash(Colour.AMBER, on_s=0.1, off_s=0.1, times=3), Step(Colour.OFF, 0.0, False, 0.6)) * 8,
)
_HERE: Score = (
    *_flash(Colour.WHITE, on_s=0.25, off_s=0.25, buzz=True),
    *_flash(Colour.WHITE, on_s=0.25, off_s=0.25, times=3),
)
_ASKING: Score = (
    *_flash(Colour.WHITE, on_s=1.0, off_s=0.2, buzz=True),
    *_flash(Colour.WHITE, on_s=1.0, off_s=0.2, times=12),
)
_REFUSED: Score = (
    *_flash(Colour.AMBER, on_s=0.3, off_s=0.6, buzz=True),
    *_flash(Colour.AMBER, on_s=0.3, off_s=0.6, times=12),
)
_TAKEN_BACK: Score = (
    *_flash(Colour.AMBER, on_s=0.9, off_s=0.9, buzz=True),
    *_flash(Colour.AMBER, on_s=0.9, off_s=0.9, times=6),
)
RESULTS: dict[Notice, Score] = {
    Notice.RECORDED: _YES,
    Notice.ALREADY_RECORDED: _AGAIN,
    Notice.NOT_RECOGNISED: _NO,
    Notice.SEVERAL_PEOPLE: _SEVERAL,
    Notice.IDENTIFY: _HERE,
    Notice.BADGE_REFUSED: _REFUSED,
    Notice.ENTER_PIN: _ASKING,
    Notice.VOIDED: _TAKEN_BACK,
}


@dataclass(frozen=True, slots=True)
class _Playing:
    score: Score
    began_s: float
    ends_s: float


class Programme:
    """Which step plays at a time: what stands, and over it for some seconds the newest result.

    Args:
        result_s: How long a result is shown.
        dims: Whether the light can be dim; else waiting is a wink.
    """

    def __init__(self, *, result_s: float, dims: bool) -> None:
        self._result_s = result_s
        self._dims = dims
        self._standing = _Playing(NOTHING, 0.0, float("inf"))
        self._result: _Playing | None = None

    def take(self, announcement: Announcement, now_s: float) -> bool:
        """Take what is announced; the newest wins. Returns whether it changes anything."""
        notice = announcement.notice
        if notice in STANDING:
            score = WINKING if notice is Notice.ATTRACT and not self._dims else STANDING[notice]
            if score == self._standing.score:
                return False
            self._standing = _Playing(score, now_s, float("inf"))
            return True
        if notice not in RESULTS:
            return False
        length_s = announcement.seconds if notice is Notice.IDENTIFY else self._result_s
        self._result = _Playing(RESULTS[notice], now_s, now_s + length_s)
        return True

    def at(self, now_s: float) -> tuple[Step, float]:
        """The step that plays now, and how many seconds it stands if nothing is announced."""
        playing = self._standing
        if self._result is not None:
            if now_s < self._result.ends_s:
                playing = self._result
            else:
                self._result = None
        into_s = (now_s - playing.began_s) % sum(step.seconds for step in playing.score)
        for step in playing.score:
            if into_s < step.seconds:
                return step, max(0.001, min(step.seconds - into_s, playing.ends_s - now_s))
            into_s -= step.seconds
        return playing.score[-1], 0.001  # the last rounding of the modulo
