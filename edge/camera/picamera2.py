"""Raspberry Pi cameras on the CSI ribbon, through picamera2 (libcamera).

The library comes with Raspberry Pi OS and is imported here only. It raises what it likes: everything becomes a
CameraError. Written from the Picamera2 manual and libcamera's control list; tried here against a fake only.
"""

from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any

from edge.camera.devices import camera_number
from edge.camera.library import need
from edge.camera.source import Shot, boottime_s, capture_time_s
from edge.config.camera import CameraConfig
from edge.errors import CameraLost, CameraUnavailable

INSTALL = "sudo apt install python3-picamera2; scripts/setup pi"
LIST_COMMAND = "rpicam-hello --list-cameras"
BUFFERS = 3  # one with the sensor, one on its way, one in our hands
EXPOSURE_MANUAL = 1  # libcamera's ExposureTimeModeManual, since 0.5; before, a time alone was enough
DRIVER_ERRORS = (RuntimeError, OSError, ValueError, IndexError, KeyError, AttributeError, CancelledError)


@dataclass(frozen=True, slots=True)
class CsiSettings:
    """What is asked of a CSI camera; see `CameraConfig`."""

    number: int
    width_px: int
    height_px: int
    fps: float
    exposure_us: int | None

    @classmethod
    def of(cls, config: CameraConfig) -> "CsiSettings":
        """Take the settings from the configuration.

        Raises:
            CameraUnavailable: The device is not a camera's number.
        """
        return cls(
            number=camera_number(config.device),
            width_px=config.width_px,
            height_px=config.height_px,
            fps=config.fps,
            exposure_us=config.exposure_us,
        )


def load() -> Callable[[int], Any]:
    """Import picamera2 and return what opens a camera by its number.

    Raises:
        CameraUnavailable: It is not installed, or the environment does not see it.
    """
    opener: Callable[[int], Any] = need("picamera2", for_source="picamera2", install=INSTALL).Picamera2
    return opener


class Picamera2Source:
    """Implements `edge.camera.source.Source` with Picamera2.

    Args:
        settings: What to ask of the camera.
        opener: The class Picamera2; see `load`.
        now_s: Reads CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        settings: CsiSettings,
        *,
        opener: Callable[[int], Any],
        now_s: Callable[[], float] = boottime_s,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._now_s = now_s
        self._camera: Any = None

    def open(self) -> None:
        """Open, configure and start the camera."""
        self.close()
        where = f"camera {self._settings.number}"
        try:
            self._camera = self._opener(self._settings.number)
            self._start(self._camera)
        except CameraUnavailable:
            self.close()
            raise
        except IndexError as error:  # the manual: cameras are counted from 0 in global_camera_info()
            self.close()
            raise CameraUnavailable(
                "there is no such CSI camera", where=where, next_step=LIST_COMMAND
            ) from error
        except DRIVER_ERRORS as error:
            self.close()
            raise CameraUnavailable(
                f"the CSI camera cannot be started: {type(error).__name__}; in use by another program?",
                where=where,
                next_step=LIST_COMMAND,
            ) from error

    def grab(self, *, within_s: float) -> Shot:
        """Wait for the next completed request and copy its picture out."""
        where = f"camera {self._settings.number}"
        if self._camera is None:
            raise CameraLost("the camera is not open", where=where)
        try:
            request = self._camera.capture_request(wait=within_s)
            try:
                image = request.make_array("main")  # a copy: the buffer goes back to the sensor
                stamp_ns = request.get_metadata().get("SensorTimestamp", 0)
            finally:
                request.release()
        except (TimeoutError, FutureTimeoutError) as error:
            raise CameraLost(
                f"no picture for {within_s:.1f} s",
                where=where,
                next_step="check the ribbon cable; dmesg",
            ) from error
        except DRIVER_ERRORS as error:
            raise CameraLost(f"the CSI camera failed: {type(error).__name__}", where=where) from error
        # libcamera: SensorTimestamp is CLOCK_BOOTTIME in nanoseconds, at the first row's exposure
        return Shot(image=image, captured_s=capture_time_s(stamp_ns / 1e9, now_s=self._now_s()))

    def close(self) -> None:
        """Stop the camera and let go of it: libcamera lends it to one process at a time."""
        camera, self._camera = self._camera, None
        if camera is not None:
            try:
                camera.stop()
            finally:
                camera.close()

    def _start(self, camera: Any) -> None:
        wish = self._settings
        period_us = round(1_000_000 / wish.fps)
        controls: dict[str, object] = {"FrameDurationLimits": (period_us, period_us)}
        if wish.exposure_us is not None:
            controls |= self._exposure(camera.camera_controls, wish.exposure_us)
        configuration = camera.create_video_configuration(
            # "RGB888" names the bytes from the highest to the lowest: in memory it is B, G, R
            main={"format": "RGB888", "size": (wish.width_px, wish.height_px)},
            buffer_count=BUFFERS,
            controls=controls,
        )
        camera.configure(configuration)
        camera.start()

    def _exposure(self, known: dict[str, tuple[Any, ...]], exposure_us: int) -> dict[str, object]:
        """Fix the exposure time; the gain stays automatic, so that the picture keeps its brightness."""
        low, high = known.get("ExposureTime", (0, 0))[:2]
        if not low <= exposure_us <= (high or exposure_us) or "ExposureTime" not in known:
            raise CameraUnavailable(
                f"the sensor takes exposures from {low} to {high} us",
                where="camera.exposure_us",
                next_step="clockface config check",
            )
        mode = {"ExposureTimeMode": EXPOSURE_MANUAL} if "ExposureTimeMode" in known else {}
        return {"ExposureTime": exposure_us, **mode}
