"""What is read out of a source archive: the one named file with the one digest. No package is fetched."""

import hashlib
from pathlib import Path

import pytest

from edge.inference.models import Source
from scripts.model_sources import SourceError
from scripts.sdist_sources import member_of

CLIP = b"a clip"


def source(sha256: str = hashlib.sha256(CLIP).hexdigest()) -> Source:
    return Source(ecosystem="pypi", package="some.package", version="1.0", path="data/clip.mov", sha256=sha256)


def unpacked(folder: Path, name: str = "pip-download-1") -> Path:
    path = folder / name / "some-package_1" / "data" / "clip.mov"
    path.parent.mkdir(parents=True)
    return path


def test_the_named_file_is_read(tmp_path: Path) -> None:
    unpacked(tmp_path).write_bytes(CLIP)
    assert member_of(tmp_path, source()) == CLIP


def test_another_digest_is_refused(tmp_path: Path) -> None:
    unpacked(tmp_path).write_bytes(CLIP + b".")
    with pytest.raises(SourceError, match="has the SHA-256"):
        member_of(tmp_path, source())


def test_a_link_out_of_the_archive_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(CLIP)
    unpacked(tmp_path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="cannot be fetched"):
        member_of(tmp_path, source())


def test_an_archive_that_did_not_come_is_told_with_the_words_of_pip(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No matching distribution"):
        member_of(tmp_path, source(), told="ERROR: No matching distribution found")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    unpacked(tmp_path).write_bytes(b"")
    with pytest.raises(SourceError, match="empty"):
        member_of(tmp_path, source())
