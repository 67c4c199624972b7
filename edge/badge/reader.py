"""Reads badges from the camera's frames beside the pipeline: a few pictures a second, in another process.

`offer` costs the loop nothing: it keeps the newest frame for a thread that hands at most five a second to the
decoder and waits for its answer. A decoder that dies or hangs is ended and started again, later each time.
Trust boundary: what it answers is bounded here and believed by nobody; `edge.badge.token` judges.
"""

import contextlib
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, Final

import cv2
import numpy as np
import structlog

from edge.badge.decoder import ANSWER, MAX_TEXT_BYTES, PICTURE
from edge.types.faces import BgrImage, Frame

LOOKS_A_SECOND: Final = 5.0
LONGEST_SIDE_PX: Final = 1280  # a 4K frame has no more to say about a badge, and costs ten times as much
ANSWER_S: Final = 2.0
START_S: Final = 15.0  # Python and its libraries, on a slow card
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
_INHERITED: Final = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")

log = structlog.get_logger(__name__)


class DecoderLost(Exception):
    """The decoder died, hung, or answered what it may not."""


class Decoder:
    """One decoder process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        kept = {name: environment[name] for name in _INHERITED if name in environment}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edge.badge.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what a decoder says of a hostile picture is not for a log
            env=kept,
            bufsize=0,
        )
        self._answered = False

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def look(self, grey: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]") -> str:
        """The text of a code in a picture, or nothing.

        Args:
            grey: (h, w) uint8, contiguous.

        Raises:
            DecoderLost: It cannot be asked again.
        """
        height, width = grey.shape
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - tells mypy what Popen was asked for
        try:
            stdin.write(PICTURE.pack(width, height))
            rest = memoryview(grey.data).cast("B")
            while rest:
                rest = rest[stdin.write(rest) :]
            (size,) = ANSWER.unpack(self._read(stdout, ANSWER.size))
            text = self._read(stdout, size) if 0 < size <= MAX_TEXT_BYTES else b""
        except OSError:
            raise DecoderLost from None
        if size > MAX_TEXT_BYTES or not text.isascii():
            raise DecoderLost
        self._answered = True
        return text.decode("ascii")

    def _read(self, stdout: IO[bytes], size: int) -> bytes:
        until_s = time.monotonic() + (ANSWER_S if self._answered else START_S)
        raw = b""
        with selectors.DefaultSelector() as ready:
            ready.register(stdout, selectors.EVENT_READ)
            while len(raw) < size:
                if not ready.select(max(0.0, until_s - time.monotonic())):
                    raise DecoderLost
                part = os.read(stdout.fileno(), size - len(raw))
                if not part:
                    raise DecoderLost
                raw += part
        return raw

    def close(self) -> None:
        """End it."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        self._process.wait()


class BadgeReader:
    """Looks for badges in frames, in a thread of its own.

    Args:
        seen: Told every code that was read, from that thread; it bears the same text again and again.
        environment: Of this process; the decoder gets no secret of it.
    """

    def __init__(self, seen: Callable[[str], None], *, environment: Mapping[str, str]) -> None:
        self._seen = seen
        self._environment = environment
        self._newest: Frame | None = None
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clockface-badges", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def offer(self, frame: Frame) -> None:
        """Replace the newest frame; never waits."""
        with self._arrived:
            self._newest = frame
            self._arrived.notify()

    def close(self) -> None:
        """Stop, and end the decoder. May be called twice, and before `start`."""
        self._stopping.set()
        with self._arrived:
            self._arrived.notify()
        if self._thread.is_alive():
            self._thread.join(ANSWER_S + 1.0)

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._look_until_lost()
            except (DecoderLost, OSError) as error:
                if time.monotonic() - began_s > LONGEST_PAUSE_S:
                    pause_s = FIRST_PAUSE_S  # it worked for a while
                log.warning("badge_decoder_lost", error=type(error).__name__, wait_s=pause_s)
                self._stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _look_until_lost(self) -> None:
        with contextlib.closing(Decoder(self._environment)) as decoder:
            while not self._stopping.is_set():
                frame = self._next()
                if frame is None:
                    continue
                began_s = time.monotonic()
                text = decoder.look(prepared(frame.image))
                if text:
                    self._seen(text)
                self._stopping.wait(max(0.0, 1 / LOOKS_A_SECOND - (time.monotonic() - began_s)))

    def _next(self) -> Frame | None:
        with self._arrived:
            self._arrived.wait_for(lambda: self._newest is not None or self._stopping.is_set())
            frame, self._newest = self._newest, None
            return frame


def prepared(image: BgrImage) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    """The picture as the decoder gets it: grey, at most 1,280 pixels long."""
    longest = max(image.shape[:2])
    if longest > LONGEST_SIDE_PX:
        scale = LONGEST_SIDE_PX / longest
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.ascontiguousarray(grey)
