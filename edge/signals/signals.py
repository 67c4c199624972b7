"""All that signals beside the screen, opened from the configuration and fed with what is announced.

What cannot be opened is a fault with a name, in log, status and doctor: the kiosk records without it. Nothing
here waits for a pin, a card or a thread, and nothing raises into the loop.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from edge.config.signals import SignalsConfig
from edge.errors import SignalError
from edge.ports import Announcer
from edge.signals.cues import Programme
from edge.signals.door import Door
from edge.signals.lamp import Buzzer, Lamp, Light
from edge.signals.pins import Line, Pins, open_pins
from edge.signals.speaker import Sounds, Speaker
from edge.types.announcements import Announcement
from edge.types.verdicts import Scene

Name = Literal["light", "buzzer", "door", "sound"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignalHealth:
    """How one output is; `problem` is a deliberate error's own message, or None."""

    name: Name
    problem: str | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What signals need of the process.

    Args:
        now_s: Monotonic seconds.
        quiet: Whether it is quiet now.
        ending: Whether the daemon stops.
        environment: Of the process, for ALSA.
        root: Where /proc is.
    """

    now_s: Callable[[], float]
    quiet: Callable[[], bool]
    ending: Callable[[], bool]
    environment: Mapping[str, str]
    root: Path = Path("/")


class Side:
    """To which side somebody must move to stand in the middle, from where the face is in the picture.

    Args:
        width_px: Of the picture.
        mirrored: Whether the picture is flipped, as `camera.mirror` has it.
    """

    def __init__(self, *, width_px: float, mirrored: bool) -> None:
        self._width_px = width_px
        self._mirrored = mirrored
        self.now: Literal["left", "right"] | None = None

    def look(self, scene: Scene) -> None:
        """Note where the face stands; in the middle third no side helps."""
        if scene.outline is None:
            return
        place = scene.outline.centre[0] / self._width_px
        place = 1 - place if self._mirrored else place
        # Who looks into the camera stands in the left of its picture with the right hand outwards.
        self.now = "left" if place < 1 / 3 else "right" if place > 2 / 3 else None


class Signals(Announcer):
    """Light, buzzer and door as the loop meets them.

    Args:
        lamp: Light and buzzer; None without.
        door: The strike; None without.
        speaker: Sound; None without.
        side: To which side somebody should move to stand in the middle.
        faults: Outputs that could not be opened, and why.
    """

    def __init__(
        self,
        *,
        lamp: Lamp | None,
        door: Door | None,
        speaker: Speaker | None,
        side: Side,
        faults: dict[Name, SignalError],
    ) -> None:
        self._lamp = lamp
        self._door = door
        self._speaker = speaker
        self._side = side
        self._faults = faults
        self._names: list[Name] = [] if lamp is None else list(lamp.names)
        if door is not None:
            self._names.append("door")
        if speaker is not None:
            self._names.append("sound")

    def announce(self, announcement: Announcement) -> None:
        """Hand over to each; the door first, for it is waited for."""
        if self._door is not None:
            self._door.take(announcement)
        if self._lamp is not None:
            self._lamp.take(announcement)
        if self._speaker is not None:
            self._speaker.take(announcement, side=self._side.now)

    def look(self, scene: Scene) -> None:
        """Note where in the picture somebody stands."""
        self._side.look(scene)

    def after_step(self) -> None:
        """Look after what must not stay as it is, from another thread than its own."""
        if self._door is not None:
            self._door.enforce()

    def health(self) -> tuple[SignalHealth, ...]:
        """Each configured output, from any thread."""
        problems: dict[Name, SignalError] = dict(self._faults)
        if self._lamp is not None:
            problems.update(dict(self._lamp.problems).items())
        if self._door is not None and self._door.problem is not None:
            problems["door"] = self._door.problem
        if self._speaker is not None and self._speaker.problem is not None:
            problems["sound"] = self._speaker.problem
        named = sorted({*self._names, *problems})
        return tuple(SignalHealth(name, str(problems[name]) if name in problems else None) for name in named)

    def close(self) -> None:
        """Bring everything to rest; the door first."""
        for part in (self._door, self._lamp, self._speaker):
            if part is not None:
                part.close()


class Audience(Announcer):
    """Tells several announcers the same, in their order."""

    def __init__(self, *announcers: Announcer) -> None:
        self._announcers = announcers

    def announce(self, announcement: Announcement) -> None:
        """Tell each."""
        for announcer in self._announcers:
            announcer.announce(announcement)


def open_signals(
    config: SignalsConfig,
    surroundings: Surroundings,
    *,
    side: Side | None = None,
    pins: Callable[[], Pins] | None = None,
) -> Signals:
    """Open what the configuration wires; never raises for what a board or its wiring lacks."""
    faults: dict[Name, SignalError] = {}
    wanted = dict(_wanted(config))
    opened: Pins | None = None
    if wanted:
        try:
            opened = pins() if pins is not None else open_pins(config.board, root=surroundings.root)
        except SignalError as error:
            faults = dict.fromkeys(wanted, error)
            log.error("signals_unavailable", error=error)  # noqa: TRY400 - its message says what to do
    lines: dict[Name, dict[str, Line]] = {}
    if opened is not None:
        for name, each in wanted.items():
            try:
                lines[name] = _lines(opened, each)
            except SignalError as error:
                faults[name] = error
                log.error("signal_unavailable", error=error)  # noqa: TRY400 - its message says what to do
    return Signals(
        lamp=_lamp(config, surroundings, lines, dims=opened is not None and opened.dims),
        door=_door(config, surroundings, lines),
        speaker=_speaker(config, surroundings, faults),
        side=side or Side(width_px=640, mirrored=False),
        faults=faults,
    )


@dataclass(frozen=True, slots=True)
class _Output:
    pins: dict[str, int]
    active_high: bool
    dimmed: bool = False


def _wanted(config: SignalsConfig) -> Iterator[tuple[Name, _Output]]:
    light = {name.removesuffix("_pin"): pin for name, pin in config.light.pins.items() if pin is not None}
    if light:
        yield "light", _Output(light, config.light.active_high, dimmed=True)
    if config.buzzer.pin is not None:
        yield "buzzer", _Output({"buzzer": config.buzzer.pin}, config.buzzer.active_high)
    if config.door.pin is not None:
        yield "door", _Output({"door": config.door.pin}, config.door.active_high)


def _lines(pins: Pins, output: _Output) -> dict[str, Line]:
    """All lines of an output, or none of them."""
    with ExitStack() as opened:
        lines: dict[str, Line] = {}
        for name, pin in output.pins.items():
            line = pins.line(pin, active_high=output.active_high, dimmed=output.dimmed and pins.dims)
            opened.callback(line.close)
            lines[name] = line
        opened.pop_all()
    return lines


def _lamp(
    config: SignalsConfig, surroundings: Surroundings, lines: dict[Name, dict[str, Line]], *, dims: bool
) -> Lamp | None:
    outputs: dict[Literal["light", "buzzer"], Light | Buzzer] = {}
    if "light" in lines:
        outputs["light"] = Light(lines["light"], brightness=config.light.brightness)
    if "buzzer" in lines:
        outputs["buzzer"] = Buzzer(lines["buzzer"]["buzzer"], quiet=surroundings.quiet)
    if not outputs:
        return None
    programme = Programme(result_s=config.light.result_s, dims=dims)
    return Lamp(outputs, programme=programme, now_s=surroundings.now_s)


def _door(config: SignalsConfig, surroundings: Surroundings, lines: dict[Name, dict[str, Line]]) -> Door | None:
    if "door" not in lines:
        return None
    return Door(
        lines["door"]["door"], settings=config.door, ending=surroundings.ending, now_s=surroundings.now_s
    )


def _speaker(
    config: SignalsConfig, surroundings: Surroundings, faults: dict[Name, SignalError]
) -> Speaker | None:
    if config.sound.device is None:
        return None
    try:
        sounds = Sounds(config.sound)
    except SignalError as error:
        faults["sound"] = error
        log.error("signal_unavailable", error=error)  # noqa: TRY400 - its message says what to do
        return None

    def volume_percent() -> int:
        return config.quiet.volume_percent if surroundings.quiet() else config.sound.volume_percent

    return Speaker(
        config.sound,
        sounds=sounds,
        volume_percent=volume_percent,
        environment=surroundings.environment,
        now_s=surroundings.now_s,
    )
