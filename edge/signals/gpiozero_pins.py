"""Pins of a Raspberry Pi through gpiozero, over lgpio: the character device, no root and no daemon of its own.

Only lgpio, because the others that gpiozero would try want /dev/mem or a socket. A factory that was set before
(a test's MockFactory) is used as it is.
"""

from contextlib import suppress
from typing import Any

from edge.errors import GpioUnavailable, PinRefused, SignalError
from edge.signals.pins import Line, Pins

INSTALL = "scripts/setup pi"
PERMIT = "add the daemon's user to the group gpio: ls -l /dev/gpiochip*; see systemd/clockface-edge.service"


class GpiozeroLine(Line):
    """An output device of gpiozero."""

    def __init__(self, device: Any, pin: int) -> None:
        self._device = device
        self._pin = pin

    def put(self, level: float) -> None:
        """Drive it."""
        try:
            self._device.value = level
        except Exception as error:
            raise PinRefused(
                f"a pin could not be moved: {type(error).__name__}", where=f"BCM {self._pin}", next_step=PERMIT
            ) from error

    def close(self) -> None:
        """Bring it to rest and let go of it."""
        with suppress(Exception):  # it is let go of all the same
            if not self._device.closed:
                self._device.off()
        with suppress(Exception):
            self._device.close()


class GpiozeroPins(Pins):
    """Pins of one factory."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory

    @property
    def dims(self) -> bool:
        """By pulse width."""
        return True

    def line(self, pin: int, *, active_high: bool, dimmed: bool) -> Line:
        """Take a pin."""
        import gpiozero

        make: Any = gpiozero.PWMOutputDevice if dimmed else gpiozero.DigitalOutputDevice
        try:
            device = make(pin, active_high=active_high, initial_value=0, pin_factory=self._factory)
        except Exception as error:
            raise _explained(error, where=f"BCM {pin}") from error
        return GpiozeroLine(device, pin)


def open_gpiozero_pins() -> GpiozeroPins:
    """The pins of this Raspberry Pi.

    Raises:
        GpioUnavailable: A library is not installed, or there is no GPIO that this process may open.
    """
    try:
        from gpiozero import Device

        if Device.pin_factory is None:
            from gpiozero.pins.lgpio import LGPIOFactory

            Device.pin_factory = LGPIOFactory()
    except ImportError as error:
        raise GpioUnavailable(
            f"the library {error.name or 'lgpio'} is not installed",
            where="signals.board = gpiozero",
            next_step=INSTALL,
        ) from error
    except Exception as error:
        raise _explained(error, where="/dev/gpiochip*") from error
    return GpiozeroPins(Device.pin_factory)


def _explained(error: Exception, *, where: str) -> SignalError:
    """What a library's error means, by its class: their messages are not ours to print."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error).lower()
    if "permission" in text or "PermissionError" in names:
        return GpioUnavailable("this process may not use the GPIO", where=where, next_step=PERMIT)
    if names & {"GPIOPinInUse", "GPIODeviceError"} or "busy" in text:
        return PinRefused(
            "a pin is in use by another driver or program",
            where=where,
            next_step="gpioinfo; choose another pin",
        )
    if names & {"PinError", "PinInvalidPin"}:
        return PinRefused(
            f"a pin cannot be an output here: {type(error).__name__}",
            where=where,
            next_step="see docs/wiring.md",
        )
    return GpioUnavailable(
        f"the GPIO cannot be opened: {type(error).__name__}", where=where, next_step="ls -l /dev/gpiochip*"
    )
