"""Destroys what a device kept: keys first, then the ledger, then the rest of the state folder.

Each file is overwritten once and unlinked. On flash that reaches what can be read through the file system and
not what the card's controller has put aside: `FLASH` says so. Trust boundary: the paths come from the
configuration; links are unlinked and never followed, and nobody else runs.
"""

import os
import secrets
import stat
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from clockface.secretfiles import sync_folder
from edge.errors import ProvisioningError
from edge.provisioning import AUTHORITIES_FILE, CERTIFICATE_FILE, KEY_FILE, as_owner
from edge.store.keyplace import CREDENTIALS
from edge.store.keys import DATA_FILE, FACE_FILE, KEYS_FOLDER, LEDGER_FILE, SEALING_FILE, SIGNING_FILE
from edge.store.sitekey import SITE_FILE

FLASH: Final = (
    "Keys and ledger were overwritten and removed. An SD card or SSD keeps older copies where no command "
    "reaches; with them lie the keys, unless they were sealed to a TPM. Where that matters, break the card."
)
PIECE_BYTES: Final = 1024 * 1024
SECRETS: Final = (DATA_FILE, FACE_FILE, SIGNING_FILE, SEALING_FILE, SITE_FILE)


def destroy(
    state: Path, *, tls: Path, kept: Collection[str], keep_authorities: bool, root: Path = Path("/")
) -> int:
    """Destroy keys, ledger and everything else of the state folder but the files that are named.

    Args:
        state: The state folder; no process has the ledger open.
        tls: The courier's folder: its key and certificate go.
        kept: Names in the state folder that stay.
        keep_authorities: Whether ca.crt stays: a device that only moves goes on believing whom it believed.
        root: Where /etc is.

    Returns:
        How many files went.

    Raises:
        ProvisioningError: One could not be destroyed; repeated, it goes on.
    """
    gone = 0
    with as_owner(state):
        gone += _files(_below(state / KEYS_FOLDER))
    gone += _files([root / CREDENTIALS / name for name in SECRETS])
    with as_owner(tls):
        names = [KEY_FILE, CERTIFICATE_FILE, *([] if keep_authorities else [AUTHORITIES_FILE])]
        gone += _files([*(tls / name for name in names), *_drafts(tls)])
    with as_owner(state):
        gone += _files(sorted(state.glob(f"{LEDGER_FILE}*")))
        gone += _files(each for each in _below(state) if each.parent != state or each.name not in kept)
        _folders(state)
    return gone


def _drafts(tls: Path) -> list[Path]:
    """What a renewal that was cut off may have left: another key of the same courier."""
    return [each for each in sorted(tls.glob(".*")) if each.is_file()]


def _below(folder: Path) -> list[Path]:
    """Everything but folders, at any depth."""
    found = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        found += [Path(place) / name for name in (*files, *links)]
    return sorted(found)


def _files(paths: Iterable[Path]) -> int:
    return sum(_file(path) for path in paths)


def _file(path: Path) -> bool:
    """Overwrite and unlink one; whether it was there."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _left(path, error) from None
    try:
        if stat.S_ISREG(status.st_mode):
            _overwrite(path, status.st_size)
        path.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise _left(path, error) from None
    return True


def _overwrite(path: Path, size: int) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(handle, 0o600)  # keys have mode 0400
    finally:
        os.close(handle)
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "wb") as file:
        left = size
        while left > 0:
            piece = min(left, PIECE_BYTES)
            file.write(secrets.token_bytes(piece))
            left -= piece
        file.flush()
        os.fsync(file.fileno())


def _folders(state: Path) -> None:
    for place, _, _ in os.walk(state, topdown=False):
        if Path(place) != state:
            try:
                Path(place).rmdir()
            except OSError:  # something was put there meanwhile: it is not ours
                continue


def _left(path: Path, error: OSError) -> ProvisioningError:
    return ProvisioningError(
        f"a file could not be destroyed: {error.strerror}",
        where=str(path),
        next_step="repeat the command, with sudo; it goes on where it was",
    )
