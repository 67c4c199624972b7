import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.probe import focus_of, probe
from edge.config.camera import CameraConfig
from tests.edge.camera.scenes import picture, write_clip, write_folder


def test_a_probe_measures_what_is_delivered_not_what_is_configured(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.avi", fps=50.0)
    config = CameraConfig(source="replay", replay_path=clip, replay_loop=True, rotation_deg=90, fps=5.0)
    report = probe(config, for_s=0.5)
    assert report.opened
    assert report.problem == ""
    assert (report.width_px, report.height_px) == (48, 64)
    assert 10.0 < report.fps < 60.0
    assert 0.1 < report.brightness < 0.95
    assert report.frames > 3


def test_a_recording_that_ends_is_measured_to_its_end(tmp_path: Path) -> None:
    config = CameraConfig(
        source="replay", replay_path=write_folder(tmp_path / "walk"), replay_pace="fast", fps=20.0
    )
    report = probe(config, for_s=60.0)
    assert report.frames == 12
    assert report.fps == pytest.approx(20.0)


def test_a_missing_camera_is_reported_at_once_with_what_to_do() -> None:
    report = probe(CameraConfig(device="/dev/video987"), for_s=60.0)
    assert not report.opened
    assert "/dev/video987" in report.problem
    assert math.isnan(report.brightness)


def test_a_missing_recording_is_a_report_not_an_exception(tmp_path: Path) -> None:
    report = probe(CameraConfig(source="replay", replay_path=tmp_path / "none.avi"))
    assert not report.opened
    assert "none.avi" in report.problem


def test_a_blurred_picture_has_less_focus_at_any_size() -> None:
    sharp = cv2.resize(picture(3), (640, 480), interpolation=cv2.INTER_NEAREST)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 15)
    assert focus_of(sharp) > 5 * focus_of(blurred)
    assert focus_of(np.zeros((16, 4096, 3), np.uint8)) == 0.0
