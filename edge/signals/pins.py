"""The seam to the board's pins, and which library is behind it.

A line is an output with a rest: inactive when it is opened, and again when it is closed. Which level is active
is the wiring's business. Libraries are imported in their own backend only; what they raise becomes a
`SignalError`.
"""

from pathlib import Path
from typing import Literal, Protocol

from edge.board import read
from edge.errors import BoardUnknown

MODEL_FILE = "proc/device-tree/model"
Library = Literal["gpiozero", "jetson"]


class Line(Protocol):
    """One output pin."""

    def put(self, level: float) -> None:
        """Drive it: 0 is at rest, 1 fully active; a line that cannot dim takes everything above 0 as 1.

        Raises:
            PinRefused: The library could not.
        """
        ...

    def close(self) -> None:
        """Bring it to rest and let go of it. May be called twice; never raises."""
        ...


class Pins(Protocol):
    """The board's pins."""

    @property
    def dims(self) -> bool:
        """Whether a line can be dim."""
        ...

    def line(self, pin: int, *, active_high: bool, dimmed: bool) -> Line:
        """Take a pin by its BCM number as an output at rest; `dimmed` asks for levels between 0 and 1.

        Raises:
            GpioUnavailable: The library, the permission or the device is missing.
            PinRefused: This pin cannot be had.
        """
        ...


def library_for(board: Literal["auto", "gpiozero", "jetson"], *, root: Path = Path("/")) -> Library:
    """Which library this board wants.

    Raises:
        BoardUnknown: `auto`, and the board's name tells neither a Raspberry Pi nor a Jetson.
    """
    if board != "auto":
        return board
    name = (read(root / MODEL_FILE) or "").rstrip("\0")
    if "Raspberry Pi" in name:
        return "gpiozero"
    if any(word in name for word in ("Jetson", "NVIDIA Orin", "p3767", "p3768")):
        return "jetson"
    raise BoardUnknown(
        "this board is neither a Raspberry Pi nor a Jetson, and its pins are not known",
        where=f"/{MODEL_FILE}",
        next_step="set signals.board, or unset the pins in the section signals (docs/signals.md)",
    )


def open_pins(board: Literal["auto", "gpiozero", "jetson"], *, root: Path = Path("/")) -> Pins:
    """The pins of this board.

    Raises:
        SignalError: There are none that we can move, and why.
    """
    if library_for(board, root=root) == "jetson":
        from edge.signals.jetson_pins import open_jetson_pins

        return open_jetson_pins()
    from edge.signals.gpiozero_pins import open_gpiozero_pins

    return open_gpiozero_pins()
