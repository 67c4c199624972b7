"""Faults, step by step: no thread, and a clock that moves when told to."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from edge.camera.attendant import Attendant
from edge.camera.source import Ended, Shot
from edge.camera.vitals import FIRST_PAUSE_S, LEAST_PAUSE_S, STEADY_AFTER_S, Patience, Vitals
from edge.errors import CameraLost, CameraUnavailable
from edge.types.camera import CameraState
from tests.edge.camera.scenes import FakeClock, ScriptedSource, picture

PATIENCE = Patience(freeze_after_s=3.0, reopen_max_s=30.0)
PERIOD_S = 0.1


def longest(_low: float, high: float) -> float:
    """Jitter that always draws the ceiling."""
    return high


class Bench:
    """One camera on the bench: its script, its clock, its vitals."""

    def __init__(
        self,
        script: Iterable[object],
        *,
        patience: Patience = PATIENCE,
        on_open: object = None,
        draw: Callable[[float, float], float] = longest,
    ) -> None:
        self.clock = FakeClock()
        self.vitals = Vitals(patience, now_s=self.clock(), draw=draw)
        self.source = ScriptedSource(self._paced(script), clock=self.clock, on_open=on_open)
        self.attendant = Attendant(
            self.source, vitals=self.vitals, patience=patience, lock=threading.Condition(), now_s=self.clock
        )
        self.pauses: list[float] = []

    def _paced(self, script: Iterable[object]) -> Iterator[object]:
        for said in script:
            self.clock.now_s += PERIOD_S
            yield said

    def run(self, steps: int) -> None:
        for _ in range(steps):
            pause_s = self.attendant.step()
            if pause_s is None:
                return
            if pause_s > 0:
                self.pauses.append(pause_s)
            self.clock.now_s += pause_s

    @property
    def state(self) -> CameraState:
        return self.vitals.health(self.clock()).state

    @property
    def problem(self) -> str:
        return self.vitals.health(self.clock()).problem


def pictures(start: int = 0) -> Iterator[object]:
    return (picture(number) for number in itertools.count(start))


def test_a_camera_opens_and_streams() -> None:
    bench = Bench(pictures())
    assert bench.state is CameraState.OPENING
    bench.run(41)
    health = bench.vitals.health(bench.clock())
    assert (health.state, health.frames, health.reopened, health.problem) == (CameraState.STREAMING, 40, 0, "")
    assert health.fps == pytest.approx(1 / PERIOD_S, rel=0.05)


def test_only_the_newest_picture_is_kept_and_its_index_counts_all() -> None:
    bench = Bench(pictures())
    bench.run(6)
    taken = bench.vitals.collect()
    assert taken is not None
    assert taken[1] == 4
    assert np.array_equal(taken[0].image, picture(4))
    assert bench.vitals.collect() is None


def test_a_camera_that_vanishes_is_lost_closed_and_opened_again() -> None:
    bench = Bench(itertools.chain(itertools.islice(pictures(), 5), [CameraLost("unplugged")], pictures(5)))
    bench.run(7)
    assert bench.state is CameraState.LOST
    assert bench.problem == "unplugged"
    assert bench.source.calls[-1] == "close"
    assert bench.vitals.collect() is None, "a picture from before the failure is stale"
    bench.run(2)
    health = bench.vitals.health(bench.clock())
    assert (health.state, health.reopened, health.problem, health.frames) == (CameraState.STREAMING, 1, "", 6)


def test_the_same_picture_again_and_again_is_frozen_and_never_delivered() -> None:
    still = picture(7)
    bench = Bench(itertools.chain([picture(1)], itertools.repeat(still)))
    bench.run(3)
    assert bench.vitals.collect() is not None
    bench.run(28)
    assert bench.state is CameraState.STREAMING, "not yet: the limit is three seconds"
    bench.run(3)
    assert bench.state is CameraState.FROZEN
    assert "same picture" in bench.problem
    frames = bench.vitals.health(bench.clock()).frames
    bench.run(400)
    assert bench.vitals.collect() is None, "reopening does not make the old picture new"
    assert bench.vitals.health(bench.clock()).frames == frames
    assert bench.state is CameraState.FROZEN
    assert len(bench.pauses) > 3


def test_a_frozen_camera_streams_again_with_the_first_new_picture() -> None:
    bench = Bench(itertools.chain(itertools.repeat(picture(7), 40), pictures(8)))
    bench.run(60)
    assert bench.state is CameraState.STREAMING
    assert bench.problem == ""


def test_a_dark_night_is_neither_frozen_nor_garbage_but_is_reported() -> None:
    black = np.zeros((48, 64, 3), np.uint8)
    bench = Bench(itertools.chain(pictures_of(picture(1), 3), itertools.repeat(black, 100), pictures(2)))
    bench.run(100)
    assert bench.state is CameraState.STREAMING
    assert "black" in bench.problem
    assert bench.pauses == []
    bench.run(10)
    assert bench.problem == ""


def pictures_of(image: object, count: int) -> Iterator[object]:
    return itertools.repeat(image, count)


def test_a_few_broken_pictures_are_dropped_without_reopening() -> None:
    green = np.full((48, 64, 3), (0, 135, 0), np.uint8)
    bench = Bench(itertools.chain([picture(1)], pictures_of(green, 10), [None], pictures(2)))
    bench.run(20)
    assert bench.state is CameraState.STREAMING
    assert bench.pauses == []
    assert bench.vitals.health(bench.clock()).frames == 20 - 1 - 11


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        np.full((48, 64, 3), 128, np.uint8),
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 3), np.float32),
    ],
    ids=["none", "one colour", "grey", "float"],
)
def test_nothing_but_garbage_is_lost_and_reopened(garbage: object) -> None:
    bench = Bench(itertools.chain([picture(1)], pictures_of(garbage, 40), pictures(2)))
    bench.run(33)
    assert bench.state is CameraState.LOST
    assert "garbage" in bench.problem
    bench.run(60)
    assert bench.state is CameraState.STREAMING


def test_a_size_that_changes_while_streaming_is_garbage_until_the_camera_is_reopened() -> None:
    bench = Bench(itertools.chain(itertools.islice(pictures(), 5), (picture(n, width=80) for n in range(200))))
    bench.run(36)
    assert "size changed" in bench.problem
    bench.run(20)
    assert bench.state is CameraState.STREAMING
    taken = bench.vitals.collect()
    assert taken is not None
    assert taken[0].image.shape == (48, 80, 3)


def test_a_slow_camera_is_not_a_lost_one() -> None:
    bench = Bench(pictures())
    bench.run(2)
    for _ in range(20):
        bench.clock.now_s += 2.5
        bench.run(1)
    assert bench.state is CameraState.STREAMING
    assert bench.vitals.health(bench.clock()).reopened == 0


def test_a_camera_may_take_its_time_for_the_first_picture_only() -> None:
    bench = Bench(pictures())
    bench.run(1)
    bench.clock.now_s += 9.0
    bench.run(1)
    assert bench.state is CameraState.STREAMING
    assert bench.vitals.patience_s == PATIENCE.freeze_after_s


def test_a_camera_that_opens_and_gives_nothing_good_is_lost() -> None:
    bench = Bench(itertools.repeat(None))
    bench.run(1 + round(PATIENCE.freeze_after_s / PERIOD_S) + 1)
    assert bench.state is CameraState.LOST


def test_pauses_double_up_to_the_limit_and_never_stop() -> None:
    bench = Bench([], on_open=CameraUnavailable("no such camera"))
    bench.run(12)
    assert bench.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0, 30.0]
    assert bench.state is CameraState.LOST


def test_jitter_is_full_but_never_a_hot_loop() -> None:
    asked: list[tuple[float, float]] = []

    def shortest(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    bench = Bench([], on_open=CameraUnavailable("no such camera"), draw=shortest)
    bench.run(3)
    assert asked == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0)]
    assert bench.pauses == [LEAST_PAUSE_S] * 3


def test_a_week_without_a_camera_is_survived_and_dated_from_its_beginning() -> None:
    bench = Bench(pictures(), on_open=CameraUnavailable("no such camera"))
    began_s = bench.clock()
    while bench.clock() - began_s < 7 * 86_400:
        bench.run(100)
    health = bench.vitals.health(bench.clock())
    assert (health.state, health.since_s, health.reopened) == (CameraState.LOST, began_s, 0)
    bench.source._on_open = None
    bench.run(2)
    assert bench.state is CameraState.STREAMING


def test_a_flapping_camera_keeps_its_long_pauses_and_a_steady_one_starts_over() -> None:
    def flapping() -> Iterator[object]:
        for number in itertools.count():
            yield picture(number)
            if number < 8 or number == 8 + round(STEADY_AFTER_S / PERIOD_S) + 2:
                yield CameraLost("gone")

    bench = Bench(flapping())
    bench.run(8 * 3)
    assert bench.pauses[-1] == PATIENCE.reopen_max_s
    bench.run(110)
    assert bench.pauses[-1] == FIRST_PAUSE_S


def test_an_unknown_exception_of_a_driver_is_a_failure_like_any_other_and_its_text_is_not_shown() -> None:
    bench = Bench(itertools.chain([picture(1), RuntimeError("rtsp://user:password@camera")], pictures(2)))
    bench.run(3)
    assert bench.state is CameraState.LOST
    assert "RuntimeError" in bench.problem
    assert "password" not in bench.problem
    bench.run(2)
    assert bench.state is CameraState.STREAMING


def test_time_stamps_only_go_forward() -> None:
    bench = Bench([Shot(picture(1), 1000.05), Shot(picture(2), 999.0)])
    bench.run(2)
    first = bench.vitals.collect()
    bench.run(1)
    second = bench.vitals.collect()
    assert first is not None
    assert second is not None
    assert first[0].captured_s == 1000.05
    assert second[0].captured_s == bench.clock()


def test_a_recording_that_ends_keeps_its_last_picture_for_the_reader() -> None:
    bench = Bench([picture(1), Ended("broke off")], patience=Patience(3.0, 30.0, suspicious=False))
    bench.run(5)
    assert bench.state is CameraState.ENDED
    assert bench.problem == "broke off"
    assert bench.vitals.collect() is not None


def test_a_recording_may_hold_the_same_picture_for_long() -> None:
    bench = Bench(pictures_of(picture(1), 100), patience=Patience(3.0, 30.0, suspicious=False))
    bench.run(100)
    assert bench.vitals.health(bench.clock()).frames == 99


def test_a_driver_call_is_seen_to_hang_while_it_does() -> None:
    seen: list[tuple[bool, bool]] = []

    def hanging() -> object:
        began_s = bench.clock() - PERIOD_S
        in_time = bench.attendant.hangs(began_s + PATIENCE.freeze_after_s)
        seen.append((in_time, bench.attendant.hangs(began_s + PATIENCE.freeze_after_s + 1.5)))
        return picture(1)

    bench = Bench([picture(0), hanging])
    bench.run(3)
    assert seen == [(False, True)]
    assert not bench.attendant.hangs(bench.clock() + 1e9), "between calls nothing hangs"


def test_a_dismissed_attendant_touches_nothing_any_more() -> None:
    def dismissing() -> object:
        bench.attendant.dismissed = True
        return picture(1)

    bench = Bench([dismissing])
    bench.run(1)
    assert bench.attendant.step() is None
    assert bench.vitals.health(bench.clock()).frames == 0
