"""Crashes of screen, capture and commands reach edge as classes and places, and go on to the office."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clockface.errors import ConfigError
from clockface.scrubbing import Trace, scrub
from edge.api.protocol.exchange import Role
from edge.camera.crash_file import CrashFile
from edge.camera.remote import RemoteSource
from edge.camera.serve import FrameServer
from edge.cli import main as command
from edge.crash_report import AGAIN_S, MAX_KINDS, CrashTeller, UnixConnection, tell
from tests.edge.api.small_edge import SmallEdge
from tests.edge.camera.test_remote import FakeCamera, frame
from tests.edge.cli.served import served
from tests.edge.daemon.test_crashes import CANARY, caught


@pytest.fixture
def edge() -> SmallEdge:
    return SmallEdge()


@pytest.fixture
def run(tmp_path: Path, edge: SmallEdge) -> Iterator[Path]:
    folder = tmp_path / "run"
    with served(edge, folder):
        yield folder


@pytest.mark.parametrize(("role", "process"), [(Role.SCREEN, "screen"), (Role.STAFF, "command")])
def test_a_crash_is_told_scrubbed_and_the_socket_says_whose_it_is(
    edge: SmallEdge, run: Path, role: Role, process: str
) -> None:
    assert tell(run, role, caught(CANARY))
    [(of, told)] = edge.crashes
    assert of == process
    assert told.error[-1] == "ValueError"
    assert any(place.endswith(" decode") for place in told.frames)
    assert "Ada" not in told.model_dump_json()


def test_the_courier_has_no_such_door_and_a_deliberate_error_is_no_crash(edge: SmallEdge, run: Path) -> None:
    assert not tell(run, Role.SYNC, caught(CANARY))
    assert not tell(run, Role.SCREEN, ConfigError("deliberate"))
    assert not tell(run / "nowhere", Role.SCREEN, caught(CANARY))
    assert edge.crashes == []


def test_a_process_that_goes_on_tells_the_same_crash_once_an_hour(edge: SmallEdge, run: Path) -> None:
    clock = [0.0]
    teller = CrashTeller(run, Role.SCREEN, now_s=lambda: clock[0])
    error = caught(CANARY)
    for thread in (teller.begin(error), teller.begin(error)):
        if thread is not None:
            thread.join(10.0)
    assert len(edge.crashes) == 1
    clock[0] = AGAIN_S
    last = teller.begin(error)
    assert last is not None
    last.join(10.0)
    assert len(edge.crashes) == 2
    assert teller.begin(KeyboardInterrupt()) is None


def test_a_flood_of_different_crashes_is_bounded(run: Path) -> None:
    teller = CrashTeller(run / "nowhere", Role.SCREEN, now_s=lambda: 0.0)
    kinds = [type(f"Flood{number}", (Exception,), {})() for number in range(MAX_KINDS + 5)]
    begun = [teller.begin(each) for each in kinds]
    for thread in begun:
        if thread is not None:
            thread.join(10.0)
    assert sum(each is not None for each in begun) == MAX_KINDS


def test_a_command_that_crashes_tells_edge_and_crashes_all_the_same(
    edge: SmallEdge, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        """A program with a bug."""

        def run(self) -> None:
            """Fall over."""
            raise caught(CANARY)

    monkeypatch.setattr(command, "PROGRAM", Broken())
    monkeypatch.setenv("CLOCKFACE_PATHS__RUN", str(run))
    with pytest.raises(ValueError, match="Ada"):
        command.main()
    assert [of for of, _ in edge.crashes] == ["command"]


def test_what_ended_the_capture_process_reaches_edge_with_the_first_question_to_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "frames.sock"
    CrashFile(path).put(caught(CANARY))
    assert (tmp_path / "crash").stat().st_mode & 0o777 == 0o600
    assert b"Ada" not in (tmp_path / "crash").read_bytes()
    told: list[Trace] = []
    source = RemoteSource(path, crashed=told.append)
    done = threading.Event()
    camera = FakeCamera([frame(1), frame(2)])
    server = FrameServer(path, camera=camera, tick=lambda: not done.is_set(), crashes=CrashFile(path))
    server.open()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        source.open()
        assert source.grab(within_s=10.0).image is not None, "the picture comes after the crash"
        source.grab(within_s=10.0)
    finally:
        done.set()
        source.close()
        thread.join(10.0)
        server.close()
    assert [trace.error for trace in told] == [scrub(caught(CANARY)).error]
    assert not (tmp_path / "crash").exists()


def test_a_crash_file_that_is_a_link_or_missing_is_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    crash = CrashFile(tmp_path / "frames.sock")
    assert crash.take() == b""
    (tmp_path / "crash").symlink_to(secret)
    assert crash.take() == b""
    crash.put(ValueError("x"))
    assert secret.read_text() == "key"


def test_edge_refuses_what_is_not_classes_and_places(edge: SmallEdge, run: Path) -> None:
    for body in (
        {"error": []},
        {"error": ["Ada Lovelace"]},
        {"error": ["ValueError"], "frames": ["Ada Lovelace 1815"]},
        {"error": ["ValueError"], "message": CANARY},
        {"error": ["ValueError"], "process": "edge"},
    ):
        connection = UnixConnection(run / "screen.sock")
        headers = {"Content-Type": "application/json", "Clockface-Protocol": "1"}
        connection.request("POST", "/v1/crashes", body=json.dumps(body), headers=headers)
        assert connection.getresponse().status == http.HTTPStatus.BAD_REQUEST
        connection.close()
    assert edge.crashes == []
