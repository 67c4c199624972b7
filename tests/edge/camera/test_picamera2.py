import sys

import pytest

from edge.camera.picamera2 import CsiSettings, Picamera2Source, load
from edge.camera.select import open_camera
from edge.camera.source import boottime_s
from edge.config.camera import CameraConfig
from edge.errors import CameraLost, CameraUnavailable
from tests.edge.camera.fake_picamera2 import FakeCsi


def source_of(
    csi: FakeCsi, *, device: str = "0", exposure_us: int | None = None, fps: float = 25.0
) -> Picamera2Source:
    config = CameraConfig(source="picamera2", device=device, exposure_us=exposure_us, fps=fps)
    return Picamera2Source(CsiSettings.of(config), opener=csi.module().Picamera2)


def test_the_camera_is_configured_as_bgr_at_the_size_and_rate_asked_for() -> None:
    csi = FakeCsi()
    source_of(csi).open()
    assert csi.configurations == [
        {
            "main": {"format": "RGB888", "size": (640, 480)},
            "buffer_count": 3,
            "controls": {"FrameDurationLimits": (40_000, 40_000)},
        }
    ]


@pytest.mark.parametrize(("modern", "mode"), [(True, {"ExposureTimeMode": 1}), (False, {})])
def test_a_fixed_exposure_leaves_the_gain_automatic(*, modern: bool, mode: dict[str, int]) -> None:
    csi = FakeCsi(modern=modern)
    source_of(csi, exposure_us=8000).open()
    controls = csi.configurations[0]["controls"]
    assert controls == {"FrameDurationLimits": (40_000, 40_000), "ExposureTime": 8000, **mode}


def test_an_exposure_that_the_sensor_cannot_do_is_an_error_with_its_bounds_and_lets_go() -> None:
    csi = FakeCsi(exposure_bounds=(100, 5000, 1000))
    with pytest.raises(CameraUnavailable, match="100 to 5000 us"):
        source_of(csi, exposure_us=8000).open()


def test_every_request_goes_back_and_the_time_stamp_is_the_sensors() -> None:
    csi = FakeCsi()
    source = source_of(csi)
    source.open()
    for _ in range(5):
        shot = source.grab(within_s=5.0)
    assert csi.requested == csi.released == 5
    assert 0.002 < boottime_s() - shot.captured_s < 2.0
    source.close()
    assert csi.held == 0


def test_a_request_goes_back_even_if_its_picture_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    csi = FakeCsi()
    source = source_of(csi)
    source.open()

    def broken(_self: object, _name: str) -> None:
        raise RuntimeError("mmap failed")

    monkeypatch.setattr("tests.edge.camera.fake_picamera2.FakeRequest.make_array", broken)
    with pytest.raises(CameraLost, match="RuntimeError"):
        source.grab(within_s=5.0)
    assert csi.released == 1


def test_no_picture_in_time_is_a_lost_camera() -> None:
    csi = FakeCsi()
    source = source_of(csi)
    source.open()
    csi.plugged = False
    with pytest.raises(CameraLost, match="no picture"):
        source.grab(within_s=5.0)


def test_a_missing_camera_says_how_to_list_cameras() -> None:
    with pytest.raises(CameraUnavailable, match="rpicam-hello --list-cameras"):
        source_of(FakeCsi(), device="1").open()


def test_a_camera_in_use_is_an_error_and_nothing_stays_held() -> None:
    csi = FakeCsi(held=1)
    with pytest.raises(CameraUnavailable, match="in use"):
        source_of(csi).open()
    assert csi.held == 1


def test_a_failed_start_lets_go_of_the_camera() -> None:
    csi = FakeCsi(modern=False, exposure_bounds=(1, 2, 1))
    with pytest.raises(CameraUnavailable):
        source_of(csi, exposure_us=60).open()
    csi.exposure_bounds = (1, 100_000, 1)
    source_of(csi, exposure_us=60).open()


@pytest.mark.parametrize("device", ["/dev/v4l/by-id/usb", "front", "123"])
def test_a_csi_camera_is_named_by_its_number(device: str) -> None:
    with pytest.raises(CameraUnavailable, match="number"):
        source_of(FakeCsi(), device=device)


def test_without_the_library_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraUnavailable, match="sudo apt install python3-picamera2"):
        open_camera(CameraConfig(source="picamera2"))


def test_the_library_is_loaded_from_where_python_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    csi = FakeCsi()
    monkeypatch.setitem(sys.modules, "picamera2", csi.module())
    load()(0).close()
    camera = open_camera(CameraConfig(source="picamera2"))
    try:
        assert camera.read(timeout_s=10.0) is not None
    finally:
        camera.close()
