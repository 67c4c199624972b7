"""V4L2 devices: which there are, and whether one can be used, without starting it.

Names come from the kernel's /sys, capabilities from VIDIOC_QUERYCAP; both are text of a device that anybody may
plug in, so they are cut and cleaned before they are shown.
"""

import fcntl
import os
import re
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.errors import CameraUnavailable

VIDEO_MAJOR = 81  # Linux: Documentation/admin-guide/devices.txt
QUERYCAP = struct.Struct("16s32s32sIII12x")  # struct v4l2_capability of linux/videodev2.h
VIDIOC_QUERYCAP = (2 << 30) | (QUERYCAP.size << 16) | (ord("V") << 8)  # _IOR('V', 0, struct v4l2_capability)
CAN_CAPTURE = 0x0000_0001 | 0x0000_1000  # single-planar, multi-planar
HAS_DEVICE_CAPS = 0x8000_0000
LIST_COMMAND = "ls -l /dev/v4l/by-id /dev/video*"


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """A V4L2 device node.

    Args:
        path: /dev/videoN.
        name: As the driver calls it, cleaned.
        captures: Whether it delivers pictures; None if it could not be asked. A USB camera also has a metadata
            node.
    """

    path: Path
    name: str
    captures: bool | None


def list_devices(
    *, sys_root: Path = Path("/sys/class/video4linux"), dev_root: Path = Path("/dev")
) -> tuple[VideoDevice, ...]:
    """All V4L2 devices by number; empty where there is none."""
    nodes = [node for node in sys_root.glob("video*") if re.fullmatch(r"video\d{1,4}", node.name)]
    found = []
    for node in sorted(nodes, key=lambda node: int(node.name[5:])):
        try:
            name = (node / "name").read_text(encoding="utf-8", errors="replace")
        except OSError:
            name = ""
        path = dev_root / node.name
        found.append(VideoDevice(path=path, name=_clean(name), captures=_captures(path)))
    return tuple(found)


def resolve(device: str, *, dev_root: Path = Path("/dev")) -> Path:
    """Find the node behind the configured device: "/dev/video0", "0", or a stable link of /dev/v4l/by-id.

    Raises:
        CameraUnavailable: It is not a path under /dev or a number.
    """
    if re.fullmatch(r"\d{1,3}", device):
        return dev_root / f"video{device}"
    path = Path(device)
    if not path.is_relative_to(dev_root) or ".." in path.parts:
        raise CameraUnavailable(
            "not a camera device: a path under /dev or a number", where=device, next_step=LIST_COMMAND
        )
    return path.resolve()


def camera_number(device: str) -> int:
    """The number of a CSI camera: "0", or "/dev/video0" as the default has it.

    Raises:
        CameraUnavailable: It is neither.
    """
    number = re.fullmatch(r"(?:/dev/video)?(\d{1,2})", device)
    if number is None:
        raise CameraUnavailable(
            "a CSI camera is named by its number",
            where=f"camera.device = {device}",
            next_step="clockface config check",
        )
    return int(number[1])


def check(path: Path) -> None:
    """Make sure that a node is a V4L2 device that delivers pictures and may be opened.

    Raises:
        CameraUnavailable: Says which of these does not hold, and what to do.
    """
    try:
        mode = path.stat()
        if not stat.S_ISCHR(mode.st_mode) or os.major(mode.st_rdev) != VIDEO_MAJOR:
            raise CameraUnavailable("not a V4L2 device", where=str(path), next_step=LIST_COMMAND)
        if not _capabilities(path) & CAN_CAPTURE:
            raise CameraUnavailable(
                "the device delivers no pictures (a metadata node?)", where=str(path), next_step=LIST_COMMAND
            )
    except FileNotFoundError as error:
        raise CameraUnavailable("no such camera", where=str(path), next_step=LIST_COMMAND) from error
    except PermissionError as error:
        raise CameraUnavailable(
            "the camera may not be opened by this user",
            where=str(path),
            next_step="sudo usermod -aG video clockface",
        ) from error
    except OSError as error:
        raise CameraUnavailable(
            f"the camera cannot be opened: {error.strerror}", where=str(path), next_step="dmesg | tail"
        ) from error


def parse_capabilities(raw: bytes) -> int:
    """The capabilities of this node in a struct v4l2_capability."""
    _driver, _card, _bus, _version, capabilities, device_caps = QUERYCAP.unpack(raw)
    return int(device_caps if capabilities & HAS_DEVICE_CAPS else capabilities)


def _capabilities(path: Path, ioctl: Callable[[int, int, bytes], bytes] | None = None) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return parse_capabilities((ioctl or fcntl.ioctl)(descriptor, VIDIOC_QUERYCAP, bytes(QUERYCAP.size)))
    finally:
        os.close(descriptor)


def _captures(path: Path) -> bool | None:
    try:
        return bool(_capabilities(path) & CAN_CAPTURE)
    except OSError:
        return None


def _clean(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name[:64]).strip()
