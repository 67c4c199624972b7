"""Runs `clockface` with gpiozero's own mock factory for pins, and notes in a file what each pin is put to."""

import os
import sys
import time
from pathlib import Path

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from edge.cli.main import main

NOTES = "TEST_PIN_NOTES"


class NotingPin(MockPWMPin):  # type: ignore[misc]
    """A mock pin that notes each change: BCM number, state, seconds of the monotonic clock."""

    def _set_state(self, value: float) -> None:
        before = self._state
        super()._set_state(value)
        if before != value:
            note = f"{self.info.name.removeprefix('GPIO')} {value:.2f} {time.monotonic():.4f}\n"
            with Path(os.environ[NOTES]).open("a", encoding="ascii") as notes:
                notes.write(note)


if __name__ == "__main__":
    Device.pin_factory = MockFactory(pin_class=NotingPin)
    sys.exit(main())
