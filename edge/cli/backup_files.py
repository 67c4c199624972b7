"""Removes backups that this device made when their time is over; other files in the folder are none of ours.

Trust boundary: the folder is staff's. Only regular files with exactly the name that `clockface backup create`
gives go, and never the newest.
"""

from datetime import datetime

from edge.config.tree import Config
from edge.errors import StoreError
from edge.retention import BackupFile, backups_in, expired_backups


def old_backups(config: Config, *, now: datetime) -> tuple[BackupFile, ...]:
    """The backups in `backup.folder` that are over.

    Raises:
        StoreError: The folder cannot be read.
    """
    folder = config.backup.folder
    if folder is None:
        return ()
    try:
        files = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    except OSError as error:
        raise StoreError(
            f"the folder of the backups cannot be read: {error.strerror}",
            where=f"{folder} (backup.folder)",
            next_step=f"ls -ld {folder}; mount",
        ) from None
    ours = backups_in(files, site=config.device.site, device=config.device.name)
    return expired_backups(ours, now=now, days=config.retention.backups_days)


def remove_backups(backups: tuple[BackupFile, ...]) -> int:
    """Remove these; returns how many went.

    Raises:
        StoreError: One cannot be removed.
    """
    for each in backups:
        try:
            each.path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"a backup that is over cannot be removed: {error.strerror}",
                where=str(each.path),
                next_step=f"ls -ld {each.path.parent}",
            ) from None
    return len(backups)
