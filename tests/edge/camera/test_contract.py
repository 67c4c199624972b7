"""What every camera promises, held against each implementation (edge.ports.Camera)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from edge.camera.gstreamer import Gst, GStreamerSource, PipelineSettings
from edge.camera.live import LiveCamera
from edge.camera.picamera2 import CsiSettings, Picamera2Source
from edge.camera.remote import RemoteSource
from edge.camera.select import open_camera
from edge.camera.serve import FrameServer
from edge.camera.source import Source, boottime_s
from edge.camera.v4l2 import V4l2Settings, V4l2Source
from edge.camera.view import View
from edge.camera.vitals import Patience
from edge.config.camera import CameraConfig
from edge.ports import Camera
from edge.types.camera import CameraState
from tests.edge.camera.fake_gstreamer import FakePlugins
from tests.edge.camera.fake_picamera2 import FakeCsi
from tests.edge.camera.fake_v4l2 import FakeUsbCamera
from tests.edge.camera.scenes import write_clip, write_folder

PATIENCE = Patience(freeze_after_s=3.0, reopen_max_s=1.0)


@dataclass
class Rig:
    """One implementation on the bench.

    Args:
        open: Opens a camera with a view.
        unplug: Makes the device vanish, where it can.
        plug: Brings it back.
        recording: Whether time stamps are the recording's.
    """

    open: Callable[[View], Camera]
    unplug: Callable[[], None] = lambda: None
    plug: Callable[[], None] = lambda: None
    recording: bool = False


def live(make: Callable[[], Source]) -> Callable[[View], Camera]:
    return lambda view: LiveCamera(make, view=view, patience=PATIENCE, draw=lambda low, high: low)


def replay_rig(path: Path, pace: str) -> Rig:
    def opened(view: View) -> Camera:
        config = CameraConfig(
            source="replay",
            replay_path=path,
            replay_pace=pace,  # type: ignore[arg-type]
            replay_loop=True,
            fps=50.0,
            rotation_deg=view.rotation_deg,  # type: ignore[arg-type]
            mirror=view.mirror,
            region=view.region,
        )
        return open_camera(config)

    return Rig(open=opened, recording=pace == "fast")


def v4l2_rig() -> Rig:
    usb = FakeUsbCamera()
    settings = V4l2Settings.of(CameraConfig())
    return Rig(
        open=live(lambda: V4l2Source(settings, capture=usb.capture, check=usb.check)),  # type: ignore[arg-type]
        unplug=lambda: setattr(usb, "plugged", False),
        plug=lambda: setattr(usb, "plugged", True),
    )


def picamera2_rig() -> Rig:
    csi = FakeCsi()
    settings = CsiSettings.of(CameraConfig(source="picamera2"))
    return Rig(
        open=live(lambda: Picamera2Source(settings, opener=csi.module().Picamera2)),
        unplug=lambda: setattr(csi, "plugged", False),
        plug=lambda: setattr(csi, "plugged", True),
    )


def gstreamer_rig() -> Rig:
    plugins = FakePlugins()
    settings = PipelineSettings.of(CameraConfig(source="gstreamer"))
    return Rig(
        open=live(lambda: GStreamerSource(settings, gst=plugins.gst())),
        unplug=lambda: setattr(plugins, "plugged", False),
        plug=lambda: setattr(plugins, "plugged", True),
    )


def real_gstreamer_rig(gst: Gst) -> Rig:
    pipeline = "videotestsrc is-live=true pattern=snow ! video/x-raw,width=64,height=48,framerate=50/1"
    settings = PipelineSettings.of(CameraConfig(source="gstreamer", pipeline=pipeline))
    return Rig(open=live(lambda: GStreamerSource(settings, gst=gst)))


class CaptureProcess:
    """The capture process's end of the socket, in a thread, with a camera of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.start()

    def start(self) -> None:
        usb = FakeUsbCamera()
        settings = V4l2Settings.of(CameraConfig())
        make = live(lambda: V4l2Source(settings, capture=usb.capture, check=usb.check))  # type: ignore[arg-type]
        self._camera = make(View())
        self._stop = threading.Event()
        self._server = FrameServer(self._path, camera=self._camera, tick=lambda: not self._stop.is_set())
        self._server.open()
        self._thread = threading.Thread(target=self._server.serve)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10.0)
        self._server.close()
        self._camera.close()


def remote_rig(path: Path, stack: ExitStack) -> Rig:
    process = CaptureProcess(path / "frames.sock")
    stack.callback(process.stop)
    return Rig(open=live(lambda: RemoteSource(path / "frames.sock")), unplug=process.stop, plug=process.start)


