"""A small file system of its own for a device's or the office's state, which can be full at any moment.

A tmpfs that is shrunk to what it holds is full as a disk is: the next write that needs a page fails (ENOSPC).
Mounting needs root; where it is not permitted these faults are left out, and said to be.
"""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

PAGE_BYTES = 4096
ROOM_BYTES = 512 * 2**20  # a limit, not an allocation: memory is used as files are written


class DiskNotMountable(Exception):
    """Mounting is not permitted here."""


class Disk:
    """A mounted tmpfs. Use as a context manager.

    Args:
        folder: Where it is mounted; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES},mode=0700", "clockface-faults", str(folder))

    def fill(self, *, left_bytes: int) -> None:
        """Leave so much room and no more, in whole pages."""
        status = os.statvfs(self.folder)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        size = -(-(used + left_bytes) // PAGE_BYTES) * PAGE_BYTES
        self._resize(max(size, PAGE_BYTES))

    def clear(self) -> None:
        """Give the room back."""
        self._resize(ROOM_BYTES)

    def close(self) -> None:
        """Unmount, at once or as soon as the last file is closed."""
        with suppress(DiskNotMountable):
            _run("umount", "-l", str(self.folder))

    def _resize(self, size: int) -> None:
        with suppress(
            DiskNotMountable
        ):  # somebody wrote between the question and the order: full a moment later
            _run("mount", "-o", f"remount,size={size}", str(self.folder))


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except OSError as error:
        raise DiskNotMountable(str(error)) from None
    if done.returncode != 0:
        raise DiskNotMountable(done.stderr.decode(errors="replace").strip())
