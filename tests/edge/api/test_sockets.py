"""The sockets: closed from the first instant, never stolen from a living daemon."""

import os
import socket
import stat
from pathlib import Path

import pytest

from clockface.errors import ConfigError
from edge.api.protocol.exchange import Role
from edge.api.sockets import bind, peer_of
from edge.errors import ApiError


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_a_group_a_socket_is_its_owners_alone_whatever_the_umask(run: Path) -> None:
    before = os.umask(0)
    try:
        with bind(run, Role.STAFF, group=""):
            assert _mode(run / "staff.sock") == 0o600
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a socket to a group takes root")
def test_with_a_group_a_socket_is_open_to_it_and_nobody_else(run: Path) -> None:
    with bind(run, Role.SYNC, group="daemon"):
        assert _mode(run / "sync.sock") == 0o660
        assert (run / "sync.sock").stat().st_gid == 1


def test_a_group_that_does_not_exist_names_the_setting(run: Path) -> None:
    with pytest.raises(ConfigError, match=r"api\.staff_group"):
        bind(run, Role.STAFF, group="no-such-group-here")
    assert list(run.iterdir()) == []


def test_a_stale_socket_is_replaced(run: Path) -> None:
    dead = bind(run, Role.STAFF, group="")
    dead.close()
    with bind(run, Role.STAFF, group="") as made, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(run / "staff.sock"))
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def test_a_living_daemons_socket_is_left_alone(run: Path) -> None:
    with bind(run, Role.STAFF, group="") as living:
        inode = (run / "staff.sock").stat().st_ino
        with pytest.raises(ApiError, match="another Clockface daemon"):
            bind(run, Role.STAFF, group="")
        assert (run / "staff.sock").stat().st_ino == inode
        assert living.fileno() >= 0


def test_what_is_not_a_socket_is_not_overwritten(run: Path) -> None:
    (run / "staff.sock").write_text("mine")
    with pytest.raises(ApiError, match="not a socket"):
        bind(run, Role.STAFF, group="")
    assert (run / "staff.sock").read_text() == "mine"


def test_a_path_that_no_socket_can_have_is_a_clear_error(run: Path) -> None:
    with pytest.raises(ApiError, match=r"longer than 103 bytes.*set paths\.run"):
        bind(run / ("x" * 100), Role.STAFF, group="")


def test_a_folder_that_anybody_can_write_is_refused(run: Path) -> None:
    run.chmod(0o777)
    with pytest.raises(ApiError, match="other accounts can write"):
        bind(run, Role.STAFF, group="")


def test_a_folder_that_is_missing_is_made_and_not_open_for_writing(run: Path) -> None:
    with bind(run / "made", Role.STAFF, group=""):
        assert _mode(run / "made") & 0o022 == 0


def test_the_kernel_says_who_is_on_the_other_end(run: Path) -> None:
    with bind(run, Role.STAFF, group="") as made, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(run / "staff.sock"))
        accepted, _ = made.accept()
        with accepted:
            peer = peer_of(accepted, Role.STAFF)
    assert (peer.role, peer.uid, peer.pid) == (Role.STAFF, os.getuid(), os.getpid())
    assert peer.account
