"""The client: a daemon that is not there, not ours, or speaks nonsense is each its own error."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.api.client import EdgeClient
from edge.api.server import ApiServer
from edge.errors import ApiError, EdgeUnreachable, ProtocolMismatch


def test_without_a_daemon_the_next_command_is_named(run: Path) -> None:
    with EdgeClient(run) as client, pytest.raises(EdgeUnreachable, match="systemctl start clockface-edge"):
        client.status()


def test_a_dead_daemons_socket_is_the_same_as_none(run: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(run / "staff.sock"))
    with EdgeClient(run) as client, pytest.raises(EdgeUnreachable, match="not running"):
        client.status()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another account takes root")
def test_an_account_outside_the_group_is_told_which_group(run: Path, server: ApiServer) -> None:
    run.chmod(0o711)
    socket_path = run / "staff.sock"
    os.chown(socket_path, -1, 1)
    socket_path.chmod(0o660)
    code = (
        "import os, sys; from pathlib import Path; import edge.api.client as c\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: c.EdgeClient(Path(sys.argv[1])).status()\n"
        "except Exception as e: print(type(e).__name__, e)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("NotPermitted")
    assert "group daemon" in done.stdout


def _answering(run: Path, answer: bytes) -> threading.Thread:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(run / "staff.sock"))
    listening.listen(4)

    def serve() -> None:
        with listening:
            listening.accept()[0].close()  # the client looks first whether somebody listens
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                with contextlib.suppress(BrokenPipeError):  # the client may have seen enough
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ApiError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", EdgeUnreachable),
        (b"nonsense\r\n\r\n", EdgeUnreachable),
        (b"", EdgeUnreachable),
        (b"HTTP/1.1 426 x\r\nClockface-Protocol: 7\r\nContent-Length: 0\r\n\r\n", ProtocolMismatch),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_ours(run: Path, answer: bytes, error: type) -> None:
    thread = _answering(run, answer)
    with EdgeClient(run, timeout_s=5) as client, pytest.raises(error):
        client.status()
    thread.join(5)


def test_a_line_without_end_is_refused(run: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"
    thread = _answering(run, head + b"x" * 200_000)
    with EdgeClient(run, timeout_s=5) as client, pytest.raises(ApiError, match="longer than"):
        list(client.scenes())
    thread.join(5)
