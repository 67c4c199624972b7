"""The part of GStreamer's Python interface that Clockface uses, as its reference describes it."""

import time
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from edge.camera.gstreamer import Gst
from tests.edge.camera.scenes import picture

WIDTH, HEIGHT = 64, 48
STRIDE = WIDTH * 3 + 4  # padded, as a real allocator may do
BASE_TIME_S = 100.0


class FakeGlibError(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass
class FakePlugins:
    """What the pipelines of one machine can do just now."""

    plugged: bool = True
    period_s: float = 0.01
    mappable: bool = True
    playing: int = 0
    mapped: int = 0
    launched: list[str] = field(default_factory=list)

    def gst(self) -> Gst:
        core = SimpleNamespace(
            SECOND=1_000_000_000,
            CLOCK_TIME_NONE=2**64 - 1,
            State=SimpleNamespace(PLAYING="playing", NULL="null"),
            StateChangeReturn=SimpleNamespace(FAILURE="failure", NO_PREROLL="no preroll"),
            MapFlags=SimpleNamespace(READ=1),
            MessageType=SimpleNamespace(ERROR=2),
            parse_launch=self._launch,
        )
        info = SimpleNamespace(width=WIDTH, height=HEIGHT, stride=[WIDTH * 3])
        video = SimpleNamespace(
            VideoInfo=SimpleNamespace(new_from_caps=lambda _caps: info),
            buffer_get_video_meta=lambda _buffer: SimpleNamespace(stride=[STRIDE]),
        )
        return Gst(core=core, video=video, error=FakeGlibError)

    def _launch(self, text: str) -> "FakePipeline":
        self.launched.append(text)
        if "nosuchelement" in text:
            raise FakeGlibError('no element "nosuchelement"')
        return FakePipeline(self)


class FakePipeline:
    """A pipeline, its bus and its appsink in one."""

    def __init__(self, plugins: FakePlugins) -> None:
        self._plugins = plugins
        self._errors: deque[str] = deque()
        self._state = "null"
        self._number = 0

    def get_by_name(self, name: str) -> "FakePipeline":
        assert name == "clockface_frames"
        return self

    def get_bus(self) -> "FakePipeline":
        return self

    def set_state(self, state: str) -> str:
        self._plugins.playing += (state == "playing") - (self._state == "playing")
        self._state = state
        if state == "playing" and not self._plugins.plugged:
            self._errors.append("Cannot identify device")
            return "failure"
        return "no preroll"

    def pop_filtered(self, kind: int) -> SimpleNamespace | None:
        assert kind == 2
        if not self._errors:
            return None
        error = FakeGlibError(self._errors.popleft())
        return SimpleNamespace(parse_error=lambda: (error, "debug text with rtsp://user:password@camera"))

    def is_eos(self) -> bool:
        return False

    def get_base_time(self) -> int:
        return round(BASE_TIME_S * 1e9)

    def try_pull_sample(self, timeout_ns: int) -> "FakeSample | None":
        assert self._state == "playing"
        if not self._plugins.plugged:
            self._errors.append("Could not read from resource.")
            return None
        assert timeout_ns > 0
        time.sleep(self._plugins.period_s)  # the sensor's frame duration
        self._number += 1
        return FakeSample(self._plugins, self._number)


class FakeSample:
    """A sample and its buffer in one."""

    def __init__(self, plugins: FakePlugins, number: int) -> None:
        self._plugins = plugins
        rows = np.full((HEIGHT, STRIDE), 255, np.uint8)
        rows[:, : WIDTH * 3] = picture(number, width=WIDTH, height=HEIGHT).reshape(HEIGHT, -1)
        self._memory = bytearray(rows.tobytes())
        self.pts = round((time.monotonic() - 0.003 - BASE_TIME_S) * 1e9)

    def get_buffer(self) -> "FakeSample":
        return self

    def get_caps(self) -> str:
        return "video/x-raw"

    def map(self, flags: int) -> tuple[bool, SimpleNamespace]:
        assert flags == 1
        self._plugins.mapped += self._plugins.mappable
        return self._plugins.mappable, SimpleNamespace(data=memoryview(self._memory))

    def unmap(self, _mapped: SimpleNamespace) -> None:
        self._plugins.mapped -= 1
        self._memory[:] = bytes(len(self._memory))  # the buffer goes back to its pool
