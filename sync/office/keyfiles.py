"""The files of a rotation: the next key beside the present one, a switch that leaves a key at every moment.

`FILE.next` becomes `FILE`, `FILE` becomes `FILE.previous`, which goes when the key is dropped; what was done
halfway is finished by doing it again. Trust boundary: files of mode 0400 of whoever uses the present one.
"""

import os
from pathlib import Path

from clockface.errors import SecretUnwritable
from clockface.secretfiles import sync_folder


def next_of(path: Path) -> Path:
    """Where the next key lies until the switch."""
    return path.with_name(f"{path.name}.next")


def previous_of(path: Path) -> Path:
    """Where the previous key lies until it is dropped."""
    return path.with_name(f"{path.name}.previous")


def switch_files(path: Path) -> None:
    """Put the next key in the place of the present one, which stays as the previous.

    Raises:
        SecretUnwritable: The folder cannot be written; a key is at its place all the same.
    """
    try:
        if not os.path.lexists(previous_of(path)):
            os.link(path, previous_of(path))
            sync_folder(path.parent)
        next_of(path).replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None


def drop_file(path: Path) -> None:
    """Remove the previous key's file, if it is there.

    Raises:
        SecretUnwritable: It cannot be removed.
    """
    try:
        previous_of(path).unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(previous_of(path), error) from None


def _unwritable(path: Path, error: OSError) -> SecretUnwritable:
    return SecretUnwritable(
        f"a key's file cannot be written: {error.strerror}",
        where=str(path),
        next_step=f"ls -ld {path.parent}; run this as the owner of {path.name}",
    )
