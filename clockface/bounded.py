"""Reads files that people name: whole and bounded, so that one that never ends is refused and not followed.

Every failure is an `OSError` whose `strerror` says why in words, for the caller's own error to repeat.
"""

import errno
from pathlib import Path


def read_bounded(path: Path, *, max_bytes: int) -> bytes:
    """A file's bytes.

    Raises:
        OSError: It cannot be read, or it holds more (`errno.EFBIG`).
    """
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {_size(max_bytes)}", str(path))
    return content


def _size(count: int) -> str:
    for unit, name in ((2**20, "MiB"), (2**10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"
