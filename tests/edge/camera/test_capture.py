"""The capture process as it is run, between real network cameras and edge's end of its socket."""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clockface.errors import ConfigError
from edge.camera import capture
from edge.camera.gstreamer import Gst
from edge.camera.select import open_camera
from edge.camera.source import boottime_s
from edge.config.camera import CameraConfig
from edge.types.camera import CameraState
from tests.edge.camera.ip_cameras import HEIGHT, WIDTH, http_camera, rtsp_camera


def url_file(folder: Path, url: str) -> Path:
    path = folder / "camera-url"
    path.write_text(url + "\n")
    path.chmod(0o600)
    return path


@contextmanager
def capturing(folder: Path, url: str, *more: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "edge.camera.capture", "--url-file", str(url_file(folder, url))]
    process = subprocess.Popen(
        [*command, "--socket", str(folder / "frames.sock"), "--reopen-max-s", "1", *more],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10.0)


def see_frames(folder: Path, *, width: int, height: int) -> None:
    config = CameraConfig(source="remote", socket=folder / "frames.sock", freeze_after_s=5.0, reopen_max_s=1.0)
    camera = open_camera(config)
    try:
        until_s = boottime_s() + 30.0
        frames = []
        while len(frames) < 5 and boottime_s() < until_s:
            frame = camera.read(timeout_s=0.5)
            frames += [] if frame is None else [frame]
        assert len(frames) == 5, camera.health().problem
        assert all(frame.image.shape == (height, width, 3) for frame in frames)
        assert boottime_s() - frames[-1].captured_s < 5.0
        assert camera.health().state is CameraState.STREAMING
    finally:
        camera.close()


def test_pictures_of_a_network_camera_reach_edge_over_the_socket(tmp_path: Path) -> None:
    with http_camera() as url, capturing(tmp_path, url) as process:
        see_frames(tmp_path, width=WIDTH, height=HEIGHT)
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=20.0)
        assert process.returncode == 0, error
        assert "secret" not in out + error
    assert not (tmp_path / "frames.sock").exists()


def test_wide_pictures_are_made_smaller_before_they_travel(tmp_path: Path) -> None:
    with http_camera() as url, capturing(tmp_path, url, "--max-width-px", "160"):
        see_frames(tmp_path, width=160, height=120)


def test_pictures_of_a_real_rtsp_server_reach_edge(tmp_path: Path, gst: Gst) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # Debian 12's PyGObject imports in an old way
        with rtsp_camera(gst) as url, capturing(tmp_path, url):
            see_frames(tmp_path, width=WIDTH, height=HEIGHT)


def test_an_absent_network_camera_is_told_to_edge_without_its_password(tmp_path: Path) -> None:
    with capturing(tmp_path, "rtsp://user:secret@127.0.0.1:9/door") as process:
        config = CameraConfig(
            source="remote", socket=tmp_path / "frames.sock", freeze_after_s=0.5, reopen_max_s=1.0
        )
        camera = open_camera(config)
        try:
            until_s = boottime_s() + 30.0
            while "network camera does not answer" not in camera.health().problem and boottime_s() < until_s:
                camera.read(timeout_s=0.2)
            assert camera.health().state is CameraState.LOST
            assert "network camera does not answer" in camera.health().problem
        finally:
            camera.close()
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=20.0)
        assert "secret" not in out + error


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o666])
def test_an_address_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = url_file(tmp_path, "rtsp://camera/door")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        capture.read_url(path)


def test_group_may_read_the_address_only_where_root_owns_it_as_with_systemds_credentials(
    tmp_path: Path,
) -> None:
    path = url_file(tmp_path, "rtsp://camera/door")
    path.chmod(0o440)
    if path.stat().st_uid == 0:
        assert capture.read_url(path) == "rtsp://camera/door"
    else:
        with pytest.raises(ConfigError, match="chmod 600"):
            capture.read_url(path)


@pytest.mark.parametrize("text", ["", "file:///etc/passwd", "rtsp://camera/door\nrtsp://other/", "x" * 5000])
def test_an_address_file_without_an_address_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        capture.read_url(url_file(tmp_path, text))


def test_a_missing_address_file_ends_the_process_with_the_exit_code_of_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        code = capture.start(
            ["--url-file", str(tmp_path / "none"), "--socket", str(tmp_path / "s")], environment=os.environ
        )
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert code == ConfigError.exit_code
    assert "none" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--max-width-px", "9"], ["--wait-s", "0"], ["--reopen-max-s", "nan"]])
def test_settings_out_of_bounds_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        capture.parse(["--url-file", "u", "--socket", "s", *wrong])
