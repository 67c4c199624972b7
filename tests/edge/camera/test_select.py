from pathlib import Path

import pytest

from edge.camera.live import LiveCamera
from edge.camera.replay import FastReplay
from edge.camera.select import open_camera, patience_of
from edge.config.camera import CameraConfig
from edge.errors import CameraUnavailable
from edge.types.camera import CameraState
from tests.edge.camera.scenes import write_clip, write_folder


def test_fast_replay_is_synchronous_and_real_time_replay_is_live(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.avi")
    for pace, kind in (("fast", FastReplay), ("realtime", LiveCamera)):
        camera = open_camera(CameraConfig(source="replay", replay_path=clip, replay_pace=pace))  # type: ignore[arg-type]
        try:
            assert isinstance(camera, kind)
        finally:
            camera.close()


@pytest.mark.parametrize("pace", ["fast", "realtime"])
def test_a_missing_recording_is_an_error_at_once(tmp_path: Path, pace: str) -> None:
    config = CameraConfig(source="replay", replay_path=tmp_path / "no.avi", replay_pace=pace)  # type: ignore[arg-type]
    with pytest.raises(CameraUnavailable, match=r"no\.avi"):
        open_camera(config)


def test_the_configured_view_rate_and_loop_reach_the_replay(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "walk", pictures=2)
    config = CameraConfig(
        source="replay", replay_path=folder, replay_pace="fast", replay_loop=True, rotation_deg=90, fps=4.0
    )
    camera = open_camera(config)
    frames = [camera.read(timeout_s=0.0) for _ in range(3)]
    assert [frame.captured_s for frame in frames if frame] == [0.0, 0.25, 0.5]
    assert all(frame is not None and frame.image.shape == (64, 48, 3) for frame in frames)
    camera.close()


def test_a_missing_usb_camera_is_no_error_but_a_state() -> None:
    camera = open_camera(CameraConfig(device="/dev/video987"))
    try:
        assert camera.read(timeout_s=0.3) is None
        health = camera.health()
        assert health.state is CameraState.LOST
        assert "/dev/video987" in health.problem
    finally:
        camera.close()


def test_a_slow_camera_is_given_time_for_two_pictures() -> None:
    assert patience_of(CameraConfig(fps=1.0, freeze_after_s=0.5)).freeze_after_s == 2.5
    assert patience_of(CameraConfig(fps=15.0, freeze_after_s=4.0)).freeze_after_s == 4.0
    assert patience_of(CameraConfig(reopen_max_s=7.0)).reopen_max_s == 7.0


@pytest.mark.parametrize(
    "section",
    [
        {"source": "replay", "replay_path": "walk.avi"},
        {"source": "remote", "socket": "frames.sock"},
        {"source": "gstreamer", "pipeline": "videotestsrc"},
    ],
)
def test_a_fixed_exposure_that_would_change_nothing_is_refused(section: dict[str, str]) -> None:
    CameraConfig.model_validate(section)
    with pytest.raises(ValueError, match="exposure_us changes nothing"):
        CameraConfig.model_validate({**section, "exposure_us": 8000})
