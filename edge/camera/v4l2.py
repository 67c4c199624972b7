"""USB and other V4L2 cameras through OpenCV.

OpenCV says only "no" when something fails, so the device is checked first and the message can say what to do.
The driver and the camera behind it are not trusted: what they deliver is judged by `LiveCamera`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from edge.camera import devices
from edge.camera.source import Shot, boottime_s, capture_time_s
from edge.config.camera import CameraConfig
from edge.errors import CameraLost, CameraUnavailable

BUFFERS = 2  # one is filled while the other is decoded; more would only hold older pictures
RAW_LIMIT_BYTES_S = 20_000_000  # YUYV beyond this does not fit through USB 2 (about 24 MB/s isochronous)
# V4L2_CID_EXPOSURE_AUTO of linux/v4l2-controls.h; OpenCV hands V4L2 values through.
EXPOSURE_MANUAL, EXPOSURE_APERTURE_PRIORITY = 1, 3
EXPOSURE_UNIT_US = 100  # V4L2_CID_EXPOSURE_ABSOLUTE


@dataclass(frozen=True, slots=True)
class V4l2Settings:
    """What is asked of a V4L2 camera; see `CameraConfig`."""

    device: str
    width_px: int
    height_px: int
    fps: float
    exposure_us: int | None

    @classmethod
    def of(cls, config: CameraConfig) -> "V4l2Settings":
        """Take the settings from the configuration."""
        return cls(config.device, config.width_px, config.height_px, config.fps, config.exposure_us)


class V4l2Source:
    """Implements `edge.camera.source.Source` with cv2.VideoCapture.

    Args:
        settings: What to ask of the camera. Size and rate are wishes: a camera delivers what it can.
        now_s: Reads CLOCK_BOOTTIME.
        capture: Opens a device node; cv2.VideoCapture but for tests.
        check: Raises CameraUnavailable for a node that cannot be used.
    """

    def __init__(
        self,
        settings: V4l2Settings,
        *,
        now_s: Callable[[], float] = boottime_s,
        capture: Callable[[str, int], cv2.VideoCapture] = cv2.VideoCapture,
        check: Callable[[Path], None] = devices.check,
    ) -> None:
        self._settings = settings
        self._now_s = now_s
        self._capture = capture
        self._check = check
        self._video: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Open and set up the camera. A stable link of /dev/v4l/by-id is followed anew each time."""
        self.close()
        path = devices.resolve(self._settings.device)
        self._check(path)
        video = self._capture(str(path), cv2.CAP_V4L2)
        if not video.isOpened():
            video.release()
            raise CameraUnavailable(
                "the camera cannot be started: in use by another program, or no format in common",
                where=str(path),
                next_step=f"fuser -v {path}",
            )
        self._video = video
        self._ask_format(video)
        self._set_exposure(video, path)

    def grab(self, *, within_s: float) -> Shot:  # noqa: ARG002 - OpenCV waits 10 s, whatever it is told
        """Wait for the next picture."""
        if self._video is None:
            raise CameraLost("the camera is not open", where=self._settings.device)
        there, image = self._video.read()
        now_s = self._now_s()
        if not there:
            raise CameraLost(
                "the camera gives no pictures any more", where=self._settings.device, next_step="dmesg | tail"
            )
        stamp_s = float(self._video.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0  # the kernel's stamp of the buffer
        return Shot(image=image, captured_s=capture_time_s(stamp_s, now_s=now_s))

    def close(self) -> None:
        """Stop the camera."""
        if self._video is not None:
            self._video.release()
            self._video = None

    def _ask_format(self, video: cv2.VideoCapture) -> None:
        wish = self._settings
        if wish.width_px * wish.height_px * 2 * wish.fps > RAW_LIMIT_BYTES_S:
            video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))  # refused by cameras without it
        video.set(cv2.CAP_PROP_FRAME_WIDTH, wish.width_px)
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, wish.height_px)
        video.set(cv2.CAP_PROP_FPS, wish.fps)
        video.set(cv2.CAP_PROP_BUFFERSIZE, BUFFERS)

    def _set_exposure(self, video: cv2.VideoCapture, path: Path) -> None:
        """Exposure outlives the program in the camera's own memory: automatic has to be asked for as well."""
        exposure_us = self._settings.exposure_us
        if exposure_us is None:
            video.set(
                cv2.CAP_PROP_AUTO_EXPOSURE, EXPOSURE_APERTURE_PRIORITY
            )  # refused by cameras without a choice
            return
        units = max(1, round(exposure_us / EXPOSURE_UNIT_US))
        manual = video.set(cv2.CAP_PROP_AUTO_EXPOSURE, EXPOSURE_MANUAL)
        if not (manual and video.set(cv2.CAP_PROP_EXPOSURE, units)):
            self.close()
            raise CameraUnavailable(
                "the camera takes no fixed exposure", where=str(path), next_step="unset camera.exposure_us"
            )
