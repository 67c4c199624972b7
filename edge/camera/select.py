"""From the configuration to a camera: the only place that knows all backends.

Each backend is imported when it is chosen, so that a Pi needs nothing of a Jetson. Only what can never come
right by itself (a missing library, a recording that is not there) is an error here; a camera that is gone is
reopened for ever.
"""

from collections.abc import Callable
from pathlib import Path

from clockface.errors import ConfigError
from clockface.scrubbing import Trace
from edge.camera.live import LiveCamera
from edge.camera.source import Source, boottime_s
from edge.camera.view import View
from edge.camera.vitals import Patience
from edge.config.camera import CameraConfig
from edge.ports import Camera

LEAST_PICTURES_MISSED = 2.5  # a camera at 1 fps is not frozen after half a second


def open_camera(
    config: CameraConfig,
    *,
    now_s: Callable[[], float] = boottime_s,
    crashed: Callable[[Trace], None] = lambda _: None,
) -> Camera:
    """Open the configured camera.

    Args:
        config: The section [camera].
        now_s: Reads CLOCK_BOOTTIME in seconds.
        crashed: Is told what the capture process says of its last crash.

    Returns:
        A camera; `health` says whether the device is there.

    Raises:
        CameraUnavailable: A library is missing, or the recording cannot be read.
    """
    if config.source == "replay":
        return _open_replay(config, now_s)
    return LiveCamera(
        _source_maker(config, now_s, crashed), view=View.of(config), patience=patience_of(config), now_s=now_s
    )


def patience_of(config: CameraConfig) -> Patience:
    """The time limits of the configuration; a slow camera is given time for two pictures."""
    return Patience(
        freeze_after_s=max(config.freeze_after_s, LEAST_PICTURES_MISSED / config.fps),
        reopen_max_s=config.reopen_max_s,
        suspicious=config.source != "replay",
    )


def _open_replay(config: CameraConfig, now_s: Callable[[], float]) -> Camera:
    from edge.camera.replay import FastReplay, ReplaySource, open_recording

    path = _given(config.replay_path, "camera.replay_path")
    recording = open_recording(path, fps=config.fps)
    if config.replay_pace == "fast":
        return FastReplay(recording, loop=config.replay_loop, view=View.of(config), now_s=now_s)
    recording.close()
    return LiveCamera(
        lambda: ReplaySource(path, fps=config.fps, loop=config.replay_loop, now_s=now_s),
        view=View.of(config),
        patience=patience_of(config),
        now_s=now_s,
    )


def _source_maker(
    config: CameraConfig, now_s: Callable[[], float], crashed: Callable[[Trace], None]
) -> Callable[[], Source]:
    if config.source == "v4l2":
        from edge.camera.v4l2 import V4l2Settings, V4l2Source

        settings = V4l2Settings.of(config)
        return lambda: V4l2Source(settings, now_s=now_s)
    if config.source == "picamera2":
        from edge.camera import picamera2

        csi, opener = picamera2.CsiSettings.of(config), picamera2.load()
        return lambda: picamera2.Picamera2Source(csi, opener=opener, now_s=now_s)
    if config.source == "gstreamer":
        from edge.camera import gstreamer

        pipeline, gst = gstreamer.PipelineSettings.of(config), gstreamer.load()
        return lambda: gstreamer.GStreamerSource(pipeline, gst=gst, now_s=now_s)
    from edge.camera.remote import RemoteSource

    path = _given(config.socket, "camera.socket")
    return lambda: RemoteSource(path, now_s=now_s, crashed=crashed)


def _given(value: Path | None, setting: str) -> Path:
    if value is None:
        raise ConfigError(f"{setting} is not set", next_step="clockface config check")
    return value
