"""The folders that root makes for others: the state is the daemon's, the TLS key the courier's.

Where the accounts do not exist (a development machine), everything belongs to whoever runs the command. Trust
boundary: only folders named by the configuration are touched, and links are not followed.
"""

import grp
import os
import pwd
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge.errors import ProvisioningError
from edge.setup.answers import PathsAnswers

STATE_OWNER, TLS_OWNER = "clockface", "clockface-sync"
PACKAGE_GROUPS: Final[Mapping[str, str]] = {
    "api.staff_group": "clockface-staff",
    "api.screen_group": "clockface-screen",
    "api.sync_group": "clockface-sync",
    "paths.browser_group": "clockface-kiosk",
}
"""Settings that name who may use a socket or the page, and the groups that the package makes for them."""


def _exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True


def package_groups(exists: Callable[[str], bool] = _exists) -> dict[str, str]:
    """The settings whose group the package has made here; empty on a development machine."""
    return {setting: group for setting, group in PACKAGE_GROUPS.items() if exists(group)}


def prepare_folders(paths: PathsAnswers) -> None:
    """Make state and TLS folder, mode 0700, and give them to whom they belong; repeated, it changes nothing.

    Raises:
        ProvisioningError: One cannot be made.
    """
    _prepare(paths.state, STATE_OWNER)
    _prepare(paths.tls, TLS_OWNER)


def _prepare(folder: Path, account: str) -> None:
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
        if os.geteuid() != 0:
            return
        try:
            owner = pwd.getpwnam(account)
        except KeyError:
            return
        for each in (folder, *sorted(folder.rglob("*"))):
            status = each.lstat()
            if (status.st_uid, status.st_gid) != (owner.pw_uid, owner.pw_gid):
                os.chown(each, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    except OSError as error:
        raise ProvisioningError(
            f"a folder cannot be made: {error.strerror}",
            where=str(folder),
            next_step=f"repeat it with sudo, or name another folder; ls -ld {folder.parent}",
        ) from None
