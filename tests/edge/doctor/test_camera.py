from pathlib import Path

from edge.camera.devices import VideoDevice
from edge.doctor.camera import present


def test_the_devices_to_choose_from_are_those_that_may_deliver_pictures() -> None:
    devices = (
        VideoDevice(path=Path("/dev/video0"), name="HD Webcam", captures=True),
        VideoDevice(path=Path("/dev/video1"), name="HD Webcam", captures=False),
        VideoDevice(path=Path("/dev/video2"), name="Other", captures=None),
    )
    assert present(devices) == "there are: /dev/video0 (HD Webcam), /dev/video2 (Other)"
    assert present(()) == "there is no V4L2 camera"
