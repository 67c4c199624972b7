"""While nobody is there, frames pass unjudged; whoever walks up is judged as without rest."""

import threading
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pytest

from edge.config.camera import IdleConfig
from edge.daemon.stillness import Stillness, cells, moved
from edge.types.camera import CameraState
from edge.types.faces import BgrImage, Frame
from edge.types.verdicts import Outcome, Scene
from tests.edge.daemon.bench import Bench, ScriptedCamera
from tests.edge.daemon.kiosk import OPERATOR, TestKiosk, astronaut, new, picture

FPS = 15
WALL = 120


@cache
def room(*, grey: int = WALL, seed: int = 0, noise: float = 4.0) -> BgrImage:
    """An empty hall as a small sensor sees it."""
    shape = (480, 640, 3)
    drawn = np.random.default_rng(seed).normal(grey, noise, shape)
    return np.clip(drawn, 0, 255).astype(np.uint8)


def film(images: Sequence[BgrImage], *, start_s: float = 0.0) -> list[Frame]:
    return [Frame(image, start_s + index / FPS, index) for index, image in enumerate(images)]


def with_patch(image: BgrImage, *, side_px: int, left_px: int = 0, grey: int = 80) -> BgrImage:
    changed = image.copy()
    changed[200 : 200 + side_px, left_px : left_px + side_px] = grey
    return changed


def wanted(rest: Stillness, frames: Sequence[Frame]) -> list[bool]:
    return [rest.wants(frame) for frame in frames]


def test_a_still_hall_is_judged_fully_for_a_while_and_then_twice_a_second() -> None:
    rest = Stillness(IdleConfig(after_s=2.0, look_every_s=0.5))
    found = wanted(rest, film([room(seed=seed % 5) for seed in range(6 * FPS)]))
    assert all(found[: 2 * FPS])
    assert 8 <= sum(found[2 * FPS :]) <= 10


@pytest.mark.parametrize("left_px", [0, 300, 596])
def test_the_first_frame_with_somebody_in_it_is_judged_and_so_is_what_follows(left_px: int) -> None:
    rest = Stillness(IdleConfig(after_s=1.0, look_every_s=5.0))
    assert not all(wanted(rest, film([room(seed=seed % 5) for seed in range(3 * FPS)])))
    shown = [with_patch(room(seed=seed % 5), side_px=44, left_px=left_px) for seed in range(FPS - 1)]
    assert all(wanted(rest, film(shown, start_s=3.0)))


def test_somebody_who_comes_slower_than_any_two_frames_show_is_seen_by_what_has_summed_up() -> None:
    rest = Stillness(IdleConfig(after_s=1.0, look_every_s=5.0))
    wanted(rest, film([room()] * (2 * FPS)))
    slowly = film([with_patch(room(), side_px=60, grey=WALL - index) for index in range(30)], start_s=2.0)
    assert 8 <= wanted(rest, slowly).index(True) <= 16


def test_light_that_changes_evenly_moves_nothing() -> None:
    assert not moved(cells(room(grey=WALL)), cells(room(grey=WALL + 40, seed=1)), levels=8.0)


def test_a_face_an_order_and_a_camera_that_was_away_end_the_rest() -> None:
    config = IdleConfig(after_s=1.0, look_every_s=5.0)
    for end in (lambda rest: rest.wake(3.0), lambda rest: rest.forget()):
        rest = Stillness(config)
        assert not wanted(rest, film([room()] * (3 * FPS)))[-1]
        end(rest)
        assert all(wanted(rest, film([room()] * (FPS - 1), start_s=3.0)))


def test_zero_seconds_mean_no_rest() -> None:
    rest = Stillness(IdleConfig(after_s=0.0))
    assert all(wanted(rest, film([room()] * (30 * FPS))))


class _Counting:
    """A kiosk's recogniser that notes which frames it was asked to judge, and what came of it."""

    def __init__(self, kiosk: TestKiosk) -> None:
        self.kiosk = kiosk
        self.judged: list[int] = []
        self.verdicts: list[tuple[int, Outcome, str | None]] = []

    def process(self, frame: Frame) -> Scene:
        self.judged.append(frame.index)
        scene = self.kiosk.recogniser.process(frame)
        self.verdicts += [(frame.index, each.outcome, each.person_id) for each in scene.verdicts]
        return scene


def walk_up(portrait: BgrImage) -> list[BgrImage]:
    """Somebody who comes in from the side and up to the camera."""
    shown = []
    for index in range(24):
        scale = min(1.0, 0.4 + 0.05 * index)
        place = np.array([[scale, 0, 480 - 25 * min(index, 14)], [0, scale, 40]])
        hall = room(seed=index % 5).copy()
        shown.append(cv2.warpAffine(portrait, place, (640, 480), dst=hall, borderMode=cv2.BORDER_TRANSPARENT))
    return shown


def test_walk_ups_get_the_same_verdicts_at_the_same_frames_as_without_rest(kiosk: TestKiosk) -> None:
    kiosk.service.enrol_photo(new(), astronaut(), OPERATOR)
    portrait = picture(astronaut())[:300, 100:350]
    empty = [room(seed=seed % 5) for seed in range(4 * FPS)]
    played = film([*empty, *walk_up(portrait), *empty, *walk_up(portrait[:, ::-1].copy()), *empty])
    found = []
    for rest in (None, Stillness(IdleConfig(after_s=1.5))):
        kiosk.recogniser.reset()
        recognition = _Counting(kiosk)
        loop = Bench().loop(
            camera=ScriptedCamera(played, state=CameraState.ENDED), recognition=recognition, rest=rest
        )
        loop.run(threading.Event(), until_end=True)
        found.append(recognition)
    always, resting = found
    assert [each[1] for each in always.verdicts] == [Outcome.RECOGNISED] * 2
    assert resting.verdicts == always.verdicts
    assert len(always.judged) == len(played)
    assert len(resting.judged) < 0.75 * len(played)