Build = Callable[[Path, ExitStack], Rig]
DEVICES: dict[str, Build] = {
    "v4l2": lambda _path, _: v4l2_rig(),
    "picamera2": lambda _path, _: picamera2_rig(),
    "gstreamer": lambda _path, _: gstreamer_rig(),
    "remote": remote_rig,
}
RIGS: dict[str, Build] = {
    "replay video, fast": lambda path, _: replay_rig(write_clip(path / "clip.avi", fps=50.0), "fast"),
    "replay video, real time": lambda path, _: replay_rig(write_clip(path / "clip.avi", fps=50.0), "realtime"),
    "replay folder, fast": lambda path, _: replay_rig(write_folder(path / "clip"), "fast"),
    "replay folder, real time": lambda path, _: replay_rig(write_folder(path / "clip"), "realtime"),
    **DEVICES,
}


@pytest.fixture(params=[*RIGS, "gstreamer, real"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        if request.param == "gstreamer, real":
            yield real_gstreamer_rig(request.getfixturevalue("gst"))
        else:
            yield RIGS[request.param](tmp_path, stack)


@pytest.fixture
def camera(rig: Rig) -> Iterator[Camera]:
    camera = rig.open(View())
    yield camera
    camera.close()


def test_frames_are_bgr_pictures_that_nobody_can_change(camera: Camera) -> None:
    frame = camera.read(timeout_s=10.0)
    assert frame is not None
    assert frame.image.shape == (48, 64, 3)
    assert frame.image.dtype == "uint8"
    assert frame.image.flags.c_contiguous
    assert not frame.image.flags.writeable


def test_every_frame_is_newer_than_the_one_before(camera: Camera) -> None:
    frames = [camera.read(timeout_s=10.0) for _ in range(8)]
    stamps = [frame.captured_s for frame in frames if frame]
    indices = [frame.index for frame in frames if frame]
    assert len(stamps) == 8
    assert all(later > earlier for earlier, later in pairwise(stamps))
    assert all(later > earlier for earlier, later in pairwise(indices))


def test_time_stamps_are_of_the_capture_on_the_clock_that_is_promised(rig: Rig, camera: Camera) -> None:
    began_s = boottime_s()
    camera.read(timeout_s=10.0)
    frame = camera.read(timeout_s=10.0)
    assert frame is not None
    if rig.recording:
        assert frame.captured_s == pytest.approx(1 / 50.0)
    else:
        assert began_s - 1.0 < frame.captured_s <= boottime_s()


def test_a_frame_that_was_read_is_not_overwritten_by_later_ones(camera: Camera) -> None:
    frame = camera.read(timeout_s=10.0)
    assert frame is not None
    before = frame.image.copy()
    for _ in range(5):
        camera.read(timeout_s=10.0)
    assert (frame.image == before).all()


def test_health_says_streaming_and_counts(camera: Camera) -> None:
    for _ in range(5):
        assert camera.read(timeout_s=10.0) is not None
    health = camera.health()
    assert health.state is CameraState.STREAMING
    assert health.frames >= 5
    assert health.fps > 0.0
    assert health.reopened == 0
    assert health.problem == ""
    assert health.since_s <= boottime_s()


def test_the_view_is_applied_once(rig: Rig) -> None:
    camera = rig.open(View(rotation_deg=90, mirror=True))
    try:
        frame = camera.read(timeout_s=10.0)
        assert frame is not None
        assert frame.image.shape == (64, 48, 3)
    finally:
        camera.close()


def test_after_close_nothing_comes_and_closing_again_is_harmless(camera: Camera) -> None:
    assert camera.read(timeout_s=10.0) is not None
    camera.close()
    camera.close()
    assert camera.read(timeout_s=0.0) is None
    assert camera.health().state is CameraState.ENDED


def test_a_closed_camera_can_be_opened_anew(rig: Rig) -> None:
    for _ in range(2):
        camera = rig.open(View())
        assert camera.read(timeout_s=10.0) is not None
        camera.close()


@pytest.mark.parametrize("rig", DEVICES, indirect=True)
def test_a_device_that_vanishes_is_reported_and_comes_back(rig: Rig, camera: Camera) -> None:
    assert camera.read(timeout_s=10.0) is not None
    rig.unplug()
    for _ in range(100):
        camera.read(timeout_s=0.1)
        if camera.health().state is CameraState.LOST:
            break
    assert camera.health().state is CameraState.LOST
    assert camera.health().problem
    rig.plug()
    assert camera.read(timeout_s=10.0) is not None
    health = camera.health()
    assert health.state is CameraState.STREAMING
    assert health.reopened >= 1
    assert health.problem == ""
