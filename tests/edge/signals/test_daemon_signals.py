"""The real daemon as a process, on gpiozero's mock pins: somebody walks up, the light and the door answer."""

import re
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.edge.device import Device, astronaut, enrol, nobody, recording, standing
from tests.edge.signals.given import eventually
from tests.edge.signals.pin_runner import NOTES

RED, GREEN, BLUE, DOOR = "5", "6", "13", "17"
HOLD_S = 0.5
WIRED = {
    "signals": {"board": "gpiozero"},
    "signals.light": {"kind": "rgb", "red_pin": 5, "green_pin": 6, "blue_pin": 13, "result_s": 0.5},
    "signals.door": {"pin": 17, "hold_s": HOLD_S, "methods": ["face"]},
}


class WiredDevice(Device):
    """A kiosk whose pins are noted."""

    @property
    def notes(self) -> Path:
        return self.folder / "pins"

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(**{NOTES: str(self.notes)}, **more)

    def _command(self, *arguments: str) -> list[str]:
        runner = "tests.edge.signals.pin_runner"
        return [sys.executable, "-m", runner, "--config", str(self.config), *arguments]

    def noted(self, pin: str) -> list[tuple[float, float]]:
        """(state, seconds) of a pin, in order."""
        if not self.notes.exists():
            return []
        fields = (line.split() for line in self.notes.read_text(encoding="ascii").splitlines())
        return [(float(state), float(at_s)) for name, state, at_s in fields if name == pin]

    def states(self, pin: str) -> list[float]:
        return [state for state, _ in self.noted(pin)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("walk") / "up", nobody(20), standing(astronaut(), 20))


@pytest.fixture
def own() -> Iterator[Path]:
    """A short path, for sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        yield Path(folder)


def wired(folder: Path, pictures: Path) -> WiredDevice:
    camera = {"replay_path": str(pictures), "replay_pace": "realtime"}
    device = WiredDevice(folder, camera=camera, **WIRED)
    device.provision()
    return device


def test_a_stranger_sees_amber_and_the_door_stays_a_colleague_sees_green_and_it_opens(
    own: Path, pictures: Path
) -> None:
    device = wired(own, pictures)
    with device.running() as daemon:
        watcher = device.watch()
        watcher.notice("not_recognised")
        eventually(lambda: 1.0 in device.states(RED))
        assert 1.0 not in device.states(DOOR)
        enrol(device, astronaut(), name="Ada Example", number="1")
        watcher.notice("recorded")
        eventually(lambda: device.states(DOOR)[-2:] == [1.0, 0.0])
        with device.client() as staff:
            assert {each.name: each.problem for each in staff.status().signals} == {"door": None, "light": None}
        daemon.terminate()
        watcher.close()
    confirmed = len(watcher.confirmed)
    opened = [at_s for state, at_s in device.noted(DOOR) if state == 1.0]
    assert 1 <= len(opened) <= confirmed
    held = [after - before for (one, before), (_, after) in pairwise(device.noted(DOOR)) if one == 1.0]
    assert all(seconds >= HOLD_S - 0.05 for seconds in held[:-1])
    assert {device.states(pin)[-1] for pin in (RED, GREEN, BLUE, DOOR)} == {0.0}  # at rest when it has ended


def test_a_board_that_nobody_knows_is_said_everywhere_and_people_are_recorded(
    own: Path, pictures: Path
) -> None:
    sections = WIRED | {"signals": {"board": "auto"}}
    camera = {"replay_path": str(pictures), "replay_pace": "realtime"}
    device = Device(own, camera=camera, **sections).provision()
    with device.running() as daemon:
        watcher = device.watch()
        enrol(device, astronaut(), name="Ada Example", number="1")
        watcher.notice("recorded")
        told = device.clockface("status")
        daemon.terminate()
        watcher.close()
    assert re.search(r"door +.*neither a Raspberry Pi nor a Jetson", told.stdout)
    assert "neither a Raspberry Pi nor a Jetson" in device.log.read_text(encoding="utf-8")


def test_a_daemon_that_is_killed_while_the_door_is_open_leaves_pins_that_release_brings_to_rest(
    own: Path, pictures: Path
) -> None:
    door = WIRED["signals.door"] | {"active_high": False, "hold_s": 15.0}  # so that rest is a level to be seen
    camera = {"replay_path": str(pictures), "replay_pace": "realtime"}
    device = WiredDevice(own, camera=camera, **(WIRED | {"signals.door": door}))
    device.provision()
    with device.running() as daemon:
        enrol(device, astronaut(), name="Ada Example", number="1")
        eventually(lambda: device.states(DOOR)[-1:] == [0.0])  # pulled in
        refused = device.clockface("signals", "test")
        daemon.kill()
    assert "systemctl stop clockface-edge" in refused.stdout + refused.stderr
    assert device.states(DOOR)[-1] == 0.0
    assert device.clockface("signals", "release").returncode == 0  # as ExecStopPost= does
    assert 1.0 in device.states(DOOR)[-2:]


def test_a_daemon_that_is_told_to_stop_while_the_door_is_open_closes_it_first(
    own: Path, pictures: Path
) -> None:
    door = WIRED["signals.door"] | {"hold_s": 15.0}
    camera = {"replay_path": str(pictures), "replay_pace": "realtime"}
    device = WiredDevice(own, camera=camera, **(WIRED | {"signals.door": door}))
    device.provision()
    with device.running() as daemon:
        enrol(device, astronaut(), name="Ada Example", number="1")
        eventually(lambda: device.states(DOOR)[-1:] == [1.0])
        daemon.terminate()
    assert device.states(DOOR)[-1] == 0.0
