"""What is configured is opened; what cannot be is a named fault, and announcements go on."""

import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edge.config.signals import SignalsConfig
from edge.errors import BoardUnknown, SignalError
from edge.signals.pins import library_for
from edge.signals.signals import Signals, Surroundings, open_signals
from edge.types.announcements import Announcement, Notice
from tests.edge.signals.given import NotingPins, eventually, recorded

ALL: dict[str, Any] = {
    "light": {"kind": "rgb", "red_pin": 5, "green_pin": 6, "blue_pin": 13},
    "buzzer": {"pin": 12},
    "door": {"pin": 17},
}


def surroundings(root: Path = Path("/nonexistent"), *, quiet: bool = False) -> Surroundings:
    return Surroundings(
        now_s=time.monotonic, quiet=lambda: quiet, ending=lambda: False, environment={}, root=root
    )


def opened(pins: NotingPins, *, quiet: bool = False, **sections: Any) -> Signals:
    config = SignalsConfig.model_validate(sections or ALL)
    return open_signals(config, surroundings(quiet=quiet), pins=lambda: pins)


def lit(pins: NotingPins) -> tuple[float, ...]:
    return tuple(round(pins.lines[pin].levels[-1], 2) for pin in (5, 6, 13))


def test_a_record_is_green_and_sounds_and_opens() -> None:
    pins = NotingPins()
    signals = opened(pins)
    signals.announce(recorded())
    eventually(lambda: lit(pins) == (0.0, 1.0, 0.0))
    pins.lines[12].until(0.0, 1.0, 0.0)
    eventually(lambda: 1.0 in pins.lines[17].levels)
    assert [(each.name, each.problem) for each in signals.health()] == [
        ("buzzer", None),
        ("door", None),
        ("light", None),
    ]
    signals.close()
    assert all(line.closed for line in pins.lines.values())


def test_three_leds_show_amber_with_their_amber_one() -> None:
    pins = NotingPins()
    signals = opened(pins, light={"kind": "three", "red_pin": 5, "amber_pin": 6, "green_pin": 13})
    signals.announce(Announcement(Notice.NOT_RECOGNISED))
    eventually(lambda: lit(pins) == (0.0, 1.0, 0.0))
    signals.close()


def test_brightness_is_of_everything() -> None:
    pins = NotingPins()
    signals = opened(pins, light=ALL["light"] | {"brightness": 0.5})
    signals.announce(Announcement(Notice.ATTRACT))
    eventually(lambda: lit(pins) == (0.05, 0.05, 0.05))
    signals.close()


def test_in_quiet_hours_the_buzzer_is_silent_and_the_light_is_not() -> None:
    pins = NotingPins()
    signals = opened(pins, quiet=True)
    signals.announce(recorded())
    eventually(lambda: lit(pins) == (0.0, 1.0, 0.0))
    signals.close()
    assert pins.lines[12].levels == [0.0]


def test_one_wrong_pin_takes_one_output_away_and_says_which() -> None:
    pins = NotingPins(refused=frozenset({13}))
    signals = opened(pins)
    assert [each.name for each in signals.health() if each.problem] == ["light"]
    assert "BCM 13" in str(signals.health()[2].problem)
    assert pins.lines[5].closed  # half a light is let go of
    signals.announce(recorded())
    eventually(lambda: 1.0 in pins.lines[17].levels)
    signals.close()


def test_a_pin_that_fails_later_is_a_fault_until_it_works_again() -> None:
    pins = NotingPins()
    signals = opened(pins)
    eventually(lambda: bool(pins.lines[12].levels))
    pins.lines[12].broken = True
    signals.announce(Announcement(Notice.NOT_RECOGNISED))
    eventually(lambda: any(each.problem for each in signals.health()))
    pins.lines[12].broken = False
    eventually(lambda: not any(each.problem for each in signals.health()))
    signals.close()


def test_a_board_that_is_neither_is_named_and_announcements_go_on(tmp_path: Path) -> None:
    signals = open_signals(SignalsConfig.model_validate(ALL), surroundings(tmp_path))
    signals.announce(recorded())
    signals.after_step()
    assert {
        each.name: "neither a Raspberry Pi nor a Jetson" in str(each.problem) for each in signals.health()
    } == {
        "light": True,
        "buzzer": True,
        "door": True,
    }
    signals.close()


def test_nothing_wired_asks_for_no_board(tmp_path: Path) -> None:
    signals = open_signals(SignalsConfig(), surroundings(tmp_path))
    signals.announce(recorded())
    assert signals.health() == ()
    signals.close()


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0\0", "gpiozero"),
        ("NVIDIA Jetson Orin Nano Developer Kit\0", "jetson"),
    ],
)
def test_the_board_says_which_library_it_wants(tmp_path: Path, name: str, library: str) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text(name)
    assert library_for("auto", root=tmp_path) == library


def test_another_board_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(BoardUnknown, match=r"signals\.board"):
        library_for("auto", root=tmp_path)
    assert library_for("jetson", root=tmp_path) == "jetson"


@pytest.mark.parametrize("board", ["gpiozero", "jetson"])
def test_a_library_that_is_not_there_or_not_for_this_board_is_named(tmp_path: Path, board: str) -> None:
    config = SignalsConfig.model_validate({"board": board, "buzzer": {"pin": 12}})
    signals = open_signals(config, surroundings(tmp_path))
    (health,) = signals.health()
    assert health.problem is not None
    assert "Next: " in health.problem
    signals.close()


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"buzzer": {"pin": 17}, "door": {"pin": 17}}, "pin 17 is used twice"),
        ({"light": {"kind": "rgb", "red_pin": 5}}, "needs green_pin and blue_pin"),
        ({"light": {"kind": "none", "red_pin": 5}}, "changes nothing"),
        ({"buzzer": {"pin": 1}}, "greater than or equal to 2"),
        ({"buzzer": {"pin": 28}}, "less than or equal to 27"),
        ({"door": {"pin": 17, "hold_s": 60}}, "less than or equal to 15"),
        ({"door": {"pin": 17, "methods": []}}, "at least 1 item"),
        ({"quiet": {"starts": "22:00"}}, "starts and ends"),
        ({"board": "jetson", "light": ALL["light"] | {"brightness": 0.5}}, "cannot dim"),
    ],
)
def test_what_cannot_be_wired_is_refused_by_the_configuration(sections: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        SignalsConfig.model_validate(sections)


def test_announcing_waits_for_nothing() -> None:
    pins = NotingPins()
    signals = opened(pins)
    took = []
    for index in range(2000):
        announcement = recorded() if index % 2 else Announcement(Notice.ATTRACT)
        began = time.perf_counter()
        signals.announce(announcement)
        took.append(time.perf_counter() - began)
    signals.close()
    assert statistics.median(took) < 0.001


def test_every_fault_is_a_signal_error_with_a_next_step() -> None:
    assert issubclass(BoardUnknown, SignalError)
