"""The copy of the ledger that a rotation begins with: its file, its checksum, and what it is.

It holds what the ledger holds, encrypted under the keys of before, and no key. Trust boundary: the folder is
staff's; nothing that is there is overwritten, and nobody else may read what is put there.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from clockface.secretfiles import make_private_folder, sync_folder
from edge.errors import LedgerDiskFull, StoreError

COPY_FILE: Final = "ledger.db"
SUM_FILE: Final = "ledger.db.sha256"  # as sha256sum writes it: sha256sum -c ledger.db.sha256
ABOUT_FILE: Final = "about.json"


@dataclass(frozen=True, slots=True)
class About:
    """What a copy is.

    Args:
        site: Of the device.
        device: Its name.
        made_at: ISO time.
        software: Version of the daemon.
        sha256: Of the ledger's file.
        data_keys: Fingerprints of the DATA keys that it was written with, the writing one first.
        face_keys: The same for FACE.
    """

    site: str
    device: str
    made_at: str
    software: str
    sha256: str
    data_keys: tuple[str, ...]
    face_keys: tuple[str, ...]


def keep_copy(
    folder: Path, *, fetch: Callable[[Callable[[bytes], object]], str], about: Callable[[str], About]
) -> About:
    """Put a copy of the ledger into a folder that has none.

    Args:
        folder: Is made, mode 0700; its files have mode 0600.
        fetch: Writes the ledger's bytes with what it is given, and returns their SHA-256.
        about: Says what the copy is, given the checksum.

    Raises:
        StoreError: There is one already.
        LedgerDiskFull: It does not fit.
        SecretUnwritable: The folder cannot be made.
    """
    make_private_folder(folder, made_by="clockface keys rotate --backup-dir DIR")
    for name in (COPY_FILE, SUM_FILE, ABOUT_FILE):
        if os.path.lexists(folder / name):
            raise StoreError(
                "there is a backup already, and it is not overwritten",
                where=str(folder / name),
                next_step="name another folder: clockface keys rotate --backup-dir DIR",
            )
    draft = folder / f".{COPY_FILE}.part"
    draft.unlink(missing_ok=True)
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            digest = fetch(file.write)
            file.flush()
            os.fsync(file.fileno())
        found = about(digest)
        _write(folder / SUM_FILE, f"{digest}  {COPY_FILE}\n")
        _write(folder / ABOUT_FILE, json.dumps(asdict(found), indent=2) + "\n")
        draft.rename(folder / COPY_FILE)  # last: a backup that has its ledger is complete
        sync_folder(folder)
    except OSError as error:
        raise LedgerDiskFull(
            f"the backup cannot be written: {error.strerror}", where=str(folder), next_step=f"df -h {folder}"
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return found


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
