"""`clockface-sync run` as the process that systemd starts: ready, watched, killed, ended; and what it costs."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sync.courier_runner import WAIT_S, await_until
from tests.sync.line import ADDRESS, Line, lay
from tests.sync.mosquitto import Mosquitto

MOST_RESIDENT_BYTES = 80_000_000


@pytest.fixture
def line(tmp_path: Path, broker: Mosquitto) -> Iterator[Line]:
    with lay(tmp_path, broker) as made:
        yield made


@contextmanager
def process(
    line: Line, *, port: int | None = None
) -> "Iterator[tuple[subprocess.Popen[bytes], socket.socket]]":
    """The courier's process, and the socket on which systemd would listen."""
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(line.tmp / "notify"))
    notify.settimeout(WAIT_S)
    settings = {
        "DEVICE__SITE": ADDRESS.site,
        "DEVICE__NAME": ADDRESS.device,
        "PATHS__RUN": str(line.tmp),
        "PATHS__TLS": str(line.tmp / "tls"),
        "BROKER__ADDRESSES": json.dumps([f"localhost:{port or line.broker.port}"]),
        "CERTIFICATE__RENEW_DAYS": "0",
    }
    environment = {
        **os.environ,
        **{f"CLOCKFACE_SYNC_{name}": value for name, value in settings.items()},
        "NOTIFY_SOCKET": str(line.tmp / "notify"),
        "WATCHDOG_USEC": "2000000",
    }
    with (line.tmp / "log").open("wb") as log:
        running = subprocess.Popen([sys.executable, "-m", "sync", "run"], env=environment, stderr=log)
    try:
        yield running, notify
    finally:
        running.kill()
        running.wait(WAIT_S)
        notify.close()


def _told(notify: socket.socket, wanted: str) -> None:
    while wanted not in notify.recv(4096).decode().splitlines():
        pass


def test_it_is_ready_with_edges_answer_whatever_the_network_does_and_feeds_the_watchdog(line: Line) -> None:
    with process(line, port=1) as (_, notify):
        _told(notify, "READY=1")
        _told(notify, "WATCHDOG=1")
        _told(notify, "WATCHDOG=1")


def test_it_is_not_ready_without_edge(line: Line) -> None:
    line.edge.down()
    with process(line) as (_, notify):
        assert "STATUS=waits for edge" in notify.recv(4096).decode()
        line.edge.up()
        _told(notify, "READY=1")


def test_killed_it_is_dead_by_will_and_a_new_one_carries_on(line: Line) -> None:
    line.edge.record(20)
    with process(line) as (running, _):
        birth = line.state()
        await_until(lambda: line.complete, "the first")
        running.send_signal(signal.SIGKILL)
        death = line.state()
        assert (death.session, death.online, death.orderly) == (birth.session, False, False)
    (line.tmp / "notify").unlink()
    line.edge.record(20)
    with process(line) as (running, _):
        await_until(lambda: line.complete, "the rest")
        running.send_signal(signal.SIGTERM)
        assert running.wait(WAIT_S) == 0
    assert line.in_order()


def test_a_backlog_costs_little_memory(line: Line) -> None:
    line.edge.record(10_000)
    with process(line) as (running, _):
        await_until(lambda: line.complete, "the backlog")
        status = Path(f"/proc/{running.pid}/status").read_text()
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak_kb * 1024 < MOST_RESIDENT_BYTES


def test_it_loads_nothing_of_the_device_and_no_database() -> None:
    heavy = "'numpy', 'cv2', 'sqlalchemy', 'sqlite3'"
    code = f"import sys, sync.run; print([m for m in ({heavy}) if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
