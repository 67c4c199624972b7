"""A card reader that types, as python-evdev shows it: keys become a card, all else becomes nothing."""

import os
import threading
from pathlib import Path

from evdev import InputEvent, ecodes

from edge.badge.keyboard import CardReader, Typist


class FakeReader:
    """An `evdev.InputDevice` whose events come through a pipe."""

    def __init__(self, events: list[InputEvent]) -> None:
        self.events = events
        self.closed = False
        self._read, self._write = os.pipe()
        os.write(self._write, b"x")

    def grab(self) -> None:
        pass

    def read(self) -> list[InputEvent]:
        if not self.events:
            raise OSError(19, "No such device")  # pulled out
        events, self.events = self.events, []
        return events

    def fileno(self) -> int:
        return self._read

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._read)
            os.close(self._write)


def pressed(*names: str) -> list[InputEvent]:
    events = []
    for name in names:
        code = ecodes.ecodes[name]
        events += [InputEvent(0, 0, ecodes.EV_KEY, code, value) for value in (1, 0)]
        events.append(InputEvent(0, 0, ecodes.EV_SYN, 0, 0))
    return events


def test_what_a_reader_types_is_a_card_at_its_enter() -> None:
    cards: list[str] = []
    arrived = threading.Event()

    def note(card: str) -> None:
        cards.append(card)
        arrived.set()

    device = FakeReader(pressed("KEY_0", "KEY_4", "KEY_A", "KEY_KP7", "KEY_F1", "KEY_ENTER"))
    opened: list[Path] = []

    def opening(path: Path) -> FakeReader:
        opened.append(path)
        return device

    reader = CardReader(Path("/dev/input/by-id/card"), note, opening=opening)
    reader.start()
    assert arrived.wait(10)
    reader.close()
    assert cards == ["04a7"]
    assert device.closed


def test_a_shifted_badge_text_is_typed_as_it_stands() -> None:
    typist = Typist()
    for name, value in (("KEY_LEFTSHIFT", 1), ("KEY_C", 1), ("KEY_4", 1), ("KEY_LEFTSHIFT", 0), ("KEY_1", 1)):
        assert typist.key(name, value, 1.0) is None
    assert typist.key("KEY_ENTER", 1, 1.0) == "C$1"


def test_a_pause_begins_another_card_and_an_endless_one_is_none() -> None:
    typist = Typist()
    typist.key("KEY_1", 1, 1.0)
    typist.key("KEY_2", 1, 5.0)
    assert typist.key("KEY_ENTER", 1, 5.1) == "2"
    for _ in range(1000):
        typist.key("KEY_1", 1, 6.0)
    assert typist.key("KEY_ENTER", 1, 6.0) is None
    assert typist.key("KEY_ENTER", 1, 6.1) is None
