"""A file with personal data that appears complete, or not at all, and that only its owner may read."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer

from clockface.secretfiles import sync_folder


@contextmanager
def private_file(path: Path, *, replace: bool) -> Iterator[TextIO]:
    """Open a new UTF-8 text file of mode 0600; it takes its name when the block ends without an error.

    Args:
        path: Its name.
        replace: Whether a file of that name may be there.

    Raises:
        typer.BadParameter: There is a file already, or none can be made there.
    """
    with (
        private_draft(path, replace=replace) as draft,
        draft.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file


@contextmanager
def private_draft(path: Path, *, replace: bool) -> Iterator[Path]:
    """Give an empty file of mode 0600 to write to; it takes its name when the block ends without an error.

    Args:
        path: Its name. The draft lies beside it, so that the last step is one rename.
        replace: Whether a file of that name may be there.

    Raises:
        typer.BadParameter: There is a file already, or none can be made there.
    """
    if os.path.lexists(path) and not replace:
        raise typer.BadParameter(f"{path} is there already; --force replaces it")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    except OSError as error:
        raise typer.BadParameter(
            f"no file can be made in {path.parent}: {error.strerror}; mkdir -p makes a folder"
            if isinstance(error, FileNotFoundError)
            else f"no file can be made in {path.parent}: {error.strerror}"
        ) from error
    draft = Path(name)
    try:
        yield draft
        os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    sync_folder(path.parent)
