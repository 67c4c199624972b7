"""Edge's end of the frame socket against the capture process's end, and against a hostile one."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from edge.camera.remote import RemoteSource
from edge.camera.serve import FrameServer
from edge.camera.source import boottime_s
from edge.camera.wire import ASK, HEADER, MAGIC, VERSION, Kind, picture_header, trouble
from edge.errors import CameraLost, CameraUnavailable
from edge.types.camera import CameraHealth, CameraState
from edge.types.faces import Frame
from tests.edge.camera.scenes import picture


class FakeCamera:
    """A camera with a list of frames; None is a time-out."""

    def __init__(self, frames: list[Frame | None], *, problem: str = "") -> None:
        self._frames = iter(frames)
        self._problem = problem

    def read(self, *, timeout_s: float) -> Frame | None:
        return next(self._frames, None)

    def health(self) -> CameraHealth:
        state = CameraState.LOST if self._problem else CameraState.STREAMING
        return CameraHealth(state=state, since_s=0.0, frames=0, fps=0.0, reopened=0, problem=self._problem)

    def close(self) -> None:
        """Nothing to let go of."""


def frame(number: int) -> Frame:
    return Frame(image=picture(number), captured_s=boottime_s() - 0.05, index=number)


@contextmanager
def serving(path: Path, camera: FakeCamera) -> Iterator[None]:
    stop = threading.Event()
    server = FrameServer(path, camera=camera, tick=lambda: not stop.is_set())
    server.open()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10.0)
        server.close()


@contextmanager
def hostile(path: Path, behave: Callable[[socket.socket], object]) -> Iterator[None]:
    """A peer that answers a connection as it likes, once."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(1)
    listener.settimeout(10.0)

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10.0)
            behave(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(10.0)
        listener.close()


def test_pictures_arrive_unchanged_with_their_time(tmp_path: Path) -> None:
    sent = [frame(number) for number in range(3)]
    with serving(tmp_path / "frames.sock", FakeCamera([*sent])):
        source = RemoteSource(tmp_path / "frames.sock")
        source.open()
        for one in sent:
            shot = source.grab(within_s=5.0)
            assert np.array_equal(shot.image, one.image)
            assert shot.captured_s == pytest.approx(one.captured_s, abs=1e-6)
        source.close()
        source.close()


def test_trouble_behind_the_capture_process_is_told_in_its_words(tmp_path: Path) -> None:
    with serving(tmp_path / "frames.sock", FakeCamera([], problem="the stream broke off")):
        source = RemoteSource(tmp_path / "frames.sock")
        source.open()
        with pytest.raises(CameraLost, match="the stream broke off"):
            source.grab(within_s=5.0)
        source.close()


def test_a_camera_that_gives_nothing_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    with serving(tmp_path / "frames.sock", FakeCamera([])):
        source = RemoteSource(tmp_path / "frames.sock")
        source.open()
        with pytest.raises(CameraLost):
            source.grab(within_s=0.1)
        source.close()


def test_a_pause_of_the_camera_is_waited_for(tmp_path: Path) -> None:
    with serving(tmp_path / "frames.sock", FakeCamera([None, None, frame(5)])):
        source = RemoteSource(tmp_path / "frames.sock")
        source.open()
        assert np.array_equal(source.grab(within_s=5.0).image, picture(5))
        source.close()


def test_a_second_edge_gets_in_after_the_first_has_gone(tmp_path: Path) -> None:
    with serving(tmp_path / "frames.sock", FakeCamera([frame(1), frame(2)])):
        for _ in range(2):
            source = RemoteSource(tmp_path / "frames.sock")
            source.open()
            source.grab(within_s=5.0)
            source.close()


def test_a_peer_that_asks_in_other_words_is_dropped(tmp_path: Path) -> None:
    with serving(tmp_path / "frames.sock", FakeCamera([frame(1)])):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
            stranger.settimeout(10.0)
            stranger.connect(str(tmp_path / "frames.sock"))
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with suppress(ConnectionResetError):
                assert stranger.recv(100) == b""
        source = RemoteSource(tmp_path / "frames.sock")
        source.open()
        source.grab(within_s=5.0)
        source.close()


def test_the_socket_is_for_owner_and_group_and_goes_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "frames.sock"
    with serving(path, FakeCamera([])):
        assert path.stat().st_mode & 0o777 == 0o660
    assert not path.exists()


def test_a_socket_left_by_a_crash_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(tmp_path / "frames.sock"))
    left.close()
    with serving(tmp_path / "frames.sock", FakeCamera([])):
        pass
    (tmp_path / "notes").write_text("keep me")
    with pytest.raises(CameraUnavailable, match="notes"):
        FrameServer(tmp_path / "notes", camera=FakeCamera([]), tick=lambda: False).open()
    assert (tmp_path / "notes").read_text() == "keep me"


