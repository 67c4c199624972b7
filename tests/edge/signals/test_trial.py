"""What an installer tries, and what brings pins to rest when nobody else can."""

import re
from pathlib import Path
from typing import Any

import pytest

from edge.config.signals import SignalsConfig
from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Health
from edge.doctor.signals import check_signals
from edge.errors import BoardUnknown, EdgeUnreachable, PinRefused
from edge.signals.trial import SHOWN, release, try_door, walk
from edge.types.announcements import Notice
from tests.edge.signals.given import NotingPins
from tests.edge.signals.test_daemon_signals import WIRED, WiredDevice
from tests.edge.signals.test_signals import ALL


class Pause:
    """Notes what a pin is at whenever it would wait."""

    def __init__(self, pins: NotingPins, pin: int) -> None:
        self.pins, self.pin = pins, pin
        self.seen: list[float] = []

    def __call__(self, seconds: float) -> None:
        line = self.pins.lines.get(self.pin)
        self.seen.append(line.levels[-1] if line is not None and line.levels else 0.0)


def test_the_walk_shows_everything_and_never_touches_the_door() -> None:
    pins = NotingPins()
    config = SignalsConfig.model_validate(ALL)
    told = list(walk(config, environment={}, pause=Pause(pins, 17), pins=lambda _config: pins))
    assert tuple(told[:-1]) == SHOWN
    assert set(SHOWN) == set(Notice) - {Notice.MESSAGE}
    assert 17 not in pins.lines
    assert pins.lines[5].closed


def test_the_door_is_tried_when_asked_for_and_at_rest_afterwards() -> None:
    pins = NotingPins()
    pause = Pause(pins, 17)
    try_door(SignalsConfig.model_validate(ALL), pause=pause, pins=lambda _config: pins)
    assert pause.seen == [1.0]
    assert pins.lines[17].closed


def test_a_door_that_is_not_wired_cannot_be_tried() -> None:
    with pytest.raises(PinRefused, match=r"signals\.door\.pin"):
        try_door(SignalsConfig(), pause=lambda _s: None, pins=lambda _config: NotingPins())


def test_release_brings_every_pin_to_rest_also_where_one_is_refused() -> None:
    pins = NotingPins(refused=frozenset({12}))
    with pytest.raises(PinRefused, match="BCM 12"):
        release(SignalsConfig.model_validate(ALL), pins=lambda _config: pins)
    assert {pin for pin, line in pins.lines.items() if line.closed} == {5, 6, 13, 17}


def test_release_without_pins_asks_for_no_board() -> None:
    assert release(SignalsConfig()) == 0


def test_the_commands_say_what_is_wrong_and_release_is_quiet_where_nothing_is_wired(tmp_path: Path) -> None:
    device = WiredDevice(tmp_path, camera={"replay_path": "x"}, **WIRED)
    assert device.clockface("signals", "release").returncode == 0
    bare = WiredDevice(tmp_path, camera={"replay_path": "x"})
    told = bare.clockface("signals", "release")
    assert (told.returncode, told.stdout) == (0, "no pins are configured\n")
    told = bare.clockface("signals", "test", "--door")
    assert told.returncode == PinRefused.exit_code
    assert re.search("no door is wired", told.stdout + told.stderr)


def looked_at(**signals: Any) -> Any:
    config = Config.model_validate({"signals": signals, "liveness": {"policy": "off"}})
    down = Daemon(client=None, status=None, problem=EdgeUnreachable("nobody"))  # type: ignore[arg-type]
    return lambda root: check_signals(config, down, root=root)


@pytest.fixture
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Daemon, "down", True)


@pytest.mark.usefixtures("nobody_listens")
def test_doctor_has_nothing_to_say_where_nothing_is_wired(tmp_path: Path) -> None:
    assert looked_at()(tmp_path).health is Health.NOT_AVAILABLE


@pytest.mark.usefixtures("nobody_listens")
def test_doctor_names_a_board_without_pins(tmp_path: Path) -> None:
    with pytest.raises(BoardUnknown):
        looked_at(buzzer={"pin": 12})(tmp_path)


@pytest.mark.usefixtures("nobody_listens")
def test_doctor_misses_the_player(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = looked_at(sound={"device": "default"})(tmp_path)
    assert (finding.health, finding.advice) == (Health.FAIL, "apt-get install alsa-utils")


@pytest.mark.usefixtures("nobody_listens")
def test_doctor_warns_of_a_door_that_a_photograph_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.doctor.signals.open_pins", lambda _board, *, root: NotingPins())
    told = {
        methods: looked_at(door={"pin": 17, "methods": methods})(tmp_path).health
        for methods in (("face", "badge"), ("badge",))
    }
    assert told == {("face", "badge"): Health.WARN, ("badge",): Health.OK}
