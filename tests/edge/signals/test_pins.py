"""Both libraries keep the same promises: gpiozero on its own mock factory, Jetson.GPIO on a stand-in."""

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from edge.errors import GpioUnavailable, PinRefused
from edge.signals.gpiozero_pins import GpiozeroPins, open_gpiozero_pins
from edge.signals.jetson_pins import JetsonPins, open_jetson_pins
from edge.signals.pins import Pins


class JetsonStandIn:
    """Jetson.GPIO as documented: a mode before a setup, a setup before an output, inputs after cleanup."""

    BCM, OUT, LOW, HIGH = 11, 0, 0, 1

    def __init__(self, channels: range = range(2, 28)) -> None:
        self.levels: dict[int, int] = {}
        self._channels = channels
        self._mode: int | None = None

    def setwarnings(self, state: bool) -> None:  # noqa: FBT001 - theirs
        self.warnings = state

    def setmode(self, mode: int) -> None:
        if self._mode not in (None, mode):
            raise ValueError("A different mode has already been set!")
        self._mode = mode

    def setup(self, channel: int, direction: int, *, initial: int) -> None:
        if self._mode is None:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD)")
        if channel not in self._channels:
            raise ValueError(f"Channel {channel} is invalid on this board")
        self.levels[channel] = initial

    def output(self, channel: int, value: int) -> None:
        if channel not in self.levels:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self.levels[channel] = value

    def cleanup(self, channel: int) -> None:
        self.levels.pop(channel, None)


class Board:
    """Pins and what they are really at; None is an input."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.factory = MockFactory(pin_class=MockPWMPin)
        self.jetson = JetsonStandIn()

    def pins(self) -> Pins:
        return JetsonPins(self.jetson) if self.kind == "jetson" else GpiozeroPins(self.factory)

    def level(self, pin: int) -> float | None:
        if self.kind == "jetson":
            return self.jetson.levels.get(pin)
        mock = self.factory.pin(pin)
        return float(mock.state) if mock.function == "output" else None


@pytest.fixture(params=["gpiozero", "jetson"])
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    made = Board(request.param)
    yield made
    made.factory.reset()


@pytest.mark.parametrize(("active_high", "rest", "active"), [(True, 0, 1), (False, 1, 0)])
def test_a_line_begins_at_rest_and_becomes_an_input_when_it_is_closed(
    board: Board, *, active_high: bool, rest: int, active: int
) -> None:
    line = board.pins().line(17, active_high=active_high, dimmed=False)
    assert board.level(17) == rest
    line.put(1.0)
    assert board.level(17) == active
    line.put(0.0)
    assert board.level(17) == rest
    line.put(1.0)
    line.close()
    line.close()
    assert board.level(17) is None


def test_gpiozero_dims_a_line_that_is_to_be_dimmed() -> None:
    board = Board("gpiozero")
    line = board.pins().line(17, active_high=True, dimmed=True)
    line.put(0.25)
    assert board.level(17) == 0.25
    line.close()


def test_a_jetson_takes_any_level_as_on() -> None:
    board = Board("jetson")
    line = board.pins().line(17, active_high=True, dimmed=True)
    line.put(0.25)
    assert board.level(17) == 1


def test_a_pin_that_cannot_be_had_is_refused_by_name(board: Board) -> None:
    taken = None
    if board.kind == "jetson":
        board.jetson = JetsonStandIn(range(2, 10))
    else:
        taken = board.pins().line(17, active_high=True, dimmed=False)
    with pytest.raises(PinRefused, match="BCM 17"):
        board.pins().line(17, active_high=True, dimmed=False)
    if taken is not None:
        taken.close()


def test_a_line_that_can_no_longer_be_moved_says_so(board: Board) -> None:
    line = board.pins().line(17, active_high=True, dimmed=False)
    line.close()
    with pytest.raises(PinRefused, match="BCM 17"):
        line.put(1.0)


@pytest.fixture
def without_factory() -> Iterator[None]:
    before, Device.pin_factory = Device.pin_factory, None
    yield
    Device.pin_factory = before


def module(**attributes: Any) -> ModuleType:
    made = ModuleType("stand_in")
    made.__dict__.update(attributes)
    return made


def refusing(error: Exception) -> Any:
    def factory() -> None:
        raise error

    return factory


@pytest.mark.usefixtures("without_factory")
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied"), "may not use the GPIO"),
        (OSError("can not open gpiochip"), "cannot be opened"),
    ],
)
def test_what_keeps_lgpio_from_opening_is_said(
    monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", module(LGPIOFactory=refusing(error)))
    with pytest.raises(GpioUnavailable, match=says):
        open_gpiozero_pins()


@pytest.mark.usefixtures("without_factory")
@pytest.mark.parametrize("missing", ["gpiozero", "gpiozero.pins.lgpio"])
def test_a_library_of_the_pi_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(GpioUnavailable, match="scripts/setup pi"):
        open_gpiozero_pins()


def test_the_jetsons_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Jetson", None)
    with pytest.raises(GpioUnavailable, match="scripts/setup jetson"):
        open_jetson_pins()


def test_the_jetsons_library_is_found_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    gpio: Any = JetsonStandIn()
    monkeypatch.setitem(sys.modules, "Jetson", module(GPIO=gpio))
    monkeypatch.setitem(sys.modules, "Jetson.GPIO", gpio)
    assert open_jetson_pins().dims is False
    assert gpio.warnings is False


def test_another_mode_set_before_us_is_named() -> None:
    gpio: Any = JetsonStandIn()
    gpio.setmode(10)
    with pytest.raises(GpioUnavailable, match="cannot be used"):
        JetsonPins(gpio)


def test_the_stand_in_refuses_what_the_real_one_refuses() -> None:
    with pytest.raises(RuntimeError):
        JetsonStandIn().setup(17, 0, initial=0)
    assert SimpleNamespace(gpio=JetsonStandIn()).gpio.levels == {}
