"""Cameras through GStreamer: nvarguscamerasrc on a Jetson, and any pipeline that the operator writes.

The pipeline is part of the configuration and as trusted as it; what comes out of it is not. PyGObject is
imported here only. Pictures are copied out of GStreamer's buffers, once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clockface.errors import ConfigError
from edge.camera.devices import camera_number
from edge.camera.library import need
from edge.camera.picture import MAX_SIDE_PX
from edge.camera.source import Shot, boottime_s, capture_time_s
from edge.config.camera import CameraConfig
from edge.errors import CameraLost, CameraUnavailable
from edge.types.faces import BgrImage

INSTALL = "sudo apt install gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-good; scripts/setup jetson"
SINK = "clockface_frames"
TAIL = (
    f"videoconvert ! video/x-raw,format=BGR ! appsink name={SINK} max-buffers=1 drop=true sync=false"
    " enable-last-sample=false"
)


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """A pipeline, ready to launch.

    Args:
        description: In the syntax of gst-launch, with its appsink.
    """

    description: str

    @classmethod
    def of(cls, config: CameraConfig) -> "PipelineSettings":
        """Take the operator's pipeline, or build the one for a Jetson's CSI camera.

        Raises:
            ConfigError: The operator's pipeline brings its own appsink.
            CameraUnavailable: The device is not a camera's number.
        """
        head = config.pipeline.strip().rstrip("!").strip()
        if "appsink" in head:
            raise ConfigError(
                "camera.pipeline ends before the appsink: Clockface adds its own",
                where="camera.pipeline",
                next_step="clockface config check",
            )
        return cls(description=f"{head or argus_pipeline(config)} ! {TAIL}")


def argus_pipeline(config: CameraConfig) -> str:
    """The pipeline of a Jetson's CSI camera (NVIDIA's accelerated GStreamer guide)."""
    exposure = ""
    if config.exposure_us is not None:
        exposure_ns = config.exposure_us * 1000
        exposure = f' exposuretimerange="{exposure_ns} {exposure_ns}"'
    rate = f"{round(config.fps * 1000)}/1000"
    return (
        f"nvarguscamerasrc sensor-id={camera_number(config.device)}{exposure}"
        f" ! video/x-raw(memory:NVMM),width={config.width_px},height={config.height_px},framerate={rate}"
        " ! nvvidconv ! video/x-raw,format=BGRx"
    )


@dataclass(frozen=True, slots=True)
class Gst:
    """The parts of PyGObject that are used.

    Args:
        core: gi.repository.Gst, initialised.
        video: gi.repository.GstVideo.
        error: GLib.Error.
    """

    core: Any
    video: Any
    error: type[Exception]


_loading = threading.Lock()


def load() -> Gst:
    """Import and initialise GStreamer.

    Raises:
        CameraUnavailable: PyGObject or GStreamer's introspection data are missing.
    """
    with _loading:
        gi = need("gi", for_source="gstreamer", install=INSTALL)
        try:
            for name in ("Gst", "GstApp", "GstVideo"):
                gi.require_version(name, "1.0")
        except ValueError as error:
            raise CameraUnavailable(
                "GStreamer's introspection data are missing", where="gi.repository", next_step=INSTALL
            ) from error
        core = need("gi.repository.Gst", for_source="gstreamer", install=INSTALL)
        need("gi.repository.GstApp", for_source="gstreamer", install=INSTALL)  # gives appsink its methods
        video = need("gi.repository.GstVideo", for_source="gstreamer", install=INSTALL)
        glib = need("gi.repository.GLib", for_source="gstreamer", install=INSTALL)
        core.init(None)
        return Gst(core=core, video=video, error=glib.Error)


class GStreamerSource:
    """Implements `edge.camera.source.Source` with a pipeline.

    Args:
        settings: The pipeline.
        gst: See `load`.
        now_s: Reads CLOCK_BOOTTIME.
    """

    def __init__(
        self, settings: PipelineSettings, *, gst: Gst, now_s: Callable[[], float] = boottime_s
    ) -> None:
        self._settings = settings
        self._gst = gst
        self._now_s = now_s
        self._pipeline: Any = None
        self._sink: Any = None

    def open(self) -> None:
        """Build the pipeline and let it play."""
        self.close()
        core = self._gst.core
        try:
            self._pipeline = core.parse_launch(self._settings.description)
        except self._gst.error as error:
            raise CameraUnavailable(
                f"GStreamer cannot build the pipeline: {_message(error)}",
                where="camera.pipeline",
                next_step="gst-inspect-1.0 ELEMENT; " + INSTALL,
            ) from error
        self._sink = self._pipeline.get_by_name(SINK)
        if self._pipeline.set_state(core.State.PLAYING) == core.StateChangeReturn.FAILURE:
            why = self._trouble() or "no reason given"
            self.close()
            raise CameraUnavailable(
                f"the pipeline does not start: {why}",
                where="camera.pipeline",
                next_step="GST_DEBUG=3 gst-launch-1.0",
            )

    def grab(self, *, within_s: float) -> Shot:
        """Wait for the newest picture."""
        if self._pipeline is None:
            raise CameraLost("the pipeline is not open", where="camera.pipeline")
        sample = self._sink.try_pull_sample(round(within_s * self._gst.core.SECOND))
        now_s = self._now_s()
        if sample is None:
            why = self._trouble() or ("the pipeline has ended" if self._sink.is_eos() else "no picture")
            raise CameraLost(f"{why} (waited {within_s:.1f} s)", where="camera.pipeline")
        buffer = sample.get_buffer()
        image = self._copy(sample.get_caps(), buffer)
        return Shot(image=image, captured_s=capture_time_s(self._stamp_s(buffer), now_s=now_s))

    def close(self) -> None:
        """Stop the pipeline and free it."""
        pipeline, self._pipeline, self._sink = self._pipeline, None, None
        if pipeline is not None:
            pipeline.set_state(self._gst.core.State.NULL)

    def _copy(self, caps: Any, buffer: Any) -> BgrImage:
        info = self._gst.video.VideoInfo.new_from_caps(caps)
        meta = self._gst.video.buffer_get_video_meta(buffer)
        stride = meta.stride[0] if meta is not None else info.stride[0]  # rows are padded to four bytes
        there, mapped = buffer.map(self._gst.core.MapFlags.READ)
        if not there:
            raise CameraLost("GStreamer's buffer cannot be read", where="camera.pipeline")
        try:
            return unpack(mapped.data, width=info.width, height=info.height, stride=stride)
        finally:
            buffer.unmap(mapped)

    def _stamp_s(self, buffer: Any) -> float:
        """The buffer's time on the pipeline's clock: CLOCK_MONOTONIC unless an element brings its own."""
        if buffer.pts == self._gst.core.CLOCK_TIME_NONE:
            return -1.0
        return float(self._pipeline.get_base_time() + buffer.pts) / 1e9

    def _trouble(self) -> str:
        """The first error on the pipeline's bus, without the debug text (which may hold addresses)."""
        message = self._pipeline.get_bus().pop_filtered(self._gst.core.MessageType.ERROR)
        return "" if message is None else _message(message.parse_error()[0])


def unpack(data: bytes | memoryview, *, width: int, height: int, stride: int) -> BgrImage:
    """Copy a BGR picture with padded rows out of a buffer.

    Raises:
        CameraLost: The buffer is shorter than its description says.
    """
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and stride >= width * 3):
        raise CameraLost(f"GStreamer describes a picture of {width}x{height}, {stride} bytes a row")
    if len(data) < stride * (height - 1) + width * 3:
        raise CameraLost(f"GStreamer's buffer of {len(data)} bytes is too short for {width}x{height}")
    rows: BgrImage = np.ndarray((height, width, 3), np.uint8, data, strides=(stride, 3, 1))
    return rows.copy()


def _message(error: Any) -> str:
    return " ".join(str(getattr(error, "message", type(error).__name__)).split())[:200]
