"""The files of an authority: complete or absent after a power cut, and the secret ones its owner's alone."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from clockface.bounded import read_bounded
from clockface.secretfiles import sync_folder
from sync.office.authority.errors import AuthorityUnavailable

PUBLIC_MODE: Final = 0o644
MAX_FILE_BYTES: Final = 16 * 1024 * 1024  # a revocation list of a hundred thousand entries is a third of that


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Create a file; never touch one that exists.

    Raises:
        AuthorityUnavailable: There is one, or it cannot be written.
    """
    try:
        draft = _write_draft(path, content, mode)
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
        sync_folder(path.parent)
    except FileExistsError:
        raise AuthorityUnavailable(
            "there is a file of that name, which is not overwritten", where=str(path), next_step=f"ls -l {path}"
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from None


def replace(path: Path, content: bytes, *, mode: int = PUBLIC_MODE) -> None:
    """Write a file anew.

    Raises:
        AuthorityUnavailable: It cannot be written.
    """
    try:
        draft = _write_draft(path, content, mode)
        try:
            draft.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None


def read(path: Path, *, next_step: str) -> bytes:
    """Read a file of at most 16 MiB.

    Raises:
        AuthorityUnavailable: Missing, unreadable or larger.
    """
    try:
        return read_bounded(path, max_bytes=MAX_FILE_BYTES)
    except OSError as error:
        raise AuthorityUnavailable(
            f"a file cannot be read: {error.strerror}", where=str(path), next_step=next_step
        ) from None


def _write_draft(path: Path, content: bytes, mode: int) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)  # whatever the umask: a broker of another user reads the public ones
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink()
        raise
    return draft


def _unwritable(path: Path, error: OSError) -> AuthorityUnavailable:
    return AuthorityUnavailable(
        f"a file cannot be written: {error.strerror}",
        where=str(path),
        next_step=f"ls -ld {path.parent}; df -h {path.parent}",
    )
