"""The network is taken from a whole process, for good: each trial is a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.inference.no_network import NetworkNotDenied, _program, deny_network

MODULE = Path(__file__).resolve().parents[3] / "edge" / "inference"
BEFORE = """
import errno, socket, subprocess, sys, threading
sys.path.insert(0, sys.argv[1])
from no_network import deny_network
def refused(family):
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
    except OSError as error:
        return error.errno == errno.EAFNOSUPPORT
    return False
assert not refused(socket.AF_INET)
"""


def run(trial: str) -> None:
    command = [sys.executable, "-c", BEFORE + trial, str(MODULE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_no_socket_but_a_unix_socket_opens_any_more() -> None:
    run(
        "deny_network()\n"
        "assert refused(socket.AF_INET) and refused(socket.AF_INET6) and refused(socket.AF_NETLINK)\n"
        "a, b = socket.socketpair()\n"
        "a.sendall(b'x'); assert b.recv(1) == b'x'\n"
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close()"
    )


def test_threads_that_ran_before_have_lost_it_too() -> None:
    run(
        "go, seen = threading.Event(), []\n"
        "thread = threading.Thread(target=lambda: (go.wait(), seen.append(refused(socket.AF_INET))))\n"
        "thread.start(); deny_network(); go.set(); thread.join()\n"
        "assert seen == [True]"
    )


def test_what_the_process_starts_has_no_network_either() -> None:
    run(
        "deny_network()\n"
        "code = 'import socket; socket.socket(socket.AF_INET)'\n"
        "assert subprocess.run([sys.executable, '-c', code], capture_output=True).returncode == 1"
    )


def test_doing_it_twice_changes_nothing() -> None:
    run("deny_network(); deny_network(); assert refused(socket.AF_INET)")


def test_on_a_machine_whose_calls_are_not_known_it_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(NetworkNotDenied, match="riscv64"):
        deny_network()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_kernels_program_is_whole_instructions(machine: str) -> None:
    assert len(_program(machine)) % 8 == 0
