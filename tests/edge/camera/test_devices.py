import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.camera import devices
from edge.camera.devices import CAN_CAPTURE, HAS_DEVICE_CAPS, VIDIOC_QUERYCAP, parse_capabilities
from edge.errors import CameraUnavailable


def test_the_ioctl_number_is_the_kernels() -> None:
    assert (
        VIDIOC_QUERYCAP == 0x80685600
    )  # linux/videodev2.h on every architecture with the generic ioctl encoding


def capability(capabilities: int, device_caps: int) -> bytes:
    return struct.pack(
        "16s32s32sIII12x", b"uvcvideo", b"HD Webcam", b"usb-1", 0x060600, capabilities, device_caps
    )


def test_a_nodes_own_capabilities_count_not_the_whole_devices() -> None:
    metadata_node = capability(HAS_DEVICE_CAPS | 0x04A0_0001, 0x04A0_0000)
    assert not parse_capabilities(metadata_node) & CAN_CAPTURE
    assert parse_capabilities(capability(HAS_DEVICE_CAPS | 0x04A0_0001, 0x0420_0001)) & CAN_CAPTURE
    assert parse_capabilities(capability(0x0400_0001, 0)) & CAN_CAPTURE


def test_devices_are_listed_by_number_with_clean_names(tmp_path: Path) -> None:
    for node, name in (("video10", "Second"), ("video2", "HD\x1b[31m Webcam\n"), ("v4l-subdev0", "no")):
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(name)
    (tmp_path / "video11").mkdir()
    found = devices.list_devices(sys_root=tmp_path, dev_root=tmp_path / "dev")
    assert [device.path.name for device in found] == ["video2", "video10", "video11"]
    assert found[0].name == "HD [31m Webcam"
    assert found[2].name == ""
    assert found[0].captures is None, "the node cannot be asked"


def test_no_camera_is_an_empty_list(tmp_path: Path) -> None:
    assert devices.list_devices(sys_root=tmp_path / "none") == ()


def test_a_stable_link_leads_to_its_node(tmp_path: Path) -> None:
    (tmp_path / "video4").touch()
    link = tmp_path / "usb-cam-index0"
    link.symlink_to("video4")
    assert devices.resolve(str(link), dev_root=tmp_path) == tmp_path / "video4"
    assert devices.resolve("4", dev_root=tmp_path) == tmp_path / "video4"


@pytest.mark.parametrize(
    "device", ["", "video0", "/etc/passwd", "/dev/../etc/passwd", "rtsp://host/", "-1", "0x1"]
)
def test_what_is_no_device_is_refused(device: str) -> None:
    with pytest.raises(CameraUnavailable, match="not a camera device"):
        devices.resolve(device)


@given(st.text(max_size=30))
def test_a_device_is_under_dev_or_refused(device: str) -> None:
    try:
        path = devices.resolve("/dev/" + device.replace("\0", ""))
    except (CameraUnavailable, OSError):
        return
    assert path.is_absolute()


def test_a_plain_file_is_not_a_camera(tmp_path: Path) -> None:
    file = tmp_path / "video0"
    file.touch()
    with pytest.raises(CameraUnavailable, match="not a V4L2 device"):
        devices.check(file)


def test_another_character_device_is_not_a_camera() -> None:
    with pytest.raises(CameraUnavailable, match="not a V4L2 device"):
        devices.check(Path("/dev/null"))


def test_a_missing_device_says_how_to_look_for_others(tmp_path: Path) -> None:
    with pytest.raises(CameraUnavailable, match="ls -l /dev/v4l/by-id"):
        devices.check(tmp_path / "video0")
