"""Trying what is wired while no daemon runs, and bringing all pins to rest after one has died.

The daemon's own parts play what it would play. The door is no part of the walk: `try_door` is
asked for by name.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from edge.config.signals import DoorConfig, SignalsConfig
from edge.errors import PinRefused
from edge.signals.cues import RESULTS, STANDING
from edge.signals.pins import Pins, open_pins
from edge.signals.signals import SignalHealth, Surroundings, open_signals
from edge.types.announcements import Announcement, Notice
from edge.types.faces import Coaching

SHOWN: tuple[Notice, ...] = (*STANDING, *RESULTS)
EACH_S = 3  # longer than any tone with its words but one, and than a result of the light

OpenPins = Callable[[SignalsConfig], Pins]


def board_pins(config: SignalsConfig) -> Pins:
    """The pins of this board. Raises SignalError."""
    return open_pins(config.board)


def walk(
    config: SignalsConfig,
    *,
    environment: Mapping[str, str],
    pause: Callable[[float], None],
    pins: OpenPins = board_pins,
) -> Iterator[Notice | tuple[SignalHealth, ...]]:
    """Show and play everything but the door once: each notice as it begins, then how the outputs are."""
    without_door = config.model_copy(update={"door": DoorConfig()})
    surroundings = Surroundings(
        now_s=time.monotonic,
        quiet=lambda: False,
        ending=lambda: False,
        environment=environment,
        root=Path("/"),
    )
    with closing(open_signals(without_door, surroundings, pins=lambda: pins(config))) as signals:
        for notice in SHOWN:
            yield notice
            coaching = Coaching.COME_CLOSER if notice is Notice.GUIDANCE else None
            signals.announce(Announcement(notice, coaching=coaching, seconds=EACH_S))
            pause(EACH_S)
        yield signals.health()


def try_door(config: SignalsConfig, *, pause: Callable[[float], None], pins: OpenPins = board_pins) -> None:
    """Energise the relay for its hold time.

    Raises:
        SignalError: There is no door, or its pin cannot be moved.
    """
    door = config.door
    if door.pin is None:
        raise PinRefused("no door is wired", where="signals.door.pin", next_step="clockface config show")
    line = pins(config).line(door.pin, active_high=door.active_high, dimmed=False)
    try:
        line.put(1.0)
        pause(door.hold_s)
    finally:
        line.close()


def release(config: SignalsConfig, *, pins: OpenPins = board_pins) -> int:
    """Bring every configured pin to rest and let go of it, the door's first; returns how many.

    Raises:
        SignalError: One could not be: the others have been.
    """
    wanted = config.pins
    if not wanted:
        return 0
    opened, problem = pins(config), None
    for name in sorted(wanted):  # buzzer, door, light: none waits for another
        active_high = getattr(config, name.partition(".")[0]).active_high
        try:
            opened.line(wanted[name], active_high=active_high, dimmed=False).close()
        except PinRefused as error:
            problem = error
    if problem is not None:
        raise problem
    return len(wanted)
