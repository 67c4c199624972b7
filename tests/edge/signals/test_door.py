"""Only a committed record of somebody who may opens the door, for its time, and nothing keeps it open."""

import threading
from collections.abc import Iterator

import pytest

from edge.config.signals import DoorConfig
from edge.signals.door import Door
from edge.types.announcements import Announcement
from edge.types.punches import Direction, Method
from tests.edge.signals.given import NotingLine, eventually, every_announcement_but_a_record, recorded

HOLD_S = 0.5


class Time:
    """Monotonic seconds that tests move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Given:
    def __init__(self) -> None:
        self.line = NotingLine()
        self.time = Time()
        self.ending = False
        self.doors: list[Door] = []

    def door(self, **settings: object) -> Door:
        config = DoorConfig.model_validate({"pin": 17, "hold_s": HOLD_S} | settings)
        made = Door(self.line, settings=config, ending=lambda: self.ending, now_s=self.time)
        self.doors.append(made)
        return made


@pytest.fixture
def given() -> Iterator[Given]:
    made = Given()
    yield made
    for door in made.doors:
        door.close()


def settled(door: Door, line: NotingLine) -> list[float]:
    """What the line was put to once the door's thread has nothing left to do."""
    door.close()
    return line.levels


def test_a_committed_record_opens_it_and_its_time_closes_it(given: Given) -> None:
    door = given.door()
    door.take(recorded())
    given.line.until(1.0)
    given.time.now_s = HOLD_S
    given.line.until(1.0, 0.0)


@pytest.mark.parametrize("announcement", every_announcement_but_a_record())
def test_nothing_else_that_can_be_announced_opens_it(given: Given, announcement: Announcement) -> None:
    door = given.door(methods=["face", "badge", "pin"])
    door.take(announcement)
    assert 1.0 not in settled(door, given.line)


@pytest.mark.parametrize(
    ("settings", "method", "direction", "opens"),
    [
        ({}, Method.FACE, Direction.IN, False),
        ({}, Method.BADGE, Direction.OUT, True),
        ({}, Method.PIN, Direction.UNSTATED, True),
        ({"methods": ["face"]}, Method.FACE, Direction.IN, True),
        ({"methods": ["face"]}, Method.PIN, Direction.IN, False),
        ({"direction": "in"}, Method.PIN, Direction.IN, True),
        ({"direction": "in"}, Method.PIN, Direction.OUT, False),
        ({"direction": "in"}, Method.PIN, Direction.UNSTATED, False),
    ],
)
def test_it_opens_for_the_methods_and_directions_that_are_set(
    given: Given, settings: dict[str, object], method: Method, direction: Direction, *, opens: bool
) -> None:
    door = given.door(**settings)
    door.take(recorded(method, direction))
    if opens:
        given.line.until(1.0)
    assert (1.0 in settled(door, given.line)) is opens


def test_records_that_are_completed_on_the_way_out_open_nothing(given: Given) -> None:
    door = given.door()
    given.ending = True
    door.take(recorded())
    assert 1.0 not in settled(door, given.line)


def test_closing_releases_it_before_its_time(given: Given) -> None:
    door = given.door(hold_s=15.0)
    door.take(recorded())
    given.line.until(1.0)
    door.close()
    assert given.line.levels == [1.0, 0.0]
    assert given.line.closed


def test_a_second_record_holds_it_for_longer(given: Given) -> None:
    door = given.door()
    door.take(recorded())
    given.line.until(1.0)
    given.time.now_s = HOLD_S - 0.1
    door.take(recorded())
    eventually(lambda: door._until_s == given.time.now_s + HOLD_S)
    given.time.now_s = HOLD_S + 0.1
    door.enforce()
    assert given.line.levels == [1.0]
    given.time.now_s += HOLD_S
    given.line.until(1.0, 0.0)


def test_when_its_own_thread_hangs_the_loop_releases_it(given: Given) -> None:
    given.line.stuck = threading.Event()
    door = given.door()
    door.take(recorded())
    given.line.until(1.0)  # and there the thread stays
    given.time.now_s = HOLD_S
    door.enforce()
    assert given.line.levels == [1.0]  # its thread has its moment first
    given.time.now_s = HOLD_S + 0.6
    door.enforce()
    assert given.line.levels == [1.0, 0.0]
    given.line.stuck.set()


def test_a_pin_that_fails_is_named_and_nothing_is_raised(given: Given) -> None:
    given.line.broken = True
    door = given.door()
    door.take(recorded())
    eventually(lambda: door.problem is not None)
    assert "BCM 17" in str(door.problem)


def test_an_error_of_another_kind_in_its_thread_releases_it(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    door = given.door()
    door.take(recorded())
    given.line.until(1.0)

    def broken() -> float:
        raise RuntimeError("a bug")

    monkeypatch.setattr(door, "_now_s", broken)
    door.take(recorded())
    given.line.until(1.0, 0.0)
    eventually(lambda: bool(seen))
