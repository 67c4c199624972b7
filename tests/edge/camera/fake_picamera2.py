"""The part of picamera2 that Clockface uses, as its manual and libcamera's control list describe it."""

import threading
import time
from dataclasses import dataclass, field
from types import ModuleType

from edge.camera.source import boottime_s
from edge.types.faces import BgrImage
from tests.edge.camera.scenes import picture


@dataclass
class FakeCsi:
    """The ribbon: which cameras hang on it. One process holds a camera at a time."""

    cameras: int = 1
    plugged: bool = True
    period_s: float = 0.01
    exposure_bounds: tuple[int, int, int] = (75, 11_766_829, 20_000)
    modern: bool = True
    held: int = 0
    released: int = 0
    requested: int = 0
    configurations: list[dict[str, object]] = field(default_factory=list)

    def module(self) -> ModuleType:
        """A stand-in for `import picamera2`."""
        module = ModuleType("picamera2")
        module.Picamera2 = lambda camera_num=0: FakePicamera2(self, camera_num)  # type: ignore[attr-defined]
        return module


class FakePicamera2:
    def __init__(self, csi: FakeCsi, camera_num: int) -> None:
        if camera_num >= csi.cameras or not csi.plugged:
            raise IndexError("list index out of range")
        if csi.held:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        csi.held += 1
        self._csi = csi
        self._started = False
        self._configured = False
        self._number = 0
        self._lock = threading.Lock()

    @property
    def camera_controls(self) -> dict[str, tuple[object, object, object]]:
        known: dict[str, tuple[object, object, object]] = {
            "ExposureTime": self._csi.exposure_bounds,
            "FrameDurationLimits": (33_333, 120_000, 33_333),
        }
        return known | ({"ExposureTimeMode": (0, 1, 0)} if self._csi.modern else {})

    def create_video_configuration(
        self, main: dict[str, object], buffer_count: int, controls: dict[str, object]
    ) -> dict[str, object]:
        unknown = set(controls) - set(self.camera_controls)
        if unknown:
            raise RuntimeError(f"Control {unknown.pop()} is not advertised by libcamera")
        return {"main": main, "buffer_count": buffer_count, "controls": controls}

    def configure(self, configuration: dict[str, object]) -> None:
        if self._started:
            raise RuntimeError("Camera must be stopped before configuring")
        self._csi.configurations.append(configuration)
        self._configured = True

    def start(self) -> None:
        if not self._configured:
            raise RuntimeError("Camera must be configured")
        self._started = True

    def capture_request(self, wait: float | None = None) -> "FakeRequest":
        assert self._started
        if not self._csi.plugged:  # the manual: a camera that stops delivering is seen as a time-out only
            assert wait is not None, "would wait for ever"
            time.sleep(min(wait, 0.02))
            raise TimeoutError
        time.sleep(self._csi.period_s)  # the sensor's frame duration
        self._number += 1
        self._csi.requested += 1
        return FakeRequest(self._csi, picture(self._number))

    def stop(self) -> None:
        self._started = False

    def close(self) -> None:
        self._csi.held -= 1


class FakeRequest:
    def __init__(self, csi: FakeCsi, image: BgrImage) -> None:
        self._csi = csi
        self._image = image

    def make_array(self, name: str) -> BgrImage:
        assert name == "main"
        return self._image.copy()

    def get_metadata(self) -> dict[str, object]:
        return {"SensorTimestamp": round((boottime_s() - 0.003) * 1e9), "ExposureTime": 19_993}

    def release(self) -> None:
        self._csi.released += 1
