"""A cv2.VideoCapture of the V4L2 backend as OpenCV documents it: never raises, says only yes or no."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from edge.camera.source import boottime_s
from edge.types.faces import BgrImage
from tests.edge.camera.scenes import picture


@dataclass
class FakeUsbCamera:
    """A camera on the bus: whether it is plugged in, what it can do, and what was asked of it.

    Settings outlive a program, as in a real UVC camera.
    """

    period_s: float = 0.01
    plugged: bool = True
    busy: bool = False
    sizes: tuple[tuple[int, int], ...] = ((64, 48), (640, 480))
    fourccs: tuple[str, ...] = ("YUYV", "MJPG")
    manual_exposure: bool = True
    stamps: bool = True
    pictures: Callable[[int], object] = picture
    controls: dict[int, float] = field(default_factory=dict)
    opened: list[tuple[str, int]] = field(default_factory=list)
    open_now: int = 0

    def capture(self, path: str, backend: int) -> "FakeVideoCapture":
        self.opened.append((path, backend))
        return FakeVideoCapture(self, usable=self.plugged and not self.busy)

    def check(self, _path: Path) -> None:
        """The node is there; that the camera behind it is, shows when it is opened."""


class FakeVideoCapture:
    def __init__(self, camera: FakeUsbCamera, *, usable: bool) -> None:
        self._camera = camera
        self._open = usable
        self._numbers = itertools.count()
        self._stamp_s = 0.0
        self._asked: dict[int, float] = {}
        camera.open_now += usable

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._open

    def read(self) -> tuple[bool, object]:
        time.sleep(self._camera.period_s)  # the sensor's exposure, not a wait for another thread
        if not self._open or not self._camera.plugged:
            return False, None
        self._stamp_s = boottime_s() - 0.002
        image = self._camera.pictures(next(self._numbers))
        return True, image

    def set(self, setting: int, value: float) -> bool:
        if not self._open:
            return False
        if setting == cv2.CAP_PROP_FOURCC:
            known = {float(cv2.VideoWriter.fourcc(*name)) for name in self._camera.fourccs}
            if value not in known:
                return False
        if setting == cv2.CAP_PROP_EXPOSURE and self._camera.controls.get(cv2.CAP_PROP_AUTO_EXPOSURE) != 1:
            return False  # the kernel: exposure_absolute is inactive while exposure is automatic
        if setting == cv2.CAP_PROP_AUTO_EXPOSURE and (value not in {1, 3} or not self._camera.manual_exposure):
            return False
        self._camera.controls[setting] = value
        return True

    def get(self, setting: int) -> float:
        if setting == cv2.CAP_PROP_POS_MSEC:
            return self._stamp_s * 1000.0 if self._camera.stamps else 0.0
        return self._camera.controls.get(setting, -1.0)

    def release(self) -> None:
        self._camera.open_now -= self._open
        self._open = False


def still(image: BgrImage) -> Callable[[int], object]:
    """Always the same picture."""
    return lambda _number: image.copy()
