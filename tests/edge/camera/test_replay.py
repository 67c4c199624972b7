from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.replay import FastReplay, ReplaySource, open_recording
from edge.camera.source import Ended, Shot
from edge.camera.view import View
from edge.errors import CameraUnavailable
from edge.types.camera import CameraState
from tests.edge.camera.scenes import FakeClock, number_of, picture, write_clip, write_folder


def fast(path: Path, *, fps: float = 10.0, loop: bool = False, view: View | None = None) -> FastReplay:
    return FastReplay(open_recording(path, fps=fps), loop=loop, view=view or View(), now_s=FakeClock())


def drain(camera: FastReplay) -> list[tuple[int, int, float]]:
    frames = []
    while (frame := camera.read(timeout_s=0.0)) is not None:
        frames.append((frame.index, number_of(frame.image), frame.captured_s))
    return frames


def test_a_fast_video_gives_every_picture_once_at_the_recordings_own_time(tmp_path: Path) -> None:
    camera = fast(write_clip(tmp_path / "walk.avi", pictures=12, fps=25.0))
    assert drain(camera) == [(n, n, pytest.approx(n / 25.0)) for n in range(12)]
    health = camera.health()
    assert (health.state, health.frames, health.problem) == (CameraState.ENDED, 12, "")


def test_a_fast_folder_gives_every_picture_in_name_order_at_the_configured_rate(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "walk")
    (folder / "notes.txt").write_text("not a picture")
    assert drain(fast(folder, fps=5.0)) == [(n, n, pytest.approx(n / 5.0)) for n in range(12)]


def test_a_loop_begins_again_and_time_runs_on(tmp_path: Path) -> None:
    for path in (write_clip(tmp_path / "walk.avi", pictures=4), write_folder(tmp_path / "walk", pictures=4)):
        camera = fast(path, fps=25.0, loop=True)
        frames = [camera.read(timeout_s=0.0) for _ in range(10)]
        assert [number_of(frame.image) for frame in frames if frame] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
        assert [frame.captured_s for frame in frames if frame] == pytest.approx([n / 25.0 for n in range(10)])
        camera.close()


def test_pictures_that_cannot_be_decoded_are_counted_and_not_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "walk", pictures=3)
    (folder / "001-Maria-Novak.jpg").write_bytes(b"\xff\xd8\xffnot a picture")
    camera = fast(folder)
    assert [number for _, number, _ in drain(camera)] == [0, 1, 2]
    assert camera.health().problem == "1 of 4 pictures cannot be decoded"


def test_a_looped_folder_without_one_good_picture_ends(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no")
    camera = fast(tmp_path, loop=True)
    assert camera.read(timeout_s=0.0) is None
    assert camera.health().state is CameraState.ENDED
    assert "1 of 1" in camera.health().problem


def test_a_video_cut_short_says_so(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.avi", pictures=60, width=320, height=240)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    camera = fast(clip)
    frames = drain(camera)
    assert 0 < len(frames) < 60
    if int(cv2.VideoCapture(str(clip)).get(cv2.CAP_PROP_FRAME_COUNT)) >= 60:
        assert "broke off" in camera.health().problem


@pytest.mark.parametrize("kind", ["missing", "empty folder", "not a video", "empty file"])
def test_what_cannot_be_replayed_is_an_error_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "clip.avi"
    if kind == "empty folder":
        path = tmp_path
    elif kind != "missing":
        path.write_bytes(b"" if kind == "empty file" else b"this is text\n" * 100)
    with pytest.raises(CameraUnavailable) as failure:
        open_recording(path, fps=10.0)
    assert str(path) in str(failure.value)
    assert failure.value.next_step


def test_the_view_is_applied(tmp_path: Path) -> None:
    camera = fast(write_folder(tmp_path / "walk", pictures=1), view=View(rotation_deg=90))
    frame = camera.read(timeout_s=0.0)
    assert frame is not None
    assert np.array_equal(frame.image, np.rot90(picture(0), k=-1))


def test_real_time_waits_for_each_picture_and_stamps_it_with_the_present(tmp_path: Path) -> None:
    clock = FakeClock(50.0)
    source = ReplaySource(
        write_clip(tmp_path / "walk.avi", pictures=5, fps=25.0),
        fps=10.0,
        loop=False,
        now_s=clock,
        sleep=clock.sleep,
    )
    source.open()
    shots = [source.grab(within_s=5.0) for _ in range(6)]
    stamps = [shot.captured_s for shot in shots if isinstance(shot, Shot)]
    assert stamps == pytest.approx([50.0 + n / 25.0 for n in range(5)])
    assert isinstance(shots[-1], Ended)
    source.close()
    source.close()


def test_after_a_stall_real_time_goes_on_without_hurrying(tmp_path: Path) -> None:
    clock = FakeClock(50.0)
    source = ReplaySource(
        write_folder(tmp_path / "walk", pictures=6), fps=10.0, loop=False, now_s=clock, sleep=clock.sleep
    )
    source.open()
    source.grab(within_s=5.0)
    clock.now_s += 5.0
    stamps = [source.grab(within_s=5.0).captured_s for _ in range(4)]  # type: ignore[union-attr]
    assert stamps == pytest.approx([55.0, 55.0, 55.1, 55.2], abs=0.01)
    source.close()
