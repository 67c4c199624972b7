"""The sockets themselves: made so that nobody without the role can ever connect, and who is on the other end.

Trust boundary: a socket's mode and group are the only gate between accounts of this machine. Its mode is set
before it has a name (fchmod before bind: no umask is touched, no window opens), it takes its final name by
rename, and only a socket on which nobody listens is replaced.
"""

import contextlib
import grp
import os
import pwd
import socket
import stat
import struct
from pathlib import Path

from clockface.errors import ConfigError
from edge.api.protocol.exchange import Role
from edge.api.service import Peer
from edge.errors import ApiError

MAX_PATH_BYTES = 103  # sun_path holds 108 with its NUL; a temporary name needs four more
BACKLOG = 32
_CREDENTIALS = struct.Struct("iII")


def bind(run: Path, role: Role, *, group: str) -> socket.socket:
    """Make the listening socket of a role: mode 0600, or 0660 with a group.

    Raises:
        ApiError: The folder or the path cannot be used, or another daemon listens there.
        ConfigError: The group does not exist or may not be given.
    """
    path = run / role.socket_name
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise ApiError(
            f"the socket's path is longer than {MAX_PATH_BYTES} bytes",
            where=str(path),
            next_step="set paths.run to a shorter folder, such as /run/clockface",
        )
    _prepare_folder(run)
    _refuse_living(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind_closed(made, path, group=group, role=role)
    except BaseException:
        made.close()
        raise
    return made


def _prepare_folder(run: Path) -> None:
    try:
        run.mkdir(mode=0o711, parents=True, exist_ok=True)
        status = run.stat()
    except OSError as error:
        raise ApiError(
            f"the folder of the sockets cannot be made: {error.strerror}",
            where=str(run),
            next_step="start it through systemd (systemctl start clockface-edge), or set paths.run",
        ) from error
    if status.st_mode & stat.S_IWOTH or status.st_uid not in {0, os.geteuid()}:
        raise ApiError(
            "other accounts can write to the folder of the sockets, and could put their own there",
            where=str(run),
            next_step=f"chown root {run} && chmod 0711 {run}, or set paths.run",
        )


def _refuse_living(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ApiError("something that is not a socket has the socket's name", where=str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return  # stale: its daemon is gone
        except OSError as error:
            raise ApiError(f"the socket is in use: {error.strerror or error}", where=str(path)) from error
    raise ApiError(
        "another Clockface daemon already serves this socket",
        where=str(path),
        next_step="clockface status",
    )


def _bind_closed(made: socket.socket, path: Path, *, group: str, role: Role) -> None:
    gid = None if not group else _group(group, role)
    unnamed = path.with_name(path.name + ".new")
    unnamed.unlink(missing_ok=True)
    try:
        os.fchmod(made.fileno(), 0o600)
        made.bind(str(unnamed))
        if gid is not None:
            os.chown(unnamed, -1, gid)
            unnamed.chmod(0o660)
        made.listen(BACKLOG)
        unnamed.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unnamed.unlink(missing_ok=True)
        raise ApiError(
            f"the socket cannot be made: {error.strerror or error}",
            where=str(path),
            next_step=f"run as the folder's owner, or check api.{role.value}_group",
        ) from error


def _group(name: str, role: Role) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise ConfigError(
            "no such group",
            where=f"api.{role.value}_group",
            next_step=f"groupadd --system {name}, or correct the setting",
        ) from error


def peer_of(connection: socket.socket, role: Role) -> Peer:
    """Ask the kernel who opened a connection."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(raw)
    try:
        account = pwd.getpwuid(uid).pw_name
    except KeyError:
        account = f"uid:{uid}"
    return Peer(role=role, uid=uid, pid=pid, account=account)
