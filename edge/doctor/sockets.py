"""The daemon's doors: the folder of the sockets, and one socket a role, closed to everybody else."""

import grp
import os
import stat
from pathlib import Path

from edge.api.protocol.exchange import Role
from edge.config.device import ApiConfig
from edge.doctor.findings import Finding, fail, ok, warn


def check_folder(run: Path) -> Finding:
    """The folder of the sockets."""
    if not run.is_dir():
        return warn(f"{run} is not there", "systemctl start clockface-edge, or clockface run")
    mode = stat.S_IMODE(run.stat().st_mode)
    if mode & stat.S_IWOTH:
        return fail(f"{run} can be written by everybody (mode {mode:04o})", f"sudo chmod o-w {run}")
    return ok(f"{run}, mode {mode:04o}")


def check_socket(run: Path, role: Role, config: ApiConfig) -> Finding:
    """One role's socket: a socket, not open to others, and of the configured group."""
    path = run / role.socket_name
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return warn(f"{path} is not there", "systemctl start clockface-edge, or clockface run")
    if not stat.S_ISSOCK(status.st_mode):
        return fail(f"{path} is not a socket", f"ls -l {path}; remove it and restart clockface-edge")
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IWOTH | stat.S_IROTH):
        return fail(f"{path} is open to everybody (mode {mode:04o})", "systemctl restart clockface-edge")
    wanted = {Role.STAFF: config.staff_group, Role.SCREEN: config.screen_group, Role.SYNC: config.sync_group}[
        role
    ]
    group = _group_name(status.st_gid)
    if wanted and group != wanted:
        return fail(
            f"{path} belongs to the group {group}, api.{role.value}_group says {wanted}",
            f"getent group {wanted}; systemctl restart clockface-edge",
        )
    return ok(f"{path}, mode {mode:04o}" + (f", group {group}" if wanted else ", the daemon's own user only"))


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
