"""Bounded reading: all of a file, or an error that says why."""

import errno
from pathlib import Path

import pytest

from clockface.bounded import read_bounded


def test_a_file_of_exactly_the_bound_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1024)
    assert read_bounded(tmp_path / "file", max_bytes=1024) == b"x" * 1024


@pytest.mark.parametrize(("bound", "said"), [(1023, "1023 bytes"), (1024, "1 KiB"), (2**20, "1 MiB")])
def test_a_larger_one_is_refused_with_the_bound_in_words(tmp_path: Path, bound: int, said: str) -> None:
    (tmp_path / "file").write_bytes(b"x" * (bound + 1))
    with pytest.raises(OSError, match="larger") as caught:
        read_bounded(tmp_path / "file", max_bytes=bound)
    assert (caught.value.errno, caught.value.strerror) == (errno.EFBIG, f"it is larger than {said}")


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(OSError, match="larger"):
        read_bounded(Path("/dev/zero"), max_bytes=64)


def test_a_missing_one_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "absent", max_bytes=64)
