"""The pipeline's text, the unpacking of buffers, and real GStreamer where this Python can load it."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clockface.errors import ConfigError
from edge.camera.gstreamer import Gst, GStreamerSource, PipelineSettings, unpack
from edge.camera.select import open_camera
from edge.camera.source import boottime_s
from edge.config.camera import CameraConfig
from edge.errors import CameraLost, CameraUnavailable

BALL = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=322,height=240,framerate=50/1"


def settings(pipeline: str) -> PipelineSettings:
    return PipelineSettings.of(CameraConfig(source="gstreamer", pipeline=pipeline))


def test_without_a_pipeline_it_is_a_jetsons_csi_camera() -> None:
    config = CameraConfig(
        source="gstreamer", device="1", width_px=1280, height_px=720, fps=29.97, exposure_us=8000
    )
    text = PipelineSettings.of(config).description
    assert text.startswith('nvarguscamerasrc sensor-id=1 exposuretimerange="8000000 8000000" ! ')
    assert "video/x-raw(memory:NVMM),width=1280,height=720,framerate=29970/1000" in text
    assert text.endswith("max-buffers=1 drop=true sync=false enable-last-sample=false")


def test_an_operators_pipeline_is_ended_with_our_appsink() -> None:
    assert settings(" v4l2src ! ").description.startswith(
        "v4l2src ! videoconvert ! video/x-raw,format=BGR ! appsink"
    )


def test_a_pipeline_with_an_appsink_of_its_own_is_refused() -> None:
    with pytest.raises(ConfigError, match="appsink"):
        settings("videotestsrc ! appsink")


@given(width=st.integers(1, 40), height=st.integers(1, 40), padding=st.integers(0, 8))
def test_padded_rows_are_unpacked(width: int, height: int, padding: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    stride = width * 3 + padding
    rows = np.full((height, stride), 77, np.uint8)
    rows[:, : width * 3] = image.reshape(height, -1)
    data = rows.tobytes()[: stride * (height - 1) + width * 3]  # the last row may come without padding
    result = unpack(data, width=width, height=height, stride=stride)
    assert np.array_equal(result, image)
    assert result.flags.owndata


@given(
    data=st.binary(max_size=200),
    width=st.integers(-5, 20_000),
    height=st.integers(-5, 20_000),
    stride=st.integers(-5, 70_000),
)
def test_a_buffer_that_is_not_what_it_says_is_refused(
    *, data: bytes, width: int, height: int, stride: int
) -> None:
    try:
        result = unpack(data, width=width, height=height, stride=stride)
    except CameraLost:
        return
    assert result.shape == (height, width, 3)
    assert len(data) >= stride * (height - 1) + width * 3


def test_without_the_library_the_error_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(CameraUnavailable, match="scripts/setup jetson"):
        open_camera(CameraConfig(source="gstreamer"))


def test_a_real_pipeline_delivers_pictures_with_their_own_time(gst: Gst) -> None:
    source = GStreamerSource(settings(BALL), gst=gst)
    source.open()
    try:
        shots = [source.grab(within_s=5.0) for _ in range(5)]
        now_s = boottime_s()
        assert all(shot.image.shape == (240, 322, 3) for shot in shots)
        assert not np.array_equal(shots[0].image, shots[-1].image)
        stamps = [shot.captured_s for shot in shots]
        assert stamps == sorted(stamps)
        assert stamps[-1] - stamps[0] == pytest.approx(4 / 50, abs=1.0)
        assert 0.0 <= now_s - stamps[-1] < 2.0
    finally:
        source.close()
        source.close()


def test_the_colours_of_a_real_pipeline_are_blue_green_red(gst: Gst) -> None:
    red = "videotestsrc num-buffers=1 pattern=red ! video/x-raw,format=RGB,width=64,height=48"
    source = GStreamerSource(settings(red), gst=gst)
    source.open()
    try:
        assert source.grab(within_s=5.0).image[24, 32].tolist() == [0, 0, 255]
    finally:
        source.close()


def grab_all(source: GStreamerSource) -> None:
    for _ in range(100):
        source.grab(within_s=5.0)


def test_a_real_pipeline_that_ends_is_a_lost_camera(gst: Gst) -> None:
    source = GStreamerSource(settings("videotestsrc num-buffers=2 ! video/x-raw,width=64,height=48"), gst=gst)
    source.open()
    try:
        with pytest.raises(CameraLost, match="ended"):
            grab_all(source)
    finally:
        source.close()


def test_a_real_pipeline_that_falls_silent_is_given_up_in_time(gst: Gst) -> None:
    silent = "appsrc is-live=true caps=video/x-raw,format=BGR,width=64,height=48,framerate=5/1"
    source = GStreamerSource(settings(silent), gst=gst)
    source.open()
    try:
        with pytest.raises(CameraLost, match="no picture"):
            source.grab(within_s=0.1)
    finally:
        source.close()


def test_an_error_inside_a_real_pipeline_is_told(gst: Gst) -> None:
    failing = (
        "videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=50/1 ! identity error-after=3"
    )
    source = GStreamerSource(settings(failing), gst=gst)
    source.open()
    try:
        with pytest.raises(CameraLost, match="Failed after iterations"):
            grab_all(source)
    finally:
        source.close()


@pytest.mark.parametrize("pipeline", ["nosuchelement", "videotestsrc ! ! !", "v4l2src device=/dev/video987"])
def test_a_real_pipeline_that_cannot_run_says_why(gst: Gst, pipeline: str) -> None:
    source = GStreamerSource(settings(pipeline), gst=gst)
    with pytest.raises(CameraUnavailable, match="pipeline"):
        source.open()
    source.close()
