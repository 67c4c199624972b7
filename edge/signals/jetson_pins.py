"""Pins of a Jetson through NVIDIA's Jetson.GPIO, by BCM number as on the header; they are on or off, never dim.

Its hardware pulse width exists on two pins only and must be turned on in the device tree, so nothing here
relies on it. Written against its documented API (setmode, setup, output, cleanup); tests run it on a
stand-in.
"""

from contextlib import suppress
from typing import Any

from edge.errors import GpioUnavailable, PinRefused
from edge.signals.pins import Line, Pins

INSTALL = "scripts/setup jetson"
PERMIT = (
    "sudo groupadd -f -r gpio; sudo usermod -a -G gpio clockface; install Jetson.GPIO's udev rule, then restart"
)


class JetsonLine(Line):
    """One channel."""

    def __init__(self, gpio: Any, pin: int, *, active_high: bool) -> None:
        self._gpio = gpio
        self._pin = pin
        self._active = gpio.HIGH if active_high else gpio.LOW
        self._rest = gpio.LOW if active_high else gpio.HIGH
        self._open = True

    def put(self, level: float) -> None:
        """Drive it on or off."""
        try:
            self._gpio.output(self._pin, self._active if level > 0 else self._rest)
        except Exception as error:
            raise PinRefused(
                f"a pin could not be moved: {type(error).__name__}", where=f"BCM {self._pin}", next_step=PERMIT
            ) from error

    def close(self) -> None:
        """Bring it to rest and let go of it."""
        if not self._open:
            return
        self._open = False
        with suppress(Exception):  # it is let go of all the same
            self._gpio.output(self._pin, self._rest)
        with suppress(Exception):
            self._gpio.cleanup(self._pin)


class JetsonPins(Pins):
    """Pins of the module Jetson.GPIO.

    Args:
        gpio: The module.
    """

    def __init__(self, gpio: Any) -> None:
        self._gpio = gpio
        try:
            gpio.setwarnings(False)
            gpio.setmode(gpio.BCM)
        except Exception as error:
            raise GpioUnavailable(
                f"Jetson.GPIO cannot be used: {type(error).__name__}", where="signals.board", next_step=PERMIT
            ) from error

    @property
    def dims(self) -> bool:
        """Never."""
        return False

    def line(self, pin: int, *, active_high: bool, dimmed: bool) -> Line:  # noqa: ARG002 - it cannot
        """Take a pin."""
        gpio = self._gpio
        try:
            gpio.setup(pin, gpio.OUT, initial=gpio.LOW if active_high else gpio.HIGH)
        except (ValueError, TypeError) as error:
            raise PinRefused(
                "this board has no such pin to use as an output",
                where=f"BCM {pin}",
                next_step="see docs/wiring.md for the pins of a Jetson",
            ) from error
        except Exception as error:
            raise GpioUnavailable(
                f"a pin cannot be had: {type(error).__name__}", where=f"BCM {pin}", next_step=PERMIT
            ) from error
        return JetsonLine(gpio, pin, active_high=active_high)


def open_jetson_pins() -> JetsonPins:
    """The pins of this Jetson.

    Raises:
        GpioUnavailable: The library is not installed, does not know this board, or may not use its pins.
    """
    try:
        from Jetson import GPIO
    except ImportError as error:
        raise GpioUnavailable(
            "the library Jetson.GPIO is not installed", where="signals.board = jetson", next_step=INSTALL
        ) from error
    except Exception as error:  # it looks for its board when it is imported, and raises what it likes
        raise GpioUnavailable(
            f"Jetson.GPIO does not know this board or may not use it: {type(error).__name__}",
            where="signals.board = jetson",
            next_step=PERMIT,
        ) from error
    return JetsonPins(GPIO)
