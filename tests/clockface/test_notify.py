import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clockface.notify import Notifier, notifier_from


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A service manager's end of the line, and the address it hands out."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@clockface-test-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address.replace("@", "\0", 1))
        server.settimeout(5)
        yield address, server


def test_every_message_reaches_the_manager_in_order(manager: tuple[str, socket.socket]) -> None:
    address, server = manager
    notifier = notifier_from({"NOTIFY_SOCKET": address})
    assert notifier.listening
    assert notifier.ready("watching")
    assert notifier.watchdog()
    assert notifier.status("no camera")
    assert notifier.stopping()
    notifier.close()
    notifier.close()
    assert [server.recv(4096) for _ in range(4)] == [
        b"READY=1\nSTATUS=watching",
        b"WATCHDOG=1",
        b"STATUS=no camera",
        b"STOPPING=1",
    ]
    assert not notifier.watchdog()


@given(text=st.text())
def test_no_status_can_smuggle_in_another_message(text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("")  # the kernel picks an abstract name
        server.settimeout(5)
        notifier = Notifier(address="@" + server.getsockname()[1:].decode())
        notifier.status(text)
        notifier.watchdog()
        notifier.close()
        first = server.recv(4096)
        assert first == b"WATCHDOG=1" or (first.startswith(b"STATUS=") and b"\n" not in first)


@pytest.mark.parametrize("address", [None, "", "/", "@", "relative", "vsock:2:1234", "/a\0b"])
def test_without_a_usable_address_nothing_is_sent_and_nothing_breaks(address: str | None) -> None:
    notifier = Notifier(address=address)
    assert not notifier.listening
    assert not notifier.ready()
    notifier.close()


def test_a_manager_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    notifier = Notifier(address=str(tmp_path / "gone"))
    assert notifier.listening
    assert not notifier.watchdog()
    notifier.close()


def test_a_manager_that_does_not_read_does_not_block_us(manager: tuple[str, socket.socket]) -> None:
    notifier = Notifier(address=manager[0])
    results = {notifier.watchdog() for _ in range(5000)}
    notifier.close()
    assert results == {True, False}


@pytest.mark.parametrize(
    ("environment", "expected_s"),
    [
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "77"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_limit_is_read_from_the_environment(
    environment: dict[str, str], expected_s: float | None
) -> None:
    notifier = notifier_from(environment, pid=77)
    assert notifier.watchdog_s == expected_s
    assert notifier.watchdog_interval_s == (None if expected_s is None else expected_s / 2)
