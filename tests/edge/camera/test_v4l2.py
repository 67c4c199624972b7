from pathlib import Path

import cv2
import pytest

from edge.camera.source import Shot, boottime_s
from edge.camera.v4l2 import V4l2Settings, V4l2Source
from edge.config.camera import CameraConfig
from edge.errors import CameraLost, CameraUnavailable
from tests.edge.camera.fake_v4l2 import FakeUsbCamera

MJPG = float(cv2.VideoWriter.fourcc(*"MJPG"))


def source_of(camera: FakeUsbCamera, config: CameraConfig | None = None) -> V4l2Source:
    return V4l2Source(
        V4l2Settings.of(config or CameraConfig()),
        capture=camera.capture,  # type: ignore[arg-type]
        check=camera.check,
    )


def test_the_device_is_opened_with_the_v4l2_backend_and_asked_for_what_is_configured() -> None:
    camera = FakeUsbCamera()
    source = source_of(camera, CameraConfig(device="2", width_px=320, height_px=240, fps=20.0))
    source.open()
    assert camera.opened == [("/dev/video2", cv2.CAP_V4L2)]
    assert camera.controls[cv2.CAP_PROP_FRAME_WIDTH] == 320
    assert camera.controls[cv2.CAP_PROP_FRAME_HEIGHT] == 240
    assert camera.controls[cv2.CAP_PROP_FPS] == 20.0
    assert camera.controls[cv2.CAP_PROP_BUFFERSIZE] == 2
    source.close()
    assert camera.open_now == 0


@pytest.mark.parametrize(
    ("width", "height", "fps", "compressed"), [(640, 480, 15.0, False), (1280, 720, 30.0, True)]
)
def test_pictures_are_compressed_only_where_usb_could_not_carry_them_raw(
    width: int, height: int, fps: float, *, compressed: bool
) -> None:
    camera = FakeUsbCamera()
    source_of(camera, CameraConfig(width_px=width, height_px=height, fps=fps)).open()
    assert (camera.controls.get(cv2.CAP_PROP_FOURCC) == MJPG) is compressed


def test_a_camera_without_mjpg_is_used_raw() -> None:
    camera = FakeUsbCamera(fourccs=("YUYV",))
    source = source_of(camera, CameraConfig(width_px=1280, height_px=720, fps=30.0))
    source.open()
    assert isinstance(source.grab(within_s=5.0), Shot)


def test_a_fixed_exposure_is_set_in_units_of_100_us_after_the_automatic_is_switched_off() -> None:
    camera = FakeUsbCamera()
    source_of(camera, CameraConfig(exposure_us=8000)).open()
    assert camera.controls[cv2.CAP_PROP_AUTO_EXPOSURE] == 1
    assert camera.controls[cv2.CAP_PROP_EXPOSURE] == 80


def test_a_fixed_exposure_of_an_earlier_run_does_not_stay() -> None:
    camera = FakeUsbCamera(controls={cv2.CAP_PROP_AUTO_EXPOSURE: 1})
    source_of(camera, CameraConfig()).open()
    assert camera.controls[cv2.CAP_PROP_AUTO_EXPOSURE] == 3


def test_a_fixed_exposure_that_the_camera_refuses_is_an_error_and_the_camera_is_let_go() -> None:
    camera = FakeUsbCamera(manual_exposure=False)
    with pytest.raises(CameraUnavailable, match="exposure") as failure:
        source_of(camera, CameraConfig(exposure_us=8000)).open()
    assert "camera.exposure_us" in str(failure.value)
    assert camera.open_now == 0


def test_a_camera_in_use_says_how_to_find_the_user() -> None:
    with pytest.raises(CameraUnavailable, match="fuser"):
        source_of(FakeUsbCamera(busy=True)).open()


def test_an_unplugged_camera_is_lost() -> None:
    camera = FakeUsbCamera()
    source = source_of(camera)
    source.open()
    source.grab(within_s=5.0)
    camera.plugged = False
    with pytest.raises(CameraLost):
        source.grab(within_s=5.0)


def test_the_kernels_time_stamp_is_used_where_there_is_one() -> None:
    for stamps, oldest_s in ((True, 0.0015), (False, 0.0)):
        source = source_of(FakeUsbCamera(stamps=stamps))
        source.open()
        shot = source.grab(within_s=5.0)
        age_s = boottime_s() - shot.captured_s
        assert oldest_s <= age_s < 2.0
        source.close()


def test_grabbing_from_a_closed_camera_is_an_error_of_the_camera() -> None:
    with pytest.raises(CameraLost):
        source_of(FakeUsbCamera()).grab(within_s=5.0)


def test_a_missing_device_is_named_with_what_to_do(tmp_path: Path) -> None:
    source = V4l2Source(V4l2Settings.of(CameraConfig(device="/dev/video987")))
    with pytest.raises(CameraUnavailable, match="/dev/video987"):
        source.open()
    source.close()
