"""A secret is read only if nobody else could, and written completely or not at all.

What a device's keys need of this is tested with them, in tests/edge/store/test_keys.py.
"""

import os
import stat
from pathlib import Path

import pytest

from clockface.errors import SecretInvalid, SecretMissing, SecretUnwritable
from clockface.secretfiles import make_private_folder, read_secret, write_secret


def test_what_is_written_is_read_again_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert write_secret(path, "first\n")
    assert not write_secret(path, "second\n")
    assert read_secret(path, made_by="make a key") == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_a_missing_secret_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing) as caught:
        read_secret(tmp_path / "key", made_by="clockface-office init")
    assert caught.value.next_step == "clockface-office init"


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("open")
    path.chmod(0o640)
    with pytest.raises(SecretInvalid, match="open to others"):
        read_secret(path, made_by="x")
    assert read_secret(path, made_by="x", private=False) == "open"


def test_a_secret_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(SecretUnwritable, match="nowhere"):
        write_secret(tmp_path / "nowhere" / "key", "x")


def test_a_private_folder_is_made_or_narrowed(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private_folder(folder, made_by="x")
    folder.chmod(0o755)
    make_private_folder(folder, made_by="x")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == os.geteuid()
