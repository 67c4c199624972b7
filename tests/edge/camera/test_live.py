"""LiveCamera with real threads; events instead of sleeps, and a clock that can leap."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

from edge.camera.live import MAX_HUNG_DRIVERS, LiveCamera
from edge.camera.source import boottime_s
from edge.camera.view import View
from edge.camera.vitals import Patience
from edge.errors import CameraLost
from edge.types.camera import CameraState
from edge.types.faces import Frame
from tests.edge.camera.scenes import Hang, ScriptedSource, picture

PATIENCE = Patience(freeze_after_s=3.0, reopen_max_s=1.0)


class LeapingClock:
    """Real time that can be put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return boottime_s() + self.ahead_s


def camera_of(
    *scripts: Iterator[object], clock: Callable[[], float] = boottime_s
) -> tuple[LiveCamera, list[ScriptedSource]]:
    """A camera whose first source follows the first script, and so on."""
    made: list[ScriptedSource] = []
    left = iter(scripts)

    def make() -> ScriptedSource:
        made.append(ScriptedSource(next(left), clock=clock))
        return made[-1]

    camera = LiveCamera(make, view=View(), patience=PATIENCE, now_s=clock, draw=lambda low, high: low)
    return camera, made


def eventually(holds: Callable[[], bool], *, within_s: float = 10.0) -> bool:
    """Wait for another thread to get there."""
    until_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.002)
    return True


def read(camera: LiveCamera) -> Frame:
    frame = camera.read(timeout_s=10.0)
    assert frame is not None
    return frame


def test_a_slow_reader_gets_the_newest_picture_and_sees_the_gap() -> None:
    done = Hang()
    camera, _ = camera_of(itertools.chain((picture(n) for n in range(5)), [done]))
    try:
        assert done.reached.wait(10.0)
        frame = read(camera)
        assert frame.index == 4
        assert np.array_equal(frame.image, picture(4))
        assert camera.read(timeout_s=0.0) is None
    finally:
        done.release.set()
        camera.close()


def test_a_reader_waits_for_the_next_picture() -> None:
    gate = Hang()
    end = Hang()
    camera, _ = camera_of(itertools.chain([picture(0), gate, end]))
    try:
        assert read(camera).index == 0
        threading.Timer(0.05, gate.release.set).start()
        assert read(camera).index == 1
    finally:
        end.release.set()
        camera.close()


def test_a_camera_that_vanishes_comes_back_by_itself() -> None:
    def script() -> Iterator[object]:
        yield picture(0)
        yield CameraLost("unplugged")
        yield from (picture(n) for n in itertools.count(1))

    camera, made = camera_of(script())
    try:
        assert eventually(lambda: camera.health().reopened == 1 and camera.read(timeout_s=0.1) is not None)
        assert camera.health().state is CameraState.STREAMING
        assert len(made) == 1
    finally:
        camera.close()


def test_a_hung_driver_delays_neither_reader_nor_health_and_another_thread_takes_over() -> None:
    clock, hang = LeapingClock(), Hang()
    camera, made = camera_of(
        itertools.chain([picture(0), hang]), (picture(n) for n in itertools.count(1)), clock=clock
    )
    try:
        assert read(camera).index == 0
        assert hang.reached.wait(10.0)
        began = time.monotonic()
        assert camera.read(timeout_s=0.05) is None
        assert time.monotonic() - began < 2.0
        clock.ahead_s += 10.0
        health = camera.health()
        assert health.state is CameraState.LOST
        assert "does not answer" in health.problem
        clock.ahead_s += 1.0
        assert eventually(lambda: camera.read(timeout_s=0.1) is not None)
        assert camera.health().state is CameraState.STREAMING
        hang.release.set()
        assert eventually(lambda: made[0].calls[-1] == "close"), "who returns late closes its own source"
        assert made[0].calls.count("grab") == 2
        assert camera.health().state is CameraState.STREAMING
    finally:
        hang.release.set()
        camera.close()


def test_the_number_of_hung_threads_is_bounded_and_one_that_returns_makes_room() -> None:
    clock = LeapingClock()
    hangs = [Hang() for _ in range(MAX_HUNG_DRIVERS)]
    scripts = [iter([hang]) for hang in hangs]
    camera, made = camera_of(*scripts, (picture(n) for n in itertools.count()), clock=clock)
    try:
        for hang in hangs:
            assert hang.reached.wait(10.0)
            clock.ahead_s += 60.0
            camera.health()
            clock.ahead_s += 60.0
        for _ in range(5):
            clock.ahead_s += 60.0
            health = camera.health()
        assert len(made) == MAX_HUNG_DRIVERS
        assert health.state is CameraState.LOST
        assert "restart clockface-edge" in health.problem
        hangs[0].release.set()
        assert eventually(lambda: camera.health().state is CameraState.STREAMING)
        assert len(made) == MAX_HUNG_DRIVERS + 1
    finally:
        for hang in hangs:
            hang.release.set()
        camera.close()


def test_close_lets_go_of_the_source_and_may_be_called_twice() -> None:
    camera, made = camera_of(picture(n) for n in itertools.count())
    read(camera)
    camera.close()
    camera.close()
    assert made[0].calls[-1] == "close"
    assert camera.read(timeout_s=5.0) is None
    assert camera.health().state is CameraState.ENDED


def test_close_wakes_a_reader() -> None:
    hang = Hang()
    camera, _ = camera_of(iter([hang]))
    got: list[object] = ["nothing yet"]
    reader = threading.Thread(target=lambda: got.append(camera.read(timeout_s=60.0)))
    reader.start()
    assert hang.reached.wait(10.0)
    hang.release.set()
    camera.close()
    reader.join(10.0)
    assert not reader.is_alive()


def test_close_does_not_wait_for_ever_for_a_hung_driver() -> None:
    hang = Hang()
    camera, _ = camera_of(iter([hang]))
    try:
        assert hang.reached.wait(10.0)
        began = time.monotonic()
        camera.close()
        assert time.monotonic() - began < 8.0
    finally:
        hang.release.set()
