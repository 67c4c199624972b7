"""Files that hold a secret: read only if nobody else could, written completely or not at all.

Why apart: the rules (no symbolic link, own file, no group, no other, bounded size, fsync of file and folder)
must be the same for every key. Trust boundary: the file system; whoever is root stands above it.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from clockface.errors import SecretInvalid, SecretMissing, SecretUnwritable

MAX_SECRET_BYTES = 8192
SECRET_MODE = 0o400


def read_secret(path: Path, *, made_by: str, private: bool = True) -> str:
    """Read a secret of at most 8 KiB of UTF-8 text.

    Args:
        path: A regular file, not a symbolic link.
        made_by: The command that makes it, for whoever misses it.
        private: Demand that it is ours and closed to group and others. systemd guards its credentials by an
            unswappable mount of its own, whose modes differ between versions: False for those.

    Raises:
        SecretMissing: There is no such file, or it cannot be read.
        SecretInvalid: Not a regular file, foreign, readable by others, too large or not text.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise SecretMissing("a key is missing", where=str(path), next_step=made_by) from None
    except OSError as error:
        raise SecretMissing(
            f"a key cannot be read: {error.strerror}", where=str(path), next_step=f"ls -l {path}"
        ) from None
    try:
        _check(os.fstat(handle), path, private=private)
        content = os.read(handle, MAX_SECRET_BYTES + 1)
    finally:
        os.close(handle)
    if len(content) > MAX_SECRET_BYTES:
        raise SecretInvalid(f"a key file is larger than {MAX_SECRET_BYTES} bytes", where=str(path))
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SecretInvalid("a key file is not text", where=str(path), next_step=f"file {path}") from None


def _check(status: os.stat_result, path: Path, *, private: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretInvalid("a key is not a regular file", where=str(path), next_step=f"ls -l {path}")
    if not private:
        return
    if status.st_uid != os.geteuid():
        raise SecretInvalid(
            f"a key file belongs to user {status.st_uid}, not to {os.geteuid()} who runs this",
            where=str(path),
            next_step=f"chown {os.geteuid()} {path}",
        )
    if status.st_mode & 0o077:
        raise SecretInvalid(
            f"a key file is open to others (mode {stat.S_IMODE(status.st_mode):04o})",
            where=str(path),
            next_step=f"chmod 0400 {path}; and rotate the key if others could have read it",
        )


def write_secret(path: Path, content: str) -> bool:
    """Create a file of mode 0400 that is complete or absent after a power cut; never touch one that exists.

    Returns:
        Whether it was created; False if something of that name was there already.

    Raises:
        SecretUnwritable: The folder cannot be written, or the disk is full.
    """
    if os.path.lexists(path):
        return False
    try:
        return _write_complete(path, content)
    except OSError as error:
        raise SecretUnwritable(
            f"a key cannot be written: {error.strerror}",
            where=str(path),
            next_step=f"ls -ld {path.parent}; df -h {path.parent}",
        ) from None


def replace_secret(path: Path, content: str) -> None:
    """Write a file of mode 0400 in the place of the one there: after a power cut it is the old or the new one.

    Raises:
        SecretUnwritable: The folder cannot be written, or the disk is full.
    """
    try:
        _write_complete(path, content, replace=True)
    except OSError as error:
        raise SecretUnwritable(
            f"a key cannot be written: {error.strerror}",
            where=str(path),
            next_step=f"ls -ld {path.parent}; df -h {path.parent}",
        ) from None


def _write_complete(path: Path, content: str, *, replace: bool = False) -> bool:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, SECRET_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.rename(path)
            return True
        try:
            os.link(draft, path)  # unlike a rename it cannot replace a key that appeared meanwhile
        except FileExistsError:
            return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_private_folder(folder: Path, *, made_by: str) -> None:
    """Create a folder of mode 0700 with its parents, or narrow one of ours that is there.

    Args:
        folder: The folder.
        made_by: The command that runs, for a message that says who must run it.

    Raises:
        SecretUnwritable: It is another user's, not a folder, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise SecretUnwritable(
            f"a folder cannot be made: {error.strerror}", where=str(folder), next_step=f"ls -ld {folder.parent}"
        ) from None
    if status.st_uid != os.geteuid():
        raise SecretUnwritable(
            f"the folder belongs to user {status.st_uid}, not to {os.geteuid()} who runs this",
            where=str(folder),
            next_step=f"run the command as that user: sudo -u '#{status.st_uid}' {made_by}",
        )