def test_no_capture_process_is_an_unavailable_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraUnavailable, match="systemctl status clockface-capture"):
        RemoteSource(tmp_path / "none.sock").open()


def test_grabbing_without_a_connection_is_an_error_of_the_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraLost):
        RemoteSource(tmp_path / "none.sock").grab(within_s=1.0)


def test_a_path_too_long_for_a_socket_is_an_error_of_the_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraUnavailable):
        RemoteSource(tmp_path / ("x" * 200)).open()


HOSTILE: dict[str, Callable[[socket.socket], object]] = {
    "another protocol": lambda peer: peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4294967295\r\n\r\n" * 2),
    "more than memory": lambda peer: peer.sendall(
        HEADER.pack(MAGIC, VERSION, Kind.PICTURE, 65_535, 65_535, 0, 0, 0, 2**32 - 1)
    ),
    "a length that is not the size": lambda peer: peer.sendall(
        HEADER.pack(MAGIC, VERSION, Kind.PICTURE, 64, 48, 0, 0, 0, 64 * 48 * 3 + 1)
    ),
    "half a picture": lambda peer: peer.sendall(
        picture_header(width=64, height=48, index=0, captured_s=0.0).pack() + b"half"
    ),
    "a header cut off": lambda peer: peer.sendall(MAGIC),
    "nothing": lambda peer: None,
    "no words, then nothing": lambda peer: peer.sendall(trouble("")),
}


@pytest.mark.parametrize("behave", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_capture_process_is_a_lost_camera(
    tmp_path: Path, behave: Callable[[socket.socket], object]
) -> None:
    def answer(peer: socket.socket) -> None:
        assert peer.recv(1) == ASK
        behave(peer)

    with hostile(tmp_path / "frames.sock", answer):
        source = RemoteSource(tmp_path / "frames.sock")
        source.open()
        with pytest.raises(CameraLost):
            source.grab(within_s=5.0)
        source.close()


def test_a_picture_that_trickles_in_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    done = threading.Event()

    def trickle(peer: socket.socket) -> None:
        peer.sendall(picture_header(width=640, height=480, index=0, captured_s=0.0).pack())
        try:
            while not done.wait(0.01):
                peer.sendall(b"x")
        except OSError:
            return

    with hostile(tmp_path / "frames.sock", trickle):
        source = RemoteSource(tmp_path / "frames.sock")
        source.open()
        began_s = boottime_s()
        with pytest.raises(CameraLost, match="silent"):
            source.grab(within_s=0.3)
        assert boottime_s() - began_s < 5.0
        source.close()
        done.set()


def test_a_time_stamp_of_another_clock_is_replaced(tmp_path: Path) -> None:
    old = Frame(image=picture(1), captured_s=boottime_s() + 5000.0, index=0)
    with serving(tmp_path / "frames.sock", FakeCamera([old])):
        source = RemoteSource(tmp_path / "frames.sock")
        source.open()
        assert source.grab(within_s=5.0).captured_s <= boottime_s()
        source.close()
