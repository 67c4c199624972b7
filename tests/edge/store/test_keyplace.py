"""The lists of keys change where they lie: whole or not at all, in files and in sealed credentials."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from clockface.errors import SecretInvalid, SecretMissing, SecretUnwritable
from edge.store.keyplace import (
    CREDENTIALS,
    KeyFiles,
    KeyPlace,
    SealedCredentials,
    find_place,
    keep_first,
    listed,
    put_first,
    run_creds,
    stage,
)
from edge.store.keys import DATA_FILE, FACE_FILE, KEYS_FOLDER, generate_keys
from tests.edge.store.given import fernet_key


class Creds:
    """Stands in for systemd-creds: seals by turning round, and remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.broken = False

    def __call__(self, arguments: list[str], given: bytes) -> bytes:
        self.calls.append(arguments)
        raw = given if arguments[-2] == "-" else Path(arguments[-2]).read_bytes()
        return b"" if self.broken else raw[::-1]


@pytest.fixture(params=["files", "sealed"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> KeyPlace:
    generate_keys(tmp_path / "state")
    files = KeyFiles(tmp_path / "state" / KEYS_FOLDER)
    if request.param == "files":
        return files
    sealed = SealedCredentials(tmp_path / "sealed", run=Creds())
    for name in (DATA_FILE, FACE_FILE):
        sealed.replace(name, files.read(name))
    return sealed


def test_staging_puts_a_new_key_before_each_and_again_changes_nothing(place: KeyPlace) -> None:
    before = listed(place)
    after = stage(place)
    assert not before.staged
    assert after.staged
    assert (after.data[1:], after.face[1:]) == (before.data, before.face)
    assert stage(place) == after


def test_half_staged_lists_are_completed(place: KeyPlace) -> None:
    before = {name: place.read(name) for name in (DATA_FILE, FACE_FILE)}
    stage(place)
    place.replace(FACE_FILE, before[FACE_FILE])  # a power cut between the two
    data = place.read(DATA_FILE)
    after = stage(place)
    assert place.read(DATA_FILE) == data
    assert len(after.face) == 2


def test_the_old_keys_write_again_after_a_rollback_and_read_until_they_are_dropped(place: KeyPlace) -> None:
    old = listed(place)
    new = stage(place)
    back = put_first(place, data=old.data[0], face=old.face[0])
    assert (back.data, back.face) == (new.data[::-1], new.face[::-1])
    assert put_first(place, data=old.data[0], face=old.face[0]) == back
    assert keep_first(place, data=old.data[0], face=old.face[0]) == old


def test_only_the_keys_that_were_verified_are_kept(place: KeyPlace) -> None:
    old = listed(place)
    new = stage(place)
    with pytest.raises(SecretInvalid, match="not those that write"):
        keep_first(place, data=old.data[0], face=old.face[0])
    assert listed(place) == new
    with pytest.raises(SecretInvalid, match="do not hold"):
        put_first(place, data="0" * 16, face=new.face[0])


def test_a_list_of_three_as_after_a_restore_gets_no_fourth(place: KeyPlace) -> None:
    stage(place)
    place.replace(DATA_FILE, f"{place.read(DATA_FILE)},{fernet_key()}")
    before = listed(place)
    assert len(before.data) == 3
    assert stage(place) == before
    assert len(keep_first(place, data=before.data[0], face=before.face[0]).data) == 1


def test_sealed_keys_are_never_an_argument_and_never_in_the_clear_in_a_file(tmp_path: Path) -> None:
    generate_keys(tmp_path / "state")
    creds = Creds()
    sealed = SealedCredentials(tmp_path / "sealed", run=creds)
    for name in (DATA_FILE, FACE_FILE):
        sealed.replace(name, KeyFiles(tmp_path / "state" / KEYS_FOLDER).read(name))
    stage(sealed)
    keys = [key for name in (DATA_FILE, FACE_FILE) for key in sealed.read(name).split(",")]
    assert len(keys) == 4
    words = " ".join(word for call in creds.calls for word in call)
    content = b"".join(path.read_bytes() for path in (tmp_path / "sealed").iterdir())
    assert not [key for key in keys if key in words or key.encode() in content]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "sealed").iterdir()} == {0o400}


def test_what_does_not_open_again_does_not_take_the_place_of_what_does(tmp_path: Path) -> None:
    creds = Creds()
    sealed = SealedCredentials(tmp_path / "sealed", run=creds)
    sealed.replace(DATA_FILE, "first")
    creds.broken = True
    with pytest.raises(SecretUnwritable, match="does not open"):
        sealed.replace(DATA_FILE, "second")
    creds.broken = False
    assert sealed.read(DATA_FILE) == "first"


def test_the_place_is_credentials_before_files_and_the_environment_is_none(tmp_path: Path) -> None:
    state, root = tmp_path / "state", tmp_path / "root"
    with pytest.raises(SecretMissing, match="the environment"):
        find_place(state=state, environment={"DATA_ENCRYPTION_KEY": "x"}, root=root)
    generate_keys(state)
    assert isinstance(find_place(state=state, environment={}, root=root), KeyFiles)
    (root / CREDENTIALS).mkdir(parents=True)
    (root / CREDENTIALS / DATA_FILE).touch()
    found = find_place(state=state, environment={}, root=root)
    assert isinstance(found, SealedCredentials)
    assert found.sealed


def test_a_systemd_creds_that_says_no_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SecretUnwritable, match="systemd-creds encrypt failed"):
        run_creds(["encrypt", "--name=x", "-", "-"], b"")


_DIE = """
import os, signal, sys
from pathlib import Path
from clockface import secretfiles
from edge.store import keyplace
place = keyplace.KeyFiles(Path(sys.argv[1]))
when, act = int(sys.argv[2]), sys.argv[3]
calls = 0
def counted(name):
    real = getattr(os, name)
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == when:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    setattr(os, name, call)
for name in ("open", "fsync", "close", "rename"):
    counted(name)
found = keyplace.listed(place)
if act == "stage":
    keyplace.stage(place)
else:
    keyplace.keep_first(place, data=found.data[0], face=found.face[0])
print("over")
"""


@pytest.mark.parametrize("act", ["stage", "drop"])
def test_killed_at_any_step_both_lists_are_whole_and_hold_the_current_key(tmp_path: Path, act: str) -> None:
    generate_keys(tmp_path)
    place = KeyFiles(tmp_path / KEYS_FOLDER)
    if act == "drop":
        stage(place)
    before = listed(place)
    kept = {name: place.read(name) for name in (DATA_FILE, FACE_FILE)}
    step = over = 0
    while not over:
        step += 3  # every third system call: 20 kills
        for name, text in kept.items():
            place.replace(name, text)
        done = subprocess.run(
            [sys.executable, "-c", _DIE, str(place.folder), str(step), act],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        over = done.stdout == "over\n"
        found = listed(place)
        needed = before if act == "stage" else before.__class__(before.data[:1], before.face[:1])
        assert set(needed.data) <= set(found.data)
        assert set(needed.face) <= set(found.face)
    assert step > 12
