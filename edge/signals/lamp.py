"""Light and buzzer: a thread of their own plays the programme, so that no pin is ever moved by the loop.

The newest announcement wins and nothing queues: a kiosk shows what is, not what was.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Literal

import structlog

from edge.errors import SignalError
from edge.signals.cues import Colour, Programme, Step
from edge.signals.pins import Line
from edge.types.announcements import Announcement

JOIN_S = 2.0
RGB: Mapping[Colour, Mapping[str, float]] = {
    Colour.OFF: {},
    Colour.WHITE: {"red": 1.0, "green": 1.0, "blue": 1.0},
    Colour.GREEN: {"green": 1.0},
    Colour.AMBER: {"red": 1.0, "green": 0.4},
    Colour.RED: {"red": 1.0},
}
THREE: Mapping[Colour, Mapping[str, float]] = {
    Colour.OFF: {},
    Colour.WHITE: {"red": 1.0, "amber": 1.0, "green": 1.0},
    Colour.GREEN: {"green": 1.0},
    Colour.AMBER: {"amber": 1.0},
    Colour.RED: {"red": 1.0},
}

log = structlog.get_logger(__name__)


class Light:
    """LEDs, by colour.

    Args:
        lines: Red, green and blue, or red, amber and green.
        brightness: Of level 1, as a fraction.
    """

    def __init__(self, lines: Mapping[str, Line], *, brightness: float) -> None:
        self._lines = lines
        self._brightness = brightness
        self._mix = RGB if "blue" in lines else THREE

    def put(self, step: Step) -> None:
        """Show a step. Raises SignalError."""
        parts = self._mix[step.colour]
        for name, line in self._lines.items():
            line.put(parts.get(name, 0.0) * step.level * self._brightness)

    def close(self) -> None:
        """Go dark."""
        for line in self._lines.values():
            line.close()


class Buzzer:
    """A buzzer that keeps quiet hours.

    Args:
        line: Its pin.
        quiet: Whether it is to keep silent now.
    """

    def __init__(self, line: Line, *, quiet: Callable[[], bool]) -> None:
        self._line = line
        self._quiet = quiet

    def put(self, step: Step) -> None:
        """Sound or not. Raises SignalError."""
        self._line.put(1.0 if step.buzz and not self._quiet() else 0.0)

    def close(self) -> None:
        """Be silent."""
        self._line.close()


class Lamp:
    """Plays the programme on light and buzzer.

    Args:
        outputs: By name.
        programme: What plays when.
        now_s: Monotonic seconds.
    """

    def __init__(
        self,
        outputs: Mapping[Literal["light", "buzzer"], Light | Buzzer],
        *,
        programme: Programme,
        now_s: Callable[[], float],
    ) -> None:
        self.problems: dict[Literal["light", "buzzer"], SignalError] = {}
        self._outputs = outputs
        self._programme = programme
        self._now_s = now_s
        self._changed = threading.Condition()
        self._news: bool = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="lamp", daemon=True)
        self._thread.start()

    @property
    def names(self) -> tuple[Literal["light", "buzzer"], ...]:
        """Its outputs."""
        return tuple(self._outputs)

    def take(self, announcement: Announcement) -> None:
        """Hand over and go on: nothing is moved here."""
        with self._changed:
            if self._programme.take(announcement, self._now_s()):
                self._news = True
                self._changed.notify()

    def close(self) -> None:
        """Go dark and silent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(JOIN_S)
        for output in self._outputs.values():
            output.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                self._news = False
                step, stands_s = self._programme.at(self._now_s())
            self._put(step)
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._news, stands_s)

    def _put(self, step: Step) -> None:
        for name, output in self._outputs.items():
            try:
                output.put(step)
            except SignalError as error:
                if name not in self.problems:
                    log.error("signal_failed", error=error)  # noqa: TRY400 - its message says what to do
                self.problems[name] = error
            else:
                self.problems.pop(name, None)
