"""Synthetic pictures, clips made of them, and scripted sources for the camera tests."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.camera.source import Ended, Shot
from edge.types.faces import BgrImage


def picture(number: int, *, width: int = 64, height: int = 48) -> BgrImage:
    """A picture unlike any other: its own noise around a level that tells its number modulo 16."""
    noise = np.random.default_rng(number).integers(-6, 7, (height, width, 3))
    return np.clip(noise + level_of(number), 0, 255).astype(np.uint8)


def level_of(number: int) -> int:
    return 30 + 13 * (number % 16)


def number_of(image: BgrImage) -> int:
    """Which `picture` (modulo 16) this is."""
    return round((float(image.mean()) - 30) / 13)


def write_clip(path: Path, *, pictures: int = 12, fps: float = 25.0, width: int = 64, height: int = 48) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
    assert writer.isOpened()
    for number in range(pictures):
        writer.write(picture(number, width=width, height=height))
    writer.release()
    return path


def write_folder(path: Path, *, pictures: int = 12) -> Path:
    path.mkdir()
    for number in range(pictures):
        assert cv2.imwrite(str(path / f"{number:03d}.png"), picture(number))
    return path


class FakeClock:
    """A clock that moves when told to."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class ScriptedSource:
    """A source that does what the script says: a picture, `Ended`, an exception, or something to call."""

    def __init__(self, script: Iterator[object], *, clock: Callable[[], float], on_open: object = None) -> None:
        self._script = script
        self._clock = clock
        self._on_open = on_open
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")
        if isinstance(self._on_open, Exception):
            raise self._on_open
        if callable(self._on_open):
            self._on_open()

    def grab(self, *, within_s: float) -> Shot | Ended:
        self.calls.append("grab")
        said = next(self._script)
        while callable(said):
            said = said()
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Ended | Shot):
            return said
        return Shot(image=said, captured_s=self._clock())  # type: ignore[arg-type]

    def close(self) -> None:
        self.calls.append("close")


class Hang:
    """A driver call that does not return until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.release = threading.Event()

    def __call__(self) -> BgrImage:
        self.reached.set()
        assert self.release.wait(20.0)
        return picture(1)
