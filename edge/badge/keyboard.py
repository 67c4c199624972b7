"""Card readers that type (keyboard wedge): NFC readers that pass for a USB keyboard, through evdev.

The device is taken for ourselves alone (EVIOCGRAB), so that a card's number never reaches a shell or the
screen's browser. Trust boundary: what is typed is bounded and restricted here, and only looked up; it is
never logged.
"""

import contextlib
import selectors
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

MAX_CHARS: Final = 256
PAUSE_S: Final = 1.0  # a reader types a card in less; after a pause another card begins
RETRY_S: Final = 5.0
POLL_S: Final = 0.5

log = structlog.get_logger(__name__)

# US layout, which these readers assume unless told otherwise: what a key types without and with shift.
KEYS: Final = {
    **{f"KEY_{letter}": (letter.lower(), letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{f"KEY_{digit}": (digit, shifted) for digit, shifted in zip("1234567890", "!@#$%^&*()", strict=True)},
    **{f"KEY_KP{digit}": (digit, digit) for digit in "0123456789"},
    "KEY_MINUS": ("-", "_"),
    "KEY_EQUAL": ("=", "+"),
    "KEY_SLASH": ("/", "?"),
    "KEY_DOT": (".", ">"),
    "KEY_SEMICOLON": (";", ":"),
    "KEY_SPACE": (" ", " "),
}
SHIFTS: Final = frozenset({"KEY_LEFTSHIFT", "KEY_RIGHTSHIFT"})
ENDS: Final = frozenset({"KEY_ENTER", "KEY_KPENTER", "KEY_TAB"})
DOWN, UP = 1, 0


class Typist:
    """Puts what a reader types together: key by key in, a card out at its Enter. Pure but for what it keeps."""

    def __init__(self) -> None:
        self._text = ""
        self._shift = False
        self._last_s = 0.0

    def key(self, name: str, value: int, at_s: float) -> str | None:
        """Take one key's event; returns the card when it is complete.

        Args:
            name: As evdev names it, such as KEY_1.
            value: 1 down, 0 up, 2 held.
            at_s: When.
        """
        if name in SHIFTS:
            self._shift = value != UP
            return None
        if value != DOWN:
            return None
        if at_s - self._last_s > PAUSE_S:
            self._text = ""
        self._last_s = at_s
        if name in ENDS:
            text, self._text = self._text, ""
            return text if 0 < len(text) <= MAX_CHARS else None
        typed = KEYS.get(name)
        if typed is not None and len(self._text) <= MAX_CHARS:
            self._text += typed[1 if self._shift else 0]
        return None


class KeyboardDevice(Protocol):
    """What is used of `evdev.InputDevice`."""

    def grab(self) -> None:
        """Take it for this process alone."""
        ...

    def read(self) -> Any:
        """The events that are there."""
        ...

    def fileno(self) -> int:
        """For select."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


def open_device(path: Path) -> KeyboardDevice:
    """Open a keyboard and take it for ourselves.

    Raises:
        OSError: It is not there, not allowed, or somebody else has it.
    """
    import evdev

    device: KeyboardDevice = evdev.InputDevice(str(path))
    device.grab()
    return device


class CardReader:
    """Reads cards in a thread of its own, and waits for a reader that is unplugged.

    Args:
        path: The device, below /dev/input/by-id so that it stays the same.
        tapped: Told every card, from that thread.
        opening: How the device is opened.
    """

    def __init__(
        self,
        path: Path,
        tapped: Callable[[str], None],
        *,
        opening: Callable[[Path], KeyboardDevice] = open_device,
    ) -> None:
        self._path = path
        self._tapped = tapped
        self._opening = opening
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clockface-cards", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop. May be called twice, and before `start`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * POLL_S + 1.0)

    def _run(self) -> None:
        said = False
        while not self._stopping.is_set():
            try:
                with contextlib.closing(self._opening(self._path)) as device:
                    said = False
                    log.info("card_reader_open")
                    self._read(device)
            except (OSError, ImportError) as error:
                if not said:  # once, not every five seconds while it is unplugged
                    log.warning("card_reader_lost", error=type(error).__name__)
                    said = True
                self._stopping.wait(RETRY_S)

    def _read(self, device: KeyboardDevice) -> None:
        typist = Typist()
        with selectors.DefaultSelector() as ready:
            ready.register(device, selectors.EVENT_READ)
            while not self._stopping.is_set():
                if not ready.select(POLL_S):
                    continue
                for event in device.read():
                    name = key_name(event)
                    card = None if name is None else typist.key(name, event.value, time.monotonic())
                    if card is not None:
                        self._tapped(card)


def key_name(event: Any) -> str | None:
    """The name of a key event's key; None for other events."""
    from evdev import ecodes

    if event.type != ecodes.EV_KEY:
        return None
    name = ecodes.KEY.get(event.code)
    return str(name[0] if isinstance(name, list | tuple) else name) if name else None
